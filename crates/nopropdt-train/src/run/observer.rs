//! What a run tells while it trains, and what it asks.

use crate::metrics::EpochMetrics;
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

    /// An epoch was measured; the rest will take about as long as `left`, at the pace of this process.
    fn epoch(&self, _metrics: &EpochMetrics, _left: Duration) {}

    /// Whether the run is to stop at the next batch.
    fn stop(&self) -> bool {
        false
    }
}

/// Says nothing and stops nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Observer for Silent {}
