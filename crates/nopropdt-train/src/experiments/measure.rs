//! How a trained cell is measured.

use serde::{Deserialize, Serialize};

/// How a trained cell is measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measure {
    /// Runs, each with noise of its own; 0 leaves the test set alone.
    pub runs: usize,
    /// Draws averaged into one answer, where such answers are measured too.
    pub averaged: Option<usize>,
    /// Steps of an answer, where they are not those of the training.
    pub steps: Option<usize>,
}

impl Measure {
    /// Without the test set.
    pub const NONE: Self = Self { runs: 0, averaged: None, steps: None };

    /// Whether the test set is measured.
    pub const fn tests(&self) -> bool {
        self.runs > 0
    }
}
