//! What each block does: how it denoises alone and in the chain, what it uses of its latent, and how blocks resemble each other.

mod choice;
mod look;
mod shared;
mod similarity;
#[cfg(test)]
mod tests;

pub use choice::compared;
pub use look::diagnose;
pub use shared::SharedSets;
pub use similarity::linear_cka;

use crate::files::{WriteError, replace_file};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Held-out inputs that are looked at unless another number is asked for.
pub const INPUTS: usize = 2000;

/// Which held-out inputs were looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HeldOut {
    /// Those of the test set.
    Test,
    /// Training inputs that were held out.
    Validation,
}

impl std::fmt::Display for HeldOut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Test => "test",
            Self::Validation => "validation",
        })
    }
}

/// What each block of a network does. Shares and accuracies are fractions, 0 to 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Diagnostics {
    /// Which inputs were looked at.
    pub on: HeldOut,
    /// How many: spread evenly over all that are held out.
    pub inputs: usize,
    /// Seed of the noise, whose first draw the chain has.
    pub seed: u64,
    /// Each block, block 1 first; of one network for all steps each read-out.
    pub blocks: Vec<BlockDiagnosis>,
    /// Blocks that are compared with each other, from 1: all, or an even choice of many.
    pub compared: Vec<usize>,
    /// For each two of these, the share of inputs to which both give the same answer along the chain.
    pub agreement: Vec<Vec<f64>>,
    /// How alike their image features are; none where blocks do not have features of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub similarity: Option<Similarity>,
    /// What the blocks share.
    pub shared: SharedSets,
}

/// What one block does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlockDiagnosis {
    /// Accuracy of its own answer along the chain.
    pub accuracy: f64,
    /// Expected calibration error of its own class probabilities along the chain.
    pub calibration_error: f64,
    /// What it makes of latents; none for a method whose blocks are not trained to denoise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub denoising: Option<Denoising>,
}

/// What a block makes of latents.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Denoising {
    /// ᾱ of the latents that it was trained on.
    pub alpha_bar: f64,
    /// Accuracy on noised truth of that level: z ~ N(sqrt(ᾱ)·u_y, (1 − ᾱ)·I).
    pub accuracy_on_truth: f64,
    /// Mean ‖û − u_y‖² there.
    pub squared_error_on_truth: f64,
    /// Mean ‖û − u_y‖² on the latents that the chain gives it.
    pub squared_error_in_chain: f64,
    /// Accuracy when each input gets the latent that the chain gave another.
    pub accuracy_with_other_latent: f64,
    /// The accuracy along the chain less that: what the block uses of its latent.
    pub use_of_latent: f64,
}

/// How alike the image features of blocks are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Similarity {
    /// Inputs that it is computed of.
    pub inputs: usize,
    /// Linear centred kernel alignment ([`linear_cka`]) of each two of the compared blocks.
    pub cka: Vec<Vec<f64>>,
}

/// Replaces the file at `path` by the diagnostics as one indented JSON object.
///
/// # Errors
/// When the file can't be written; the old one is then left as it was.
pub fn write_diagnostics(path: &Path, diagnostics: &Diagnostics) -> Result<(), WriteError> {
    let mut bytes =
        serde_json::to_vec_pretty(diagnostics).expect("diagnostics are numbers and have a JSON form");
    bytes.push(b'\n');
    replace_file(path, &bytes)
}
