//! What a run tells while it trains, and what it asks.

use crate::metrics::{EpochMetrics, Summary};
use std::time::Duration;

/// How far an epoch is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// The epoch, from 0.
    pub epoch: usize,
    /// Share of it that is done, 0 to 1.
    pub share: f64,
    /// Training seconds it has taken, over all processes.
    pub seconds: f64,
    /// Mean squared error of the last batch.
    pub loss: f64,
    /// What the rest of the run will take at the pace of this process; it may end earlier where it has a patience.
    pub left: Option<Duration>,
}

/// Somebody who watches a run.
pub trait Observer: Sync {
    /// So many training images, of all, were compared to find where embeddings that are images start.
    fn prototypes(&self, _done: usize, _of: usize) {}

    /// A batch went through some of the blocks.
    fn step(&self, _step: Step) {}

    /// An epoch was measured; the rest will take about as long as `left`, at the pace of this process. The last epoch is told again where its
    /// accuracies were measured later: it became the last when the run was given fewer epochs.
    fn epoch(&self, _metrics: &EpochMetrics, _left: Duration) {}

    /// The run is finished and its files are written; also told of a run that had nothing left to train.
    fn finished(&self, _summary: &Summary) {}

    /// Whether the run is to stop at the next batch.
    fn stop(&self) -> bool {
        false
    }
}

/// Says nothing and stops nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Observer for Silent {}

/// Two observers, who are told everything, the first one first. Either can stop the run.
#[derive(Clone, Copy)]
pub struct Both<'o>(pub &'o dyn Observer, pub &'o dyn Observer);

impl Both<'_> {
    fn each(&self, tell: impl Fn(&dyn Observer)) {
        [self.0, self.1].into_iter().for_each(tell);
    }
}

impl Observer for Both<'_> {
    fn prototypes(&self, done: usize, of: usize) {
        self.each(|observer| observer.prototypes(done, of));
    }

    fn step(&self, step: Step) {
        self.each(|observer| observer.step(step));
    }

    fn epoch(&self, metrics: &EpochMetrics, left: Duration) {
        self.each(|observer| observer.epoch(metrics, left));
    }

    fn finished(&self, summary: &Summary) {
        self.each(|observer| observer.finished(summary));
    }

    fn stop(&self) -> bool {
        self.0.stop() || self.1.stop()
    }
}
