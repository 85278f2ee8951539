//! A run in its folder: the epochs that are left, and what each leaves behind.

use super::error::RunError;
use super::observer::{Observer, Step};
use super::pace::Pace;
use super::prepared::Loaded;
use super::resume::TakenUp;
use super::start::{Start, check_new};
use crate::checkpoint::Checkpoint;
use crate::config::{EmbeddingKind, RunConfig};
use crate::evaluate::accuracy;
use crate::files::{WriteError, create_file, refresh_file, settle};
use crate::metrics::{EpochMetrics, Summary};
use crate::metrics_file::{metrics_lines, read_summary, write_summary};
use crate::model_file::{ModelMetadata, encoded};
use crate::prototypes::prototypes_watched;
use crate::run_folder::{RunFolder, RunFolderError};
use crate::trainer::{EpochLoss, Progress, Trainer};
use nopropdt_blocks::{Method, Weights};
use nopropdt_data::{Dataset, Split};
use nopropdt_tensor::Isa;
use std::io::ErrorKind;
use std::time::Instant;

/// A run about to start or to go on. Its folder is its own for as long as it lives.
pub struct Run {
    loaded: Loaded,
    /// The settings as files keep them: the same wherever the images lie.
    kept_config: RunConfig,
    folder: RunFolder,
    taken_up: Option<TakenUp>,
    start: Option<Start>,
    /// Those of a new run that starts from a model file.
    first_weights: Option<Weights>,
}

impl Run {
    /// A new run, whose settings are in its folder when this returns. Precision `auto` is decided, so that it stays when the run goes
    /// on elsewhere. So is a model file to start from: the folder has a checkpoint with its weights, and the settings have its hash.
    ///
    /// # Errors
    /// When the folder can't be written, or the settings are of a run that has begun.
    pub fn begin(mut loaded: Loaded, folder: RunFolder) -> Result<Self, RunError> {
        check_new(&loaded.config)?;
        loaded.config.training.precision = loaded.config.training.precision.decided(loaded.isa);
        let failed = |error: WriteError| match error.reason.kind() {
            // Where there are no locks, another run may have begun in between.
            ErrorKind::AlreadyExists => {
                RunError::from(RunFolderError::Taken { path: folder.path().display().to_string() })
            }
            _ => error.into(),
        };
        let beginning = loaded.beginning.take();
        if let Some(beginning) = &beginning {
            loaded.config.training.init_from = Some(beginning.decided());
        }
        let kept_config = loaded.config.without_place();
        if let Some(beginning) = &beginning {
            // Before the settings: a kill in between leaves a run that can go on.
            let trainer = loaded.trainer()?;
            beginning.write(&folder, &kept_config, loaded.images, &trainer).map_err(failed)?;
        }
        create_file(&folder.config(), loaded.config.to_toml().as_bytes()).map_err(failed)?;
        let (start, first_weights) = beginning.map(|beginning| (beginning.start, beginning.weights)).unzip();
        Ok(Self { loaded, kept_config, folder, taken_up: None, start, first_weights })
    }

    /// A run that goes on after the last epoch that was saved.
    ///
    /// # Errors
    /// When its checkpoint can't be read, or its settings or images are not those it was started with.
    pub fn resume(loaded: Loaded, folder: RunFolder) -> Result<Self, RunError> {
        let taken_up = TakenUp::find(&folder, &loaded.config, loaded.images)?;
        let kept = taken_up.as_ref().map(|run| run.config.clone());
        let kept_config = kept.unwrap_or_else(|| loaded.config.without_place());
        Ok(Self { loaded, kept_config, folder, taken_up, start: None, first_weights: None })
    }

    /// Its settings.
    pub fn config(&self) -> &RunConfig {
        &self.loaded.config
    }

    /// What it learns from.
    pub fn dataset(&self) -> &Dataset {
        &self.loaded.dataset
    }

    /// Its network.
    pub fn network(&self) -> &dyn Method {
        self.loaded.network.as_ref()
    }

    /// The kernels it runs with.
    pub fn isa(&self) -> Isa {
        self.loaded.isa
    }

    /// Where its files are.
    pub fn folder(&self) -> &RunFolder {
        &self.folder
    }

    /// What it starts from, where it is new and that is a model file.
    pub fn start(&self) -> Option<&Start> {
        self.start.as_ref()
    }

    /// Epochs that were finished and saved before.
    pub fn finished(&self) -> usize {
        self.taken_up.as_ref().map_or(0, |run| run.metrics.len())
    }

    /// The summary of a run that needs nothing more: its last epoch is done and its files are there.
    pub fn result(&self) -> Option<Summary> {
        let complete = self.finished() == self.config().training.epochs
            && self.folder.model().is_file()
            && (self.folder.report().is_file() || cfg!(not(feature = "report")));
        // An unreadable summary is a missing one: the checkpoint holds all it is made from.
        complete.then(|| read_summary(&self.folder.summary()).ok()).flatten()
    }

    /// Trains the epochs that are left, on the threads of the pool it is called in, and writes the files of the run.
    ///
    /// # Errors
    /// [`RunError::Stopped`] when the observer wants it or numbers stop being finite; [`RunError::NotWritten`] when a file can't be
    /// written.
    pub fn train(mut self, observer: &dyn Observer) -> Result<Summary, RunError> {
        let start = Instant::now();
        let result = self.result();
        let taken_up = self.taken_up.take();
        let mut trainer = self.loaded.trainer()?;
        let before = taken_up.as_ref().map_or(0.0, |run| run.seconds);
        let first_weights = self.first_weights.take();
        let has_weights = taken_up.is_some() || first_weights.is_some();
        if let Some(weights) = first_weights {
            trainer.begin_with(weights);
        }
        let mut metrics = match taken_up {
            Some(run) => run.restore(&self.folder, &mut trainer)?,
            None => Vec::new(),
        };
        if let Some(summary) = result {
            return Ok(summary);
        }
        match metrics.len() {
            0 if !has_weights && self.config().embedding.kind == EmbeddingKind::Prototype => {
                let (train, classes) = (&self.dataset().train, self.network().facts().classes);
                let tell = |done, of| observer.prototypes(done, of);
                trainer.embed(&prototypes_watched(train, classes, &tell)?);
            }
            0 => {}
            // A kill may have come between the checkpoint and the model.
            finished => self.save_model(&trainer, finished)?,
        }
        let (epochs, mut memory) = (self.config().training.epochs, None);
        let mut pace = Pace::after(metrics.len());
        for epoch in metrics.len()..epochs {
            let began = Instant::now();
            let seconds = || began.elapsed().as_secs_f64();
            let on_step = |done: usize, of: usize, loss: f64| {
                observer.step(Step { epoch, share: done as f64 / of as f64, seconds: seconds(), loss });
            };
            let progress = Progress { on_step: &on_step, stop: &|| observer.stop() };
            let loss = trainer.epoch(&self.dataset().train, epoch, &progress).map_err(|reason| {
                let folder = self.folder.path().to_owned();
                RunError::Stopped { reason, folder, saved: pace.saved }
            })?;
            // Before anything is evaluated or written.
            memory = memory.or_else(|| self.loaded.memory.added());
            metrics.push(self.measure(&trainer, epoch, loss, seconds()));
            if epoch + 1 == epochs || pace.is_due() {
                self.save(&trainer, &metrics, before + start.elapsed().as_secs_f64(), &mut pace)?;
            }
            let left = began.elapsed() * (epochs - epoch - 1) as u32;
            observer.epoch(metrics.last().expect("just pushed"), left);
        }
        let seconds = before + start.elapsed().as_secs_f64();
        self.conclude(&trainer, &metrics, seconds, memory)
    }

    fn measure(&self, trainer: &Trainer<'_>, epoch: usize, loss: EpochLoss, seconds: f64) -> EpochMetrics {
        let measure = |split: &Split| {
            accuracy(self.network(), trainer.weights(), split, self.config().training.seed, 1).remove(0)
        };
        let test = measure(&self.dataset().test);
        EpochMetrics {
            epoch: epoch + 1,
            seconds,
            train_loss: loss.shown,
            learning_rate: loss.learning_rate,
            validation_accuracy: self.loaded.validation.as_ref().map(|split| measure(split).chain),
            test_accuracy: test.chain,
            test_accuracy_per_block: test.per_block,
            test_accuracy_consensus: test.consensus,
            test_balanced_accuracy: Some(test.chain_balanced),
            test_balanced_accuracy_consensus: Some(test.consensus_balanced),
            images_per_second: loss.images as f64 / seconds,
        }
    }

    /// A file of the run that could not be written, when the checkpoint held `saved` epochs.
    fn not_written<E>(&self, saved: usize) -> impl Fn(E) -> RunError
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        move |error| RunError::NotWritten {
            reason: Box::new(error),
            folder: self.folder.path().to_owned(),
            saved,
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
    ) -> Result<(), RunError> {
        let began = Instant::now();
        let (config, states) = (self.kept_config.to_toml(), trainer.optimizer_states());
        let checkpoint =
            Checkpoint::new(config, self.loaded.images, seconds, metrics, trainer.weights(), states);
        checkpoint.write(&self.folder.checkpoint()).map_err(self.not_written(pace.saved))?;
        let finished = metrics.len();
        let lines = metrics_lines(&self.folder.metrics(), metrics).map_err(self.not_written(finished))?;
        refresh_file(&self.folder.metrics(), &lines).map_err(self.not_written(finished))?;
        self.save_model(trainer, finished)?;
        pace.saved(finished, began);
        Ok(())
    }

    fn save_model(&self, trainer: &Trainer<'_>, finished: usize) -> Result<(), RunError> {
        let (path, dataset, weights) = (self.folder.model(), self.dataset(), trainer.weights());
        let alpha_bar = self.network().alpha_bar(weights);
        let metadata = ModelMetadata {
            normalisation: dataset.train.normalisation().cloned(),
            ..ModelMetadata::new(&self.kept_config, dataset.shape().clone(), alpha_bar, &dataset.class_names)
        };
        let bytes = encoded(&path, &metadata, self.network(), weights).map_err(self.not_written(finished))?;
        refresh_file(&path, &bytes).map_err(self.not_written(finished))
    }

    fn conclude(
        &self,
        trainer: &Trainer<'_>,
        metrics: &[EpochMetrics],
        seconds: f64,
        train_rss_bytes: Option<u64>,
    ) -> Result<Summary, RunError> {
        let last = metrics.last().expect("a run has at least one epoch");
        let summary = Summary {
            test_accuracy: last.test_accuracy,
            test_accuracy_consensus: last.test_accuracy_consensus,
            test_accuracy_per_block: last.test_accuracy_per_block.clone(),
            test_balanced_accuracy: last.test_balanced_accuracy,
            test_balanced_accuracy_consensus: last.test_balanced_accuracy_consensus,
            epochs: metrics.len(),
            parameters: trainer.weights().len() as u64,
            seconds,
            train_seconds: metrics.iter().map(|epoch| epoch.seconds).sum(),
            peak_rss_bytes: self.loaded.memory.peak(),
            train_rss_bytes,
            precision: self.network().facts().precision.to_string(),
            isa: self.isa().to_string(),
            threads: rayon::current_num_threads(),
            seed: self.config().training.seed,
        };
        let finished = metrics.len();
        #[cfg(feature = "report")]
        let page = self.report(trainer, metrics, &summary)?;
        settle(&[&self.folder.metrics(), &self.folder.model()]).map_err(self.not_written(finished))?;
        #[cfg(feature = "report")]
        crate::files::replace_file(&self.folder.report(), page.as_bytes())
            .map_err(self.not_written(finished))?;
        write_summary(&self.folder.summary(), &summary).map_err(self.not_written(finished))?;
        Ok(summary)
    }

    #[cfg(feature = "report")]
    fn report(
        &self,
        trainer: &Trainer<'_>,
        metrics: &[EpochMetrics],
        summary: &Summary,
    ) -> Result<String, RunError> {
        use crate::report::{Parts, collect, render};
        let parts = Parts {
            config: self.config(),
            network: self.network(),
            weights: trainer.weights(),
            dataset: self.dataset(),
            metrics,
            summary,
        };
        Ok(render(&collect(&parts))?)
    }
}
