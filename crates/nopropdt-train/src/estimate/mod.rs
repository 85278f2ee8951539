//! What a run will take, before it starts: its memory, computed from sizes, and its time, from a few steps.

mod block;
mod memory;
mod timing;

pub use memory::{Memory, memory};
pub use timing::{Timing, TimingError, timing};

use crate::config::RunConfig;
use crate::trainer::batches_per_epoch;
use nopropdt_data::Opened;

/// What is trained and tested on, in numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Work {
    /// Shape of an input.
    pub input: Vec<usize>,
    /// m, the number of classes.
    pub classes: usize,
    /// Training images, without those for validation.
    pub train: usize,
    /// Test images.
    pub test: usize,
    /// Images for validation.
    pub validation: usize,
    /// Memory that all images of the dataset take beside what is in memory already, in bytes.
    pub image_bytes: u64,
}

impl Work {
    /// The work of a run on a dataset that was looked through. Of a known dataset the files need not be there. Validation images that a
    /// file brings are not counted.
    pub fn of(config: &RunConfig, opened: &Opened) -> Self {
        let input = opened.first_shape().sizes().to_vec();
        let (train, test) = opened.counts();
        let image_bytes = match config.data.dataset.known() {
            Some(_) => (train + test) as u64 * input.iter().product::<usize>() as u64,
            None => opened.image_bytes(),
        };
        let train = train.min(config.data.limit_train.unwrap_or(train));
        let test = test.min(config.data.limit_test.unwrap_or(test));
        let validation = config.data.validation.min(train);
        Self { classes: opened.classes(), train: train - validation, test, validation, image_bytes, input }
    }

    /// Batches of an epoch.
    pub fn batches(&self, config: &RunConfig) -> usize {
        batches_per_epoch(self.train, config.training.batch_size)
    }
}
