//! What a report shows, and why it could not be drawn.

use crate::diagnostics::Diagnostics;
use crate::evaluate::Counts;
use crate::metrics::{EpochMetrics, Summary};
use crate::pixels::Pixels;
use nopropdt_blocks::Readout;
use thiserror::Error;

/// All that a report shows. Text may hold any character: the page escapes it.
#[derive(Debug, Clone, PartialEq)]
pub struct ReportData {
    /// Heading of the page, such as `NoProp-DT on MNIST`.
    pub title: String,
    /// Label and value of what defines the run: dataset, method, block, embedding, seed, …, in this order.
    pub facts: Vec<(String, String)>,
    /// What the method's parts are called.
    pub words: Words,
    /// Every epoch so far, in order.
    pub epochs: Vec<EpochMetrics>,
    /// The run in a few numbers.
    pub summary: Summary,
    /// ᾱ_t for t = 0..=T (T + 1 values); empty for a method without noise levels.
    pub alpha_bar: Vec<f64>,
    /// SNR(t) - SNR(t-1) for t = 1..=T (T values); negative where the schedule falls; empty where no block is weighted by it.
    pub snr_weight: Vec<f64>,
    /// Name of each class, by class number.
    pub class_names: Vec<String>,
    /// Where the answer is read, by which pictures are right or wrong.
    pub readout: Readout,
    /// What the chain answers to the test images.
    pub chain: Counts,
    /// What the consensus answers to them.
    pub consensus: Counts,
    /// What each block does, if that was measured.
    pub diagnostics: Option<Diagnostics>,
    /// The embedding of each class, where that is a picture; else none.
    pub prototypes: Vec<Pixels>,
    /// Test images, in the order to show: wrong answers first, the surest of them first.
    pub pictures: Vec<Picture>,
    /// Test images followed through the blocks.
    pub chains: Vec<ChainPicture>,
}

/// What the parts of a method are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Words {
    /// Where an answer is read: after each `block`, or `read-out` of a network that is run in many steps.
    pub readout: &'static str,
    /// What tells how far training is.
    pub loss: &'static str,
}

/// A test image, or another input, and the answer it got.
#[derive(Debug, Clone, PartialEq)]
pub struct Picture {
    /// What is drawn; none of inputs that are no pictures.
    pub pixels: Option<Pixels>,
    /// True class.
    pub label: usize,
    /// Class answered.
    pub prediction: usize,
    /// Probability of the class answered, 0 to 1.
    pub confidence: f64,
}

/// A test image and what each block made of it.
#[derive(Debug, Clone, PartialEq)]
pub struct ChainPicture {
    /// The image and its final answer.
    pub picture: Picture,
    /// [T, classes]: class probabilities, 0 to 1, after each block, block 1 first.
    pub probabilities: Vec<Vec<f64>>,
}

/// Why a report could not be drawn.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReportError {
    /// A picture, or its way through the blocks, breaks a rule of its fields.
    #[error("{which} {number}: {problem}")]
    Picture {
        /// The list it is in: `picture` or `chain`.
        which: &'static str,
        /// Its place in that list, from 1.
        number: usize,
        /// The rule, and what was found.
        problem: String,
    },
    /// There are more classes than names, or fewer.
    #[error("report: must have a name for each of {wanted} classes; found {found} names")]
    Classes {
        /// Classes.
        wanted: usize,
        /// Names.
        found: usize,
    },
    /// A chart could not be drawn.
    #[error("{chart} chart: must be drawable; {reason}")]
    Chart {
        /// Name of the chart.
        chart: &'static str,
        /// The drawing library's answer.
        reason: String,
    },
}

impl ReportData {
    /// What a read-out answers to the test images.
    pub(super) fn counts(&self, readout: Readout) -> &Counts {
        match readout {
            Readout::Chain => &self.chain,
            Readout::Consensus => &self.consensus,
        }
    }
}
