//! The learning rate of every batch of a run.

use crate::config::TrainingSettings;
use nopropdt_tensor::optim::LearningRate;

/// A batch's place in a run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    /// From 0.
    pub(crate) epoch: usize,
    /// From 0, within the epoch.
    pub(crate) batch: usize,
    /// Position in the order of all waves, which is what the reference learning rate counts.
    pub(crate) wave: u64,
}

/// The learning rate as a function of the place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rates {
    schedule: LearningRate,
    epochs: usize,
    base: f32,
}

impl Rates {
    /// Those of a run with `batches` batches an epoch.
    pub(crate) fn new(training: &TrainingSettings, batches: usize) -> Self {
        Self { schedule: training.learning_rate(batches as u64), epochs: training.epochs, base: training.lr }
    }

    /// The rate of a batch, where an epoch has `batches` of them.
    pub(crate) fn at(&self, place: Place, batches: usize) -> f32 {
        let step = match self.schedule {
            LearningRate::Reference { .. } => place.wave,
            _ => (place.epoch * batches + place.batch) as u64,
        };
        self.schedule.at(step, (self.epochs * batches) as u64, self.base)
    }

    /// That of a wave, from 0, of an epoch, from 0, that goes `rounds` times over its `batches` batches.
    pub(crate) fn of_wave(&self, epoch: usize, wave: usize, batches: usize, rounds: usize) -> f32 {
        let of_all = (epoch * rounds * batches + wave) as u64;
        self.at(Place { epoch, batch: wave % batches, wave: of_all }, batches)
    }
}
