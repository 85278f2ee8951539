//! A run while it trains: the epochs that are left.

use super::error::RunError;
use super::left::Left;
use super::observer::{Observer, Step};
use super::pace::Pace;
use super::resume::{Restored, TakenUp};
use super::saving::Done;
use super::session::Run;
use crate::config::{EmbeddingKind, TrainingSettings};
use crate::metrics::Summary;
use crate::prototypes::prototypes_watched;
use crate::trainer::{Begun, Trainer};
use nopropdt_blocks::Weights;
use std::cell::Cell;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

impl Run {
    /// Trains the epochs that are left, on the threads of the pool it is called in, and writes the files of the run.
    ///
    /// # Errors
    /// [`RunError::Stopped`] when the observer wants it, after all that was done is saved, or numbers stop being finite;
    /// [`RunError::NotWritten`] when a file can't be written.
    pub fn train(mut self, observer: &dyn Observer) -> Result<Summary, RunError> {
        let (result, taken_up, first_weights) =
            (self.result(), self.taken_up.take(), self.first_weights.take());
        let mut training = Training::new(&self, taken_up, first_weights, observer)?;
        let summary = match result {
            Some(summary) => summary,
            None => {
                training.go(observer)?;
                let Training { trainer, done, memory, .. } = training;
                self.conclude(done.model(&trainer), &done.metrics, done.seconds(), memory)?
            }
        };
        // While the folder is still its own.
        observer.finished(&summary);
        Ok(summary)
    }
}

/// A run and all that changes while it trains.
struct Training<'r> {
    run: &'r Run,
    trainer: Trainer<'r>,
    done: Done<'r>,
    left: Left,
    /// What is done of the next epoch, and in how many seconds.
    begun: Option<(Begun, f64)>,
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
        observer: &dyn Observer,
    ) -> Result<Self, RunError> {
        let began = Instant::now();
        let mut trainer = run.loaded.trainer()?;
        let share = taken_up.as_ref().map_or(0.0, |taken_up| run.share_of(taken_up));
        let before = taken_up.as_ref().map_or(0.0, |run| run.seconds);
        let has_weights = taken_up.is_some() || first_weights.is_some();
        if let Some(weights) = first_weights {
            trainer.begin_with(weights);
        }
        let readouts = run.network().facts().readouts;
        let restored =
            taken_up.map(|taken_up| taken_up.restore(&run.folder, &mut trainer, run.keeps_best(), readouts));
        let Restored { metrics, best, begun } = restored.transpose()?.unwrap_or_default();
        if !has_weights {
            trainer.look(&run.dataset().train);
        }
        if !has_weights && run.config().embedding.kind == EmbeddingKind::Prototype {
            let (train, classes) = (&run.dataset().train, run.network().facts().classes);
            let tell = |done, of| observer.prototypes(done, of);
            trainer.embed(&prototypes_watched(train, classes, &tell)?);
        }
        let pace = Pace::after(metrics.len(), begun.is_some(), run.saved_within_epochs);
        let TrainingSettings { epochs, eval_every, .. } = run.config().training;
        let left = Left::new(metrics.len() as f64 + share, epochs, eval_every.unwrap_or(1));
        let done = Done { run, metrics, best, pace, began, before };
        Ok(Self { run, trainer, done, left, begun, memory: None })
    }

    /// Trains the epochs that are left.
    ///
    /// # Errors
    /// As [`Run::train`].
    fn go(&mut self, observer: &dyn Observer) -> Result<(), RunError> {
        if !self.done.metrics.is_empty() || self.begun.is_some() {
            // A kill may have come between the checkpoint and the model.
            self.done.save_model(&self.trainer)?;
        }
        while !self.run.is_over(&self.done.metrics) {
            self.epoch(observer)?;
        }
        self.measure_last(observer)
    }

    /// Measures the last epoch where that was not its turn: the run may have been cut short after it.
    fn measure_last(&mut self, observer: &dyn Observer) -> Result<(), RunError> {
        let Self { run, trainer, done, .. } = self;
        match done.metrics.last_mut() {
            Some(last) if last.test_accuracy.is_none() => {
                run.measure_accuracies(trainer.answering(), last);
                done.keep_if_best(trainer);
                done.save(trainer, None)?;
                done.metrics.last().into_iter().for_each(|last| observer.epoch(last, Duration::ZERO));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Trains, measures and, when it is time, saves the next epoch, or what is left of it.
    fn epoch(&mut self, observer: &dyn Observer) -> Result<(), RunError> {
        let (run, epoch, began) = (self.run, self.done.metrics.len(), Instant::now());
        let (begun, before) = self.begun.take().unwrap_or_default();
        let saving = Cell::new(Duration::ZERO);
        let seconds = || before + began.elapsed().saturating_sub(saving.get()).as_secs_f64();
        let left = self.left;
        let on_step = |done: usize, of: usize, loss: f64| {
            let share = done as f64 / of as f64;
            observer.step(Step {
                epoch,
                share,
                seconds: seconds(),
                loss,
                left: left.when(epoch as f64 + share),
            });
        };
        let (done, mut failed) = (&mut self.done, None);
        let mut pause = |trainer: &Trainer<'_>, begun: &Begun| {
            let (stop, began) = (observer.stop(), Instant::now());
            failed = pause(done, trainer, begun, seconds(), stop).err();
            saving.set(saving.get() + began.elapsed());
            if stop || failed.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let loss = self.trainer.rest_of_epoch(&run.dataset().train, epoch, begun, &on_step, &mut pause);
        let (saved, saved_part) = (self.done.pace.saved, self.done.pace.saved_part);
        let loss = loss.map_err(|reason| {
            let folder = run.folder.path().to_owned();
            failed.unwrap_or(RunError::Stopped { reason, folder, saved, saved_part })
        })?;
        // Before anything is evaluated or written.
        self.memory = self.memory.or_else(|| run.loaded.memory.added());
        let trained = Instant::now();
        let metrics = run.measure(&self.trainer, epoch, loss, seconds());
        let is_measured = metrics.test_accuracy.is_some();
        self.done.metrics.push(metrics);
        self.done.keep_if_best(&self.trainer);
        if run.is_over(&self.done.metrics) || self.done.pace.is_due() {
            self.done.save(&self.trainer, None)?;
        }
        self.left.add_between(trained.elapsed(), is_measured);
        let left = self.left.when((epoch + 1) as f64).unwrap_or_default();
        observer.epoch(self.done.metrics.last().expect("just pushed"), left);
        Ok(())
    }
}

/// Between two waves of an epoch: saves what is done, if it is time or training is to stop and it is not saved yet. Weights that are no
/// longer finite are not: the epoch will end with an error that says so.
fn pause(
    done: &mut Done<'_>,
    trainer: &Trainer<'_>,
    begun: &Begun,
    seconds: f64,
    stop: bool,
) -> Result<(), RunError> {
    let part = (begun.waves > 0).then_some((begun, seconds));
    let is_new = part.is_some() || done.metrics.len() > done.pace.saved;
    if !is_new || !(stop || done.pace.is_due_within()) || trainer.part_not_finite().is_some() {
        return Ok(());
    }
    done.save(trainer, part)
}
