//! A run while it trains: the epochs that are left, and what each leaves behind.

use super::error::RunError;
use super::judge::best_of;
use super::observer::{Observer, Step};
use super::pace::Pace;
use super::resume::TakenUp;
use super::session::Run;
use crate::checkpoint::Checkpoint;
use crate::config::EmbeddingKind;
use crate::files::refresh_file;
use crate::metrics::{EpochMetrics, Summary};
use crate::metrics_file::metrics_lines;
use crate::model_file::{ModelMetadata, encoded};
use crate::prototypes::prototypes;
use crate::trainer::{Progress, Trainer};
use nopropdt_blocks::Weights;
use std::time::Instant;

impl Run {
    /// Trains the epochs that are left, on the threads of the pool it is called in, and writes the files of the run.
    ///
    /// # Errors
    /// [`RunError::Stopped`] when the observer wants it or numbers stop being finite; [`RunError::NotWritten`] when a file can't be
    /// written.
    pub fn train(mut self, observer: &dyn Observer) -> Result<Summary, RunError> {
        let (result, taken_up, first_weights) =
            (self.result(), self.taken_up.take(), self.first_weights.take());
        let mut training = Training::new(&self, taken_up, first_weights)?;
        if let Some(summary) = result {
            return Ok(summary);
        }
        training.go(observer)?;
        self.conclude(training.model(), &training.metrics, training.seconds(), training.memory)
    }
}

/// A run and all that changes while it trains.
struct Training<'r> {
    run: &'r Run,
    trainer: Trainer<'r>,
    metrics: Vec<EpochMetrics>,
    /// Weights of the best epoch, where they are kept.
    best: Option<Weights>,
    pace: Pace,
    /// When this process began with it, and seconds that others took before.
    began: Instant,
    before: f64,
    /// What the first epoch of this process added to the resident memory.
    memory: Option<u64>,
}

impl<'r> Training<'r> {
    /// A run that begins, with `first_weights` if they are not fresh, or goes on.
    ///
    /// # Errors
    /// When what was saved can't be restored.
    fn new(
        run: &'r Run,
        taken_up: Option<TakenUp>,
        first_weights: Option<Weights>,
    ) -> Result<Self, RunError> {
        let mut trainer = run.loaded.trainer()?;
        let before = taken_up.as_ref().map_or(0.0, |run| run.seconds);
        let has_weights = taken_up.is_some() || first_weights.is_some();
        if let Some(weights) = first_weights {
            trainer.begin_with(weights);
        }
        let (metrics, best) = match taken_up {
            Some(taken_up) => taken_up.restore(&run.folder, &mut trainer, run.keeps_best())?,
            None => (Vec::new(), None),
        };
        if !has_weights && run.config().embedding.kind == EmbeddingKind::Prototype {
            trainer.embed(&prototypes(&run.dataset().train, run.network().facts().classes)?);
        }
        let pace = Pace::after(metrics.len());
        Ok(Self { run, trainer, metrics, best, pace, began: Instant::now(), before, memory: None })
    }

    /// Trains the epochs that are left.
    ///
    /// # Errors
    /// As [`Run::train`].
    fn go(&mut self, observer: &dyn Observer) -> Result<(), RunError> {
        if !self.metrics.is_empty() {
            // A kill may have come between the checkpoint and the model.
            self.save_model()?;
        }
        while !self.run.is_over(&self.metrics) {
            self.epoch(observer)?;
        }
        self.measure_last()
    }

    /// Measures the last epoch where that was not its turn: the run may have been cut short after it.
    fn measure_last(&mut self) -> Result<(), RunError> {
        match self.metrics.last_mut() {
            Some(last) if last.test_accuracy.is_none() => {
                self.run.measure_accuracies(self.trainer.weights(), last);
                self.keep_if_best();
                self.save()
            }
            _ => Ok(()),
        }
    }

    /// Keeps the weights of the epoch that was just measured, if it is the best and that is kept.
    fn keep_if_best(&mut self) {
        let last = self.metrics.len();
        if self.run.keeps_best() && best_of(&self.metrics).is_some_and(|best| best.epoch == last) {
            self.best = Some(self.trainer.weights().clone());
        }
    }

    /// Trains, measures and, when it is time, saves the next epoch.
    fn epoch(&mut self, observer: &dyn Observer) -> Result<(), RunError> {
        let (run, epoch, began) = (self.run, self.metrics.len(), Instant::now());
        let seconds = || began.elapsed().as_secs_f64();
        let on_step = |done: usize, of: usize, loss: f64| {
            observer.step(Step { epoch, share: done as f64 / of as f64, seconds: seconds(), loss });
        };
        let progress = Progress { on_step: &on_step, stop: &|| observer.stop() };
        let saved = self.pace.saved;
        let loss = self.trainer.epoch(&run.dataset().train, epoch, &progress).map_err(|reason| {
            let folder = run.folder.path().to_owned();
            RunError::Stopped { reason, folder, saved }
        })?;
        // Before anything is evaluated or written.
        self.memory = self.memory.or_else(|| run.loaded.memory.added());
        self.metrics.push(run.measure(&self.trainer, epoch, loss, seconds()));
        self.keep_if_best();
        if run.is_over(&self.metrics) || self.pace.is_due() {
            self.save()?;
        }
        let left = began.elapsed() * (run.config().training.epochs - epoch - 1) as u32;
        observer.epoch(self.metrics.last().expect("just pushed"), left);
        Ok(())
    }

    /// Seconds that the run has taken, over all its processes.
    fn seconds(&self) -> f64 {
        self.before + self.began.elapsed().as_secs_f64()
    }

    /// Weights of the model: of the best epoch where they are kept, else the last ones.
    fn model(&self) -> &Weights {
        self.best.as_ref().unwrap_or(self.trainer.weights())
    }

    /// Writes what an epoch leaves behind, the checkpoint first: whatever else there is, a checkpoint belongs to it, and the
    /// others can be made from that again.
    fn save(&mut self) -> Result<(), RunError> {
        let (run, began) = (self.run, Instant::now());
        let (config, states) = (run.kept_config.to_toml(), self.trainer.optimizer_states());
        let (seconds, weights) = (self.seconds(), self.trainer.weights());
        let checkpoint = Checkpoint::new(config, run.loaded.images, seconds, &self.metrics, weights, states)
            .with_extensions(run.extensions.clone())
            .with_best(self.older_best());
        checkpoint.write(&run.folder.checkpoint()).map_err(run.not_written(self.pace.saved))?;
        let finished = self.metrics.len();
        let lines = metrics_lines(&run.folder.metrics(), &self.metrics).map_err(run.not_written(finished))?;
        refresh_file(&run.folder.metrics(), &lines).map_err(run.not_written(finished))?;
        self.save_model()?;
        self.pace.saved(finished, began);
        Ok(())
    }

    /// The best weights, where they are not those of the last epoch, which a checkpoint has anyway.
    fn older_best(&self) -> Option<&Weights> {
        let best = self.best.as_ref()?;
        (best_of(&self.metrics)?.epoch != self.metrics.len()).then_some(best)
    }

    fn save_model(&self) -> Result<(), RunError> {
        let (run, weights, finished) = (self.run, self.model(), self.metrics.len());
        let (path, dataset) = (run.folder.model(), run.dataset());
        let alpha_bar = run.network().alpha_bar(weights);
        let metadata = ModelMetadata {
            normalisation: dataset.train.normalisation().cloned(),
            ..ModelMetadata::new(&run.kept_config, dataset.shape().clone(), alpha_bar, &dataset.class_names)
        };
        let bytes = encoded(&path, &metadata, run.network(), weights).map_err(run.not_written(finished))?;
        refresh_file(&path, &bytes).map_err(run.not_written(finished))
    }
}
