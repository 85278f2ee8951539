//! What a run has done so far, and the files that hold it.

use super::error::RunError;
use super::judge::best_of;
use super::measured::MeasuredFiles;
use super::pace::Pace;
use super::session::Run;
use crate::checkpoint::Checkpoint;
use crate::files::refresh_file;
use crate::metrics::EpochMetrics;
use crate::model_file::{ModelMetadata, encoded};
use crate::trainer::{Begun, Trainer};
use nopropdt_blocks::Weights;
use std::time::Instant;

/// What a run has done so far, beside the state of its trainer.
pub(super) struct Done<'r> {
    pub(super) run: &'r Run,
    /// The finished epochs.
    pub(super) metrics: Vec<EpochMetrics>,
    /// Weights of the best epoch, where they are kept.
    pub(super) best: Option<Weights>,
    pub(super) pace: Pace,
    /// When this process began with it.
    pub(super) began: Instant,
    /// Seconds that other processes took before.
    pub(super) before: f64,
}

impl Done<'_> {
    /// Seconds that the run has taken, over all its processes.
    pub(super) fn seconds(&self) -> f64 {
        self.before + self.began.elapsed().as_secs_f64()
    }

    /// Weights of the model: of the best epoch where they are kept, else as they are.
    pub(super) fn model<'a>(&'a self, trainer: &'a Trainer<'_>) -> &'a Weights {
        self.best.as_ref().unwrap_or(trainer.answering())
    }

    /// Keeps the weights of the epoch that was just measured, if it is the best and that is kept.
    pub(super) fn keep_if_best(&mut self, trainer: &Trainer<'_>) {
        let last = self.metrics.len();
        if self.run.keeps_best() && best_of(&self.metrics).is_some_and(|best| best.epoch == last) {
            self.best = Some(trainer.answering().clone());
        }
    }

    /// Writes what the run has done, the checkpoint first: whatever else there is, a checkpoint belongs to it, and the others can be made
    /// from that again. `begun` is what is done of an epoch in whose middle it is, and in how many seconds.
    ///
    /// # Errors
    /// [`RunError::NotWritten`].
    pub(super) fn save(
        &mut self,
        trainer: &Trainer<'_>,
        begun: Option<(&Begun, f64)>,
    ) -> Result<(), RunError> {
        let (run, began, finished) = (self.run, Instant::now(), self.metrics.len());
        // Numbers that no file can hold are refused before the checkpoint has them.
        let readouts = run.network().facts().readouts;
        let files = MeasuredFiles::of(&run.folder, &self.metrics, readouts).map_err(self.not_written())?;
        let (config, states) = (run.kept_config.to_toml(), trainer.optimizer_states());
        let (seconds, weights) = (self.seconds(), trainer.weights());
        let checkpoint = Checkpoint::new(config, run.loaded.images, seconds, &self.metrics, weights, states)
            .with_extensions(run.extensions.clone())
            .with_average(trainer.average())
            .with_best(self.older_best(begun.is_some()));
        let checkpoint = match begun {
            Some((begun, seconds)) => checkpoint.within(begun, seconds),
            None => checkpoint,
        };
        checkpoint.write(&run.folder.checkpoint()).map_err(self.not_written())?;
        (self.pace.saved, self.pace.saved_part) = (finished, begun.is_some());
        if finished > 0 {
            files.write().map_err(self.not_written())?;
        }
        self.save_model(trainer)?;
        self.pace.saved(finished, begun.is_some(), began);
        Ok(())
    }

    /// The best weights, where they are not those of the state, which a checkpoint has anyway.
    fn older_best(&self, within_epoch: bool) -> Option<&Weights> {
        let best = self.best.as_ref()?;
        (within_epoch || best_of(&self.metrics)?.epoch != self.metrics.len()).then_some(best)
    }

    /// A file that could not be written, beside a checkpoint of what was saved last.
    fn not_written<E: std::error::Error + Send + Sync + 'static>(&self) -> impl Fn(E) -> RunError {
        self.run.not_written(self.pace.saved, self.pace.saved_part)
    }

    /// Writes the model of what was saved.
    ///
    /// # Errors
    /// [`RunError::NotWritten`].
    pub(super) fn save_model(&self, trainer: &Trainer<'_>) -> Result<(), RunError> {
        let (run, weights) = (self.run, self.model(trainer));
        let (path, dataset) = (run.folder.model(), run.dataset());
        let alpha_bar = run.network().alpha_bar(weights);
        let metadata = ModelMetadata {
            normalisation: dataset.train.normalisation().cloned(),
            brightness: run.loaded.brightness,
            readout: run.chosen_readout(&self.metrics),
            ..ModelMetadata::new(&run.kept_config, dataset.shape().clone(), alpha_bar, &dataset.class_names)
        };
        let bytes = encoded(&path, &metadata, run.network(), weights).map_err(self.not_written())?;
        refresh_file(&path, &bytes).map_err(self.not_written())
    }
}
