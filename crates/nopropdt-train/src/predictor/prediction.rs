//! What a network answers to one image.

use nopropdt_blocks::Readout;
use serde::Serialize;

/// What a network answers to one image. Probabilities are in 0..1, one a class in the order of the labels, and add up to 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    /// The class of the largest probability; the first of equals.
    pub class: usize,
    /// Its name.
    pub name: String,
    /// Its probability.
    pub probability: f64,
    /// The class that comes second.
    pub runner_up: RunnerUp,
    /// Where the answer was read.
    pub readout: Readout,
    /// Probabilities of the classes `[m]` there.
    pub probabilities: Vec<f64>,
    /// Those at the end of the chain, the paper's answer.
    pub chain: Vec<f64>,
    /// Those of the consensus: the mean over the read-outs on the way.
    pub consensus: Vec<f64>,
    /// Those after each read-out `[T][m]`: of each block, or of the one network at a few of its steps.
    pub after_each: Vec<Vec<f64>>,
    /// How many of the draws of the noise, each read alone, answer with the class.
    pub agreeing: u64,
}

impl Prediction {
    /// Probabilities of the classes `[m]` by a read-out.
    pub fn by(&self, readout: Readout) -> &[f64] {
        match readout {
            Readout::Chain => &self.chain,
            Readout::Consensus => &self.consensus,
        }
    }
}

/// What answers in JSON say: `predict --json`, and the HTTP API of nopropdt-serve. Probabilities are in 0..1, a class each in the order of the
/// labels.
#[derive(Debug, Clone, Serialize)]
pub struct NamedAnswer<'a> {
    class: &'a str,
    label: usize,
    probability: f64,
    runner_up: &'a str,
    runner_up_probability: f64,
    probabilities: &'a [f64],
    readout: Readout,
    draws: u64,
    agreeing_draws: u64,
}

impl<'a> NamedAnswer<'a> {
    /// An answer that is the mean of so many draws.
    pub fn new(answer: &'a Prediction, draws: u64) -> Self {
        Self {
            class: &answer.name,
            label: answer.class,
            probability: answer.probability,
            runner_up: &answer.runner_up.name,
            runner_up_probability: answer.runner_up.probability,
            probabilities: &answer.probabilities,
            readout: answer.readout,
            draws,
            agreeing_draws: answer.agreeing,
        }
    }
}

/// The class that comes second.
#[derive(Debug, Clone, PartialEq)]
pub struct RunnerUp {
    /// The class.
    pub class: usize,
    /// Its name.
    pub name: String,
    /// Its probability.
    pub probability: f64,
}
