//! What a measurement of a trained network says: the object that `eval --json` prints.

use crate::confusion::Confusion;
use crate::diagnostics::Diagnostics;
use crate::per_class::ClassResult;
use crate::statistics::Measured;
use nopropdt_blocks::Readout;
use serde::{Deserialize, Serialize};

/// Accuracies of one run, with noise of its own. They are fractions, 0 to 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunAccuracy {
    /// Of the chain (the paper's read-out).
    pub chain: f64,
    /// Of the blocks' class probabilities averaged.
    pub consensus: f64,
    /// When the answer is read after each block, block 1 first.
    pub per_block: Vec<f64>,
}

/// Accuracies of a model over some runs, each with noise of its own. They are fractions, 0 to 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evaluation {
    /// The model's file.
    pub model: String,
    /// What it was tested on.
    pub dataset: String,
    /// Test images.
    pub images: usize,
    /// Measurements.
    pub runs: u64,
    /// Draws of the noise averaged into one answer.
    pub draws: u64,
    /// Which answer `accuracy` is of: the read-out asked for, else the one the model file recommends, else the method's.
    pub readout: Readout,
    /// Accuracy of that answer.
    pub accuracy: Measured,
    /// Accuracy of the chain (the paper's read-out).
    pub test_accuracy: Measured,
    /// Accuracy when the blocks' class probabilities are averaged.
    pub test_accuracy_consensus: Measured,
    /// Mean over classes of the chain's accuracy on the images of each.
    pub test_balanced_accuracy: Measured,
    /// The same of the consensus.
    pub test_balanced_accuracy_consensus: Measured,
    /// Accuracy when the answer is read after each block, block 1 first.
    pub test_accuracy_per_block: Vec<Measured>,
    /// The accuracies of each run, in order: those that the means above are of.
    pub by_run: Vec<RunAccuracy>,
    /// Expected calibration error of the chain: how far its probabilities are from the share of right answers, a fraction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_calibration_error: Option<Measured>,
    /// The same of the consensus.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_calibration_error_consensus: Option<Measured>,
    /// Each class, where that was asked for, by the answers of `readout` over all runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_class: Option<Vec<ClassResult>>,
    /// Of these answers, how many to inputs of a class (a row) named each class, where that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confusion: Option<Confusion>,
    /// What each block does, where that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diagnostics: Option<Diagnostics>,
}
