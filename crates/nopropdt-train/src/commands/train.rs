//! `train`: from a configuration to a run folder.

use super::images::{self, image_shape};
use super::progress::Display;
use super::{TrainArguments, UsageError, output, percent, thread_pool};
use crate::checkpoint::Checkpoint;
use crate::config::{EmbeddingKind, Overrides, RunConfig};
use crate::evaluate::accuracy;
use crate::image_hash::image_hash;
use crate::memory::Watch;
use crate::metrics::{EpochMetrics, Summary, read_summary, replace_file, write_metrics, write_summary};
use crate::model_file::{ModelMetadata, save};
use crate::prototypes::{members, prototypes};
use crate::report;
use crate::run_folder::RunFolder;
use crate::trainer::{EpochLoss, Progress, TrainError, Trainer, batches_per_epoch};
use anyhow::{Context, Result};
use nopropdt_blocks::Method;
use nopropdt_data::{Dataset, Split};
use nopropdt_tensor::kernels::Isa;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// Training ended before its last epoch.
#[derive(Debug, thiserror::Error)]
#[error("{error}; {kept}")]
pub(super) struct Stopped {
    pub(super) error: TrainError,
    /// What is left of the run, and how to go on.
    kept: String,
}

/// A run about to start or to go on.
struct Session {
    config: RunConfig,
    folder: RunFolder,
    dataset: Dataset,
    validation: Option<Split>,
    /// Of the training and test images.
    images: [u8; 32],
    network: Box<dyn Method>,
    isa: Isa,
    threads: usize,
    /// Since the images were read.
    memory: Watch,
}

pub(super) fn run(arguments: &TrainArguments) -> Result<()> {
    let isa = Isa::selected().map_err(|error| UsageError(error.to_string()))?;
    let pool = thread_pool(arguments.threads)?;
    let (config, resumed) = match &arguments.resume {
        Some(path) => resumed_config(arguments, path)?,
        None => (new_config(arguments, isa)?, None),
    };
    let opened = images::opened_for(&config, &arguments.data_dir)?;
    let (dataset, validation) = pool.install(|| images::load_splits(&config, opened))?;
    let memory = Watch::start();
    let network = config.network(image_shape(&dataset), dataset.classes())?;
    if config.embedding == EmbeddingKind::Prototype {
        // Known now, so that no folder is made for a run that can't begin.
        members(&dataset.train, dataset.classes())?;
    }
    let folder = match (resumed, &arguments.out) {
        (Some(folder), _) => folder,
        (None, Some(path)) => RunFolder::create(path)?,
        (None, None) => RunFolder::create_numbered(
            Path::new("runs"),
            &format!("{}-{}", dataset.name, config.method.name()),
        )?,
    };
    if arguments.resume.is_none() {
        replace_file(&folder.config(), config.to_toml().as_bytes())?;
    }
    let _lock = folder.lock()?;
    let stop = interruption_flag()?;
    let threads = pool.current_num_threads();
    let images = image_hash(&[&dataset.train, &dataset.test]);
    let session = Session { config, folder, dataset, validation, images, network, isa, threads, memory };
    pool.install(|| session.run(arguments, stop))
}

/// The configuration of a new run, with its precision decided, so that it stays when the run goes on elsewhere.
fn new_config(arguments: &TrainArguments, isa: Isa) -> Result<RunConfig> {
    let file = arguments.config.as_deref().map(Overrides::from_file).transpose()?;
    let config = arguments.overrides.clone().over(file.unwrap_or_default()).resolve(arguments.preset)?;
    Ok(RunConfig { precision: config.precision.decided(isa), ..config })
}

/// The configuration of a run to resume: its own, to the letter.
fn resumed_config(arguments: &TrainArguments, path: &Path) -> Result<(RunConfig, Option<RunFolder>)> {
    if arguments.overrides != Overrides::default() {
        return Err(UsageError(
            "--resume: a run goes on with its own settings; leave the other flags out".into(),
        )
        .into());
    }
    let folder = RunFolder::open(path)?;
    let config = Overrides::from_file(&folder.config())?.resolve(None)?;
    Ok((config, Some(folder)))
}

/// A flag that Ctrl-C (or a polite kill) sets; a second one ends the program at once.
fn interruption_flag() -> Result<&'static AtomicBool> {
    static STOP: AtomicBool = AtomicBool::new(false);
    ctrlc::set_handler(|| {
        if STOP.swap(true, Ordering::SeqCst) {
            std::process::exit(130);
        }
    })
    .context("can't listen for Ctrl-C")?;
    Ok(&STOP)
}

impl Session {
    fn run(&self, arguments: &TrainArguments, stop: &AtomicBool) -> Result<()> {
        let start = Instant::now();
        let batches = batches_per_epoch(self.dataset.train.len(), self.config.batch_size);
        let mut trainer = Trainer::new(self.network.as_ref(), &self.config, batches)?;
        let (mut metrics, before) = self.restore(&mut trainer)?;
        if metrics.is_empty() && self.config.embedding == EmbeddingKind::Prototype {
            trainer.embed(&prototypes(&self.dataset.train, self.network.facts().classes)?);
        }
        if let Some(summary) = self.finished(&metrics) {
            return self.print_result(&summary, arguments.json);
        }
        let (epochs, images) = (self.config.epochs, self.dataset.train.len());
        let display = Display::new(epochs, images, metrics.len(), arguments.no_progress, arguments.json);
        self.introduce(&display, trainer.weights().len(), metrics.len());
        let mut memory = None;
        for epoch in metrics.len()..epochs {
            let began = Instant::now();
            let seconds = || began.elapsed().as_secs_f64();
            let on_step = |done: usize, of: usize, loss: f64| {
                display.step(epoch, done as f64 / of as f64, images, seconds(), loss);
            };
            let progress = Progress { on_step: &on_step, stop: &|| stop.load(Ordering::SeqCst) };
            let loss = trainer.epoch(&self.dataset.train, epoch, &progress).map_err(|error| {
                display.finish();
                self.stopped(error, epoch)
            })?;
            // Before anything is evaluated or written.
            memory = memory.or_else(|| self.memory.added());
            metrics.push(self.measure(&trainer, epoch, loss, seconds()));
            self.save(&trainer, &metrics, before + start.elapsed().as_secs_f64())?;
            let left = began.elapsed() * (epochs - epoch - 1) as u32;
            display.epoch(metrics.last().expect("just pushed"), left);
        }
        display.finish();
        let seconds = before + start.elapsed().as_secs_f64();
        self.conclude(&trainer, &metrics, (seconds, memory), arguments)
    }

    /// The summary of a run that needs nothing more: its last epoch is done and its files are there.
    fn finished(&self, metrics: &[EpochMetrics]) -> Option<Summary> {
        let complete = metrics.len() == self.config.epochs
            && self.folder.model().is_file()
            && self.folder.report().is_file();
        // An unreadable summary is a missing one: the checkpoint holds all it is made from.
        complete.then(|| read_summary(&self.folder.summary()).ok()).flatten()
    }

    /// Takes up a checkpoint if there is one: the finished epochs and the seconds they took.
    fn restore(&self, trainer: &mut Trainer<'_>) -> Result<(Vec<EpochMetrics>, f64)> {
        let path = self.folder.checkpoint();
        if !path.exists() {
            // A kill in the first epoch leaves no checkpoint; a finished run always has one.
            if self.folder.summary().exists() {
                anyhow::bail!(
                    "{}: is gone, but the run is finished; restore it, or start anew with --out",
                    path.display()
                );
            }
            return Ok((Vec::new(), 0.0));
        }
        let checkpoint = Checkpoint::read(&path)?;
        if let Some((wanted, found)) = difference(&checkpoint.config, &self.config.to_toml()) {
            let config = self.folder.config();
            anyhow::bail!(
                "{}: must be as the run was started, {wanted}; found {found}; restore it",
                config.display()
            );
        }
        if checkpoint.images != self.images {
            anyhow::bail!(
                "{}: must have the images the run was started with; {} has others now; restore them, or start anew with --out",
                path.display(),
                self.config.dataset
            );
        }
        let (metrics, seconds) = (checkpoint.epochs(&path)?, checkpoint.seconds);
        let mut weights = trainer.weights().clone();
        let states = checkpoint.restore(&path, &mut weights)?;
        trainer.restore(weights, states).with_context(|| path.display().to_string())?;
        // The checkpoint is the truth: a kill may have come between the files.
        write_metrics(&self.folder.metrics(), &metrics)?;
        Ok((metrics, seconds))
    }

    fn introduce(&self, display: &Display, parameters: usize, finished: usize) {
        let config = &self.config;
        for line in images::introduction(config, &self.dataset) {
            display.line(&line);
        }
        display.line(&format!(
            "{}: {} {}, {} parameters, {} epochs, seed {}; {}, {} kernels, {} threads",
            self.network.facts().name,
            config.steps,
            if config.method.has_blocks() { "blocks" } else { "steps" },
            parameters,
            config.epochs,
            config.seed,
            self.network.facts().precision,
            self.isa,
            self.threads
        ));
        if finished > 0 {
            display.line(&format!("{}: going on after epoch {finished}", self.folder.path().display()));
        }
    }

    fn stopped(&self, error: TrainError, epoch: usize) -> Stopped {
        let folder = self.folder.path().display();
        let kept = match (&error, epoch) {
            (TrainError::Interrupted { .. }, _) => format!("go on with --resume {folder}"),
            (_, 0) => "no epoch was finished, so there is no checkpoint".into(),
            _ => format!("{} keeps the end of epoch {epoch}", self.folder.checkpoint().display()),
        };
        Stopped { error, kept }
    }

    fn measure(&self, trainer: &Trainer<'_>, epoch: usize, loss: EpochLoss, seconds: f64) -> EpochMetrics {
        let measure = |split: &Split| {
            accuracy(self.network.as_ref(), trainer.weights(), split, self.config.seed, 1).remove(0)
        };
        let test = measure(&self.dataset.test);
        EpochMetrics {
            epoch: epoch + 1,
            seconds,
            train_loss: loss.shown,
            learning_rate: loss.learning_rate,
            validation_accuracy: self.validation.as_ref().map(|split| measure(split).chain),
            test_accuracy: test.chain,
            test_accuracy_per_block: test.per_block,
            test_accuracy_consensus: test.consensus,
            images_per_second: loss.images as f64 / seconds,
        }
    }

    /// Writes what an epoch leaves behind, the checkpoint last: whatever it names is then on disk.
    fn save(&self, trainer: &Trainer<'_>, metrics: &[EpochMetrics], seconds: f64) -> Result<()> {
        let metadata = ModelMetadata {
            normalisation: self.dataset.train.normalisation().cloned(),
            ..ModelMetadata::new(
                &self.config,
                image_shape(&self.dataset),
                self.network.alpha_bar(trainer.weights()),
                &self.dataset.class_names,
            )
        };
        write_metrics(&self.folder.metrics(), metrics)?;
        save(&self.folder.model(), &metadata, self.network.as_ref(), trainer.weights())?;
        let states = trainer.optimizer_states();
        let config = self.config.to_toml();
        let checkpoint = Checkpoint::new(config, self.images, seconds, metrics, trainer.weights(), states);
        Ok(checkpoint.write(&self.folder.checkpoint())?)
    }

    fn conclude(
        &self,
        trainer: &Trainer<'_>,
        metrics: &[EpochMetrics],
        (seconds, train_rss_bytes): (f64, Option<u64>),
        arguments: &TrainArguments,
    ) -> Result<()> {
        if !self.folder.model().is_file() {
            self.save(trainer, metrics, seconds)?;
        }
        let last = metrics.last().context("a run has at least one epoch")?;
        let summary = Summary {
            test_accuracy: last.test_accuracy,
            test_accuracy_consensus: last.test_accuracy_consensus,
            test_accuracy_per_block: last.test_accuracy_per_block.clone(),
            epochs: metrics.len(),
            parameters: trainer.weights().len() as u64,
            seconds,
            train_seconds: metrics.iter().map(|epoch| epoch.seconds).sum(),
            peak_rss_bytes: self.memory.peak(),
            train_rss_bytes,
            precision: self.network.facts().precision.to_string(),
            isa: self.isa.to_string(),
            threads: self.threads,
            seed: self.config.seed,
        };
        let parts = report::Parts {
            config: &self.config,
            network: self.network.as_ref(),
            weights: trainer.weights(),
            dataset: &self.dataset,
            metrics,
            summary: &summary,
        };
        let page = report::render(&report::collect(&parts))?;
        replace_file(&self.folder.report(), page.as_bytes())?;
        write_summary(&self.folder.summary(), &summary)?;
        self.print_result(&summary, arguments.json)
    }

    fn print_result(&self, summary: &Summary, json: bool) -> Result<()> {
        if json {
            return output::print(&serde_json::to_string(summary)?);
        }
        let blocks: Vec<String> =
            summary.test_accuracy_per_block.iter().map(|share| format!("{:.2}", 100.0 * share)).collect();
        output::print(&format!(
            "test accuracy {}\n  after each block: {} %\n  consensus of all blocks: {}\n\
             {:.1} s in all, peak memory {} MiB\nreport: {}",
            percent(summary.test_accuracy),
            blocks.join(" "),
            percent(summary.test_accuracy_consensus),
            summary.seconds,
            summary.peak_rss_bytes / (1 << 20),
            self.folder.report().display()
        ))
    }
}

/// The first setting in which two configurations differ: (of the first, of the second), as their files spell it.
fn difference(first: &str, second: &str) -> Option<(String, String)> {
    let missing = |of: &str, from: &str| {
        of.lines().find(|line| !from.lines().any(|other| other == *line)).map(str::to_owned)
    };
    let (wanted, found) = (missing(first, second), missing(second, first));
    let key = |line: &String| line.split(" = ").next().unwrap_or_default().to_owned();
    // A setting that was added or removed has nothing beside it.
    let quoted = |line: Option<String>| line.map_or("nothing".to_owned(), |line| format!("`{line}`"));
    match (wanted, found) {
        (None, None) => None,
        (Some(wanted), Some(found)) if key(&wanted) != key(&found) => {
            Some((format!("`{wanted}`"), "another value".into()))
        }
        (wanted, found) => Some((quoted(wanted), quoted(found))),
    }
}
