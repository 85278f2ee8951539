//! What became of a cell, and what came of it.

use super::origin::Origin;
use crate::statistics::Measured;
use serde::{Deserialize, Serialize};

/// One cell's result. Accuracies are fractions, 0 to 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Measurements, each with noise of its own.
    pub runs: usize,
    /// The paper's answer.
    pub chain: Measured,
    /// The blocks' class probabilities averaged.
    pub consensus: Measured,
    /// The same two of five averaged draws.
    pub averaged: Option<[Measured; 2]>,
    /// Seconds of training alone.
    pub train_seconds: f64,
    /// Arithmetic: `f32` or `bf16`.
    pub precision: String,
    /// Instruction set of the kernels.
    pub isa: String,
    /// Where it was measured; unknown of results that are older than this field.
    pub origin: Option<Origin>,
}

/// What became of a cell.
#[derive(Debug, Clone, PartialEq)]
pub enum Fate {
    /// It was trained and measured.
    Done(Outcome),
    /// It had been before.
    AlreadyDone,
    /// Its dataset is not there, and why.
    Absent(String),
    /// The last line that the program said.
    Failed(String),
}

#[cfg(test)]
impl Outcome {
    pub(super) fn example(chain: f64) -> Self {
        let measured = |mean| Measured { mean, standard_error: 0.001 };
        Self {
            runs: 5,
            chain: measured(chain),
            consensus: measured(chain + 0.01),
            averaged: Some([measured(chain + 0.005), measured(chain + 0.012)]),
            train_seconds: 12.0,
            precision: "f32".into(),
            isa: "portable".into(),
            origin: Some(Origin {
                commit: "abc".into(),
                machine: "a computer".into(),
                date: "2026-01-02".into(),
            }),
        }
    }
}
