//! What became of a cell, and what came of it.

use super::origin::Origin;
use crate::diagnostics::Diagnostics;
use crate::evaluation::RunAccuracy;
use crate::metrics::EpochMetrics;
use serde::{Deserialize, Serialize};

/// One cell's result. Accuracies are fractions, 0 to 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Test accuracies of each run, with noise of its own; empty where the test set was not measured.
    pub draws: Vec<RunAccuracy>,
    /// The same of answers of several averaged draws, where they were asked for.
    pub averaged_draws: Option<Vec<RunAccuracy>>,
    /// Accuracy on the validation images, where some were held out.
    pub validation: Option<Validation>,
    /// What each block does, of the trained network; none of methods or results that have no such file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diagnostics: Option<Diagnostics>,
    /// Each epoch.
    pub epochs: Vec<EpochAccuracy>,
    /// Seconds of training alone.
    pub seconds: f64,
    /// Arithmetic: `f32` or `bf16`.
    pub precision: String,
    /// Instruction set of the kernels.
    pub isa: String,
    /// Threads that trained.
    pub threads: usize,
    /// Where it was trained.
    #[serde(flatten)]
    pub origin: Origin,
}

/// Accuracy on the validation images, of the model: after the last epoch, or the best one where that is kept.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Validation {
    /// Of the chain.
    pub chain: f64,
    /// Of the consensus.
    pub consensus: f64,
}

/// An epoch's seconds, and its test accuracies where it was tested.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpochAccuracy {
    /// Number, from 1.
    pub epoch: usize,
    /// Seconds of training alone.
    pub seconds: f64,
    /// Of the chain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chain: Option<f64>,
    /// Of the consensus.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consensus: Option<f64>,
}

impl EpochAccuracy {
    /// What is kept of an epoch; without test accuracies where the test set is not to be `tested`.
    pub(super) fn of(epoch: &EpochMetrics, tested: bool) -> Self {
        Self {
            epoch: epoch.epoch,
            seconds: epoch.seconds,
            chain: epoch.test_accuracy.filter(|_| tested),
            consensus: epoch.test_accuracy_consensus.filter(|_| tested),
        }
    }
}

impl Validation {
    /// Of the epoch that the model is of: the best one, if it is another than the last.
    pub(super) fn of(epochs: &[EpochMetrics], best: Option<usize>) -> Option<Self> {
        let epoch = match best {
            Some(best) => epochs.iter().find(|epoch| epoch.epoch == best),
            None => epochs.last(),
        }?;
        let (chain, consensus) = epoch.validation_accuracy.zip(epoch.validation_accuracy_consensus)?;
        Some(Self { chain, consensus })
    }
}

impl Outcome {
    /// The cell's figure on the test set: the mean over its draws of the chain's accuracy. None where the test set was not measured.
    pub fn chain(&self) -> Option<f64> {
        mean(&self.draws, |draw| draw.chain)
    }

    /// The same of the consensus.
    pub fn consensus(&self) -> Option<f64> {
        mean(&self.draws, |draw| draw.consensus)
    }

    /// The chain's mean accuracy where answers are averages of several draws.
    pub fn averaged_chain(&self) -> Option<f64> {
        mean(self.averaged_draws.as_deref()?, |draw| draw.chain)
    }

    /// The same of the consensus.
    pub fn averaged_consensus(&self) -> Option<f64> {
        mean(self.averaged_draws.as_deref()?, |draw| draw.consensus)
    }
}

fn mean(draws: &[RunAccuracy], of: impl Fn(&RunAccuracy) -> f64) -> Option<f64> {
    let count = draws.len() as f64;
    (!draws.is_empty()).then(|| draws.iter().map(of).sum::<f64>() / count)
}

/// What became of a cell.
#[derive(Debug, Clone, PartialEq)]
pub enum Fate {
    /// It was trained and measured.
    Done(Box<Outcome>),
    /// It had been before.
    AlreadyDone,
    /// Its dataset is not there, and why.
    Absent(String),
    /// The last line that the program said.
    Failed(String),
}

#[cfg(test)]
impl Outcome {
    pub(crate) fn example(chain: f64) -> Self {
        let draw = |chain: f64| RunAccuracy { chain, consensus: chain + 0.01, per_block: vec![0.5, chain] };
        Self {
            draws: vec![draw(chain - 0.01), draw(chain + 0.01)],
            averaged_draws: Some(vec![draw(chain + 0.005)]),
            validation: None,
            diagnostics: None,
            epochs: vec![EpochAccuracy {
                epoch: 1,
                seconds: 12.0,
                chain: Some(chain),
                consensus: Some(chain),
            }],
            seconds: 12.0,
            precision: "f32".into(),
            isa: "portable".into(),
            threads: 1,
            origin: Origin {
                commit: "abc".into(),
                processor: "a computer".into(),
                date: "2026-01-02".into(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epoch(epoch: usize, validation: Option<f64>) -> EpochMetrics {
        EpochMetrics {
            epoch,
            seconds: 2.0,
            validation_accuracy: validation,
            validation_accuracy_consensus: validation.map(|share| share + 0.1),
            test_accuracy: Some(0.7),
            test_accuracy_consensus: Some(0.8),
            ..EpochMetrics::default()
        }
    }

    #[test]
    fn a_cell_has_one_figure_for_each_readout() {
        let outcome = Outcome::example(0.9);
        let close = |found: Option<f64>, wanted: f64| (found.unwrap() - wanted).abs() < 1e-12;
        assert!(close(outcome.chain(), 0.9) && close(outcome.consensus(), 0.91));
        assert!(close(outcome.averaged_chain(), 0.905) && close(outcome.averaged_consensus(), 0.915));
        let untested = Outcome { draws: vec![], averaged_draws: None, ..outcome };
        assert_eq!((untested.chain(), untested.averaged_chain()), (None, None));
    }

    #[test]
    fn validation_is_that_of_the_model() {
        let epochs = [epoch(1, Some(0.5)), epoch(2, Some(0.4))];
        assert_eq!(Validation::of(&epochs, None), Some(Validation { chain: 0.4, consensus: 0.5 }));
        assert_eq!(Validation::of(&epochs, Some(1)), Some(Validation { chain: 0.5, consensus: 0.6 }));
        assert_eq!(Validation::of(&[epoch(1, None)], None), None);
        assert_eq!(Validation::of(&[], None), None);
    }

    #[test]
    fn an_epoch_of_a_cell_that_is_not_tested_has_no_test_accuracy() {
        let tested = EpochAccuracy::of(&epoch(1, None), true);
        assert_eq!((tested.chain, tested.consensus), (Some(0.7), Some(0.8)));
        let untested = EpochAccuracy::of(&epoch(1, None), false);
        assert_eq!((untested.chain, untested.consensus, untested.seconds), (None, None, 2.0));
    }
}
