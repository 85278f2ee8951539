//! What a network answers to one image.

use nopropdt_blocks::Readout;

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
