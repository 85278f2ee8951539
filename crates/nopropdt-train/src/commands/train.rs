//! `train`: from a configuration to a run folder.

use super::images::{self, image_shape};
use super::pace::Pace;
use super::progress::Display;
use super::resume::{self, TakenUp};
use super::{TrainArguments, UsageError, data_folder, must_exist, output, percent, thread_pool};
use crate::checkpoint::Checkpoint;
use crate::config::{EmbeddingKind, Overrides, RunConfig};
use crate::evaluate::accuracy;
use crate::files::{create_file, replace_file, settle};
use crate::image_hash::image_hash;
use crate::memory::Watch;
use crate::memory_limit::memory_warning;
use crate::metrics::{EpochMetrics, Summary, read_summary, refresh_metrics, write_summary};
use crate::model_file::{ModelFileError, ModelMetadata, refresh};
use crate::prototypes::{members, prototypes};
use crate::report;
use crate::run_folder::{RunFolder, RunFolderError};
use crate::signals::interruption_flag;
use crate::trainer::{EpochLoss, Progress, TrainError, Trainer, batches_per_epoch};
use anyhow::{Context, Result};
use nopropdt_blocks::Method;
use nopropdt_data::{Dataset, Split};
use nopropdt_tensor::Isa;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// A run ended before its last epoch, or before its last file was there.
#[derive(Debug, thiserror::Error)]
#[error("{reason}; {kept}")]
pub(super) struct Stopped {
    reason: String,
    /// What is left of the run, and how to go on.
    kept: String,
    /// Whether somebody wanted it so.
    pub(super) interrupted: bool,
}

/// A run about to start or to go on.
struct Session {
    /// The settings, with the place where the images lie now.
    config: RunConfig,
    /// The settings as files keep them: the same wherever the images lie.
    kept_config: RunConfig,
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
    // Everything runs on these threads: a pool of rayon's own would not know the bounds.
    thread_pool(arguments.threads)?.install(|| train(arguments, isa))
}

fn train(arguments: &TrainArguments, isa: Isa) -> Result<()> {
    let data_dir = data_folder(arguments.data_dir.as_deref())?;
    let (config, resumed) = match &arguments.resume {
        Some(path) => {
            resume::open(&arguments.overrides, path).map(|(config, folder)| (config, Some(folder)))?
        }
        None => (new_config(arguments, isa)?, None),
    };
    if let Some(path) = &arguments.resume {
        let told = format!("--resume {} --dataset folder:PATH", path.display());
        images::must_be_there(&config.dataset, &format!("say where they lie now: {told}"))?;
    }
    let (opened, parameters) = images::opened_for(&config, &data_dir)?;
    if let Some(warning) = memory_warning(&config, parameters, opened.image_bytes()) {
        output::complain(&warning);
    }
    let (dataset, validation) = images::load_splits(&config, opened)?;
    nopropdt_kernels::give_back_freed_memory();
    let memory = Watch::start();
    let network = config.network(image_shape(&dataset), dataset.classes())?;
    if config.embedding == EmbeddingKind::Prototype {
        // Known now, so that no folder is made for a run that can't begin.
        members(&dataset.train, dataset.classes())?;
    }
    let threads = rayon::current_num_threads();
    let images = image_hash(&[&dataset.train, &dataset.test]);
    let (folder, taken_up) = match resumed {
        Some(folder) => {
            let taken_up = resume::take_up(&folder, &config, images)?;
            (folder, taken_up)
        }
        None => (new_folder(arguments, &config, &dataset.name)?, None),
    };
    let stop = interruption_flag().context("can't listen for signals")?;
    let kept_config = taken_up.as_ref().map_or_else(|| config.without_place(), |run| run.config.clone());
    let session =
        Session { config, kept_config, folder, dataset, validation, images, network, isa, threads, memory };
    session.run(arguments, taken_up, &stop)
}

/// Makes the folder of a new run, with its settings in it.
fn new_folder(arguments: &TrainArguments, config: &RunConfig, dataset: &str) -> Result<RunFolder> {
    let name = || format!("{dataset}-{}", config.method.name());
    let folder = match &arguments.out {
        Some(path) => RunFolder::create(path)?,
        None => RunFolder::create_numbered(Path::new("runs"), &name())?,
    };
    create_file(&folder.config(), config.to_toml().as_bytes()).map_err(|error| {
        match error.reason.kind() {
            // Where there are no locks, another run may have begun in between.
            ErrorKind::AlreadyExists => {
                RunFolderError::Taken { path: folder.path().display().to_string() }.into()
            }
            _ => anyhow::Error::from(error),
        }
    })?;
    Ok(folder)
}

/// The configuration of a new run, with its precision decided, so that it stays when the run goes on elsewhere.
fn new_config(arguments: &TrainArguments, isa: Isa) -> Result<RunConfig> {
    must_exist("--config", arguments.config.as_deref())?;
    let file = arguments.config.as_deref().map(Overrides::from_file).transpose()?;
    let config = arguments.overrides.clone().over(file.unwrap_or_default()).resolve(arguments.preset)?;
    Ok(RunConfig { precision: config.precision.decided(isa), ..config })
}

impl Session {
    fn run(&self, arguments: &TrainArguments, taken_up: Option<TakenUp>, stop: &AtomicBool) -> Result<()> {
        let start = Instant::now();
        let batches = batches_per_epoch(self.dataset.train.len(), self.config.batch_size);
        let mut trainer = Trainer::new(self.network.as_ref(), &self.config, batches)?;
        let (mut metrics, before) = match taken_up {
            Some(run) => run.restore(&self.folder, &mut trainer)?,
            None => (Vec::new(), 0.0),
        };
        if metrics.is_empty() && self.config.embedding == EmbeddingKind::Prototype {
            trainer.embed(&prototypes(&self.dataset.train, self.network.facts().classes)?);
        }
        let (epochs, images) = (self.config.epochs, self.dataset.train.len());
        let display = Display::new(epochs, images, metrics.len(), arguments.no_progress, arguments.json);
        if let Some(summary) = self.finished(&metrics) {
            display.finish();
            self.going_on(&display, metrics.len());
            return self.print_result(&summary, arguments.json);
        }
        self.introduce(&display, trainer.weights().len(), metrics.len());
        if !metrics.is_empty() {
            // A kill may have come between the checkpoint and the model.
            self.save_model(&trainer).map_err(|error| self.not_written(error, metrics.len()))?;
        }
        let (mut memory, mut pace) = (None, Pace::after(metrics.len()));
        for epoch in metrics.len()..epochs {
            let began = Instant::now();
            let seconds = || began.elapsed().as_secs_f64();
            let on_step = |done: usize, of: usize, loss: f64| {
                display.step(epoch, done as f64 / of as f64, images, seconds(), loss);
            };
            let progress = Progress { on_step: &on_step, stop: &|| stop.load(Ordering::SeqCst) };
            let loss = trainer.epoch(&self.dataset.train, epoch, &progress).map_err(|error| {
                display.finish();
                self.stopped(&error, pace.saved)
            })?;
            // Before anything is evaluated or written.
            memory = memory.or_else(|| self.memory.added());
            metrics.push(self.measure(&trainer, epoch, loss, seconds()));
            if epoch + 1 == epochs || pace.is_due() {
                self.save(&trainer, &metrics, before + start.elapsed().as_secs_f64(), &mut pace)
                    .inspect_err(|_| display.finish())?;
            }
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
            self.going_on(display, finished);
        }
    }

    fn going_on(&self, display: &Display, finished: usize) {
        let nothing_left =
            if finished == self.config.epochs { ", the last: nothing is left to train" } else { "" };
        display.line(&format!(
            "{}: going on after epoch {finished}{nothing_left}",
            self.folder.path().display()
        ));
    }

    fn stopped(&self, error: &TrainError, saved: usize) -> Stopped {
        let interrupted = matches!(error, TrainError::Interrupted { .. });
        let folder = self.folder.path().display();
        let kept = match saved {
            _ if interrupted => format!("go on with --resume {folder}"),
            0 => "no epoch was finished, so there is no checkpoint".into(),
            _ => format!("{} keeps the end of epoch {saved}", self.folder.checkpoint().display()),
        };
        Stopped { reason: error.to_string(), kept, interrupted }
    }

    /// A file of the run that could not be written, when the checkpoint held `finished` epochs.
    fn not_written(&self, error: impl std::fmt::Display, finished: usize) -> Stopped {
        let folder = self.folder.path().display();
        let kept = match finished {
            0 => format!("no epoch is kept; then begin again with --resume {folder}"),
            _ => format!("the end of epoch {finished} is kept; then go on with --resume {folder}"),
        };
        Stopped { reason: error.to_string(), kept, interrupted: false }
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

    /// Writes what an epoch leaves behind, the checkpoint first: whatever else there is, a checkpoint belongs to it, and the
    /// others can be made from that again.
    fn save(
        &self,
        trainer: &Trainer<'_>,
        metrics: &[EpochMetrics],
        seconds: f64,
        pace: &mut Pace,
    ) -> Result<(), Stopped> {
        let began = Instant::now();
        let states = trainer.optimizer_states();
        let config = self.kept_config.to_toml();
        let checkpoint = Checkpoint::new(config, self.images, seconds, metrics, trainer.weights(), states);
        let finished = metrics.len();
        checkpoint.write(&self.folder.checkpoint()).map_err(|error| self.not_written(error, pace.saved))?;
        refresh_metrics(&self.folder.metrics(), metrics)
            .map_err(|error| self.not_written(error, finished))?;
        self.save_model(trainer).map_err(|error| self.not_written(error, finished))?;
        pace.saved(finished, began);
        Ok(())
    }

    fn save_model(&self, trainer: &Trainer<'_>) -> Result<(), ModelFileError> {
        let metadata = ModelMetadata {
            normalisation: self.dataset.train.normalisation().cloned(),
            ..ModelMetadata::new(
                &self.kept_config,
                image_shape(&self.dataset),
                self.network.alpha_bar(trainer.weights()),
                &self.dataset.class_names,
            )
        };
        refresh(&self.folder.model(), &metadata, self.network.as_ref(), trainer.weights())
    }

    fn conclude(
        &self,
        trainer: &Trainer<'_>,
        metrics: &[EpochMetrics],
        (seconds, train_rss_bytes): (f64, Option<u64>),
        arguments: &TrainArguments,
    ) -> Result<()> {
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
        let kept = |error: &dyn std::fmt::Display| self.not_written(error, metrics.len());
        settle(&[&self.folder.metrics(), &self.folder.model()]).map_err(|error| kept(&error))?;
        replace_file(&self.folder.report(), page.as_bytes()).map_err(|error| kept(&error))?;
        write_summary(&self.folder.summary(), &summary).map_err(|error| kept(&error))?;
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
