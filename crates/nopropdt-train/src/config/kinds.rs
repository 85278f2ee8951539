//! Settings that are one of a few names.

use nopropdt_tensor::Isa;
use serde::{Deserialize, Serialize};

/// How z_T becomes class probabilities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HeadKind {
    /// Softmax of a linear layer (Eq. 14).
    Softmax,
    /// By distance to the embeddings (Eq. 15-16).
    Radial,
}

/// Class embedding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EmbeddingKind {
    /// Fixed identity, d = m.
    OneHot,
    /// Trained, d = `embedding-dim`.
    Learned,
    /// Trained, starting from an image of each class; d = the size of an image.
    Prototype,
}

/// In which order blocks see batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// All blocks train on a batch, side by side, before the next batch.
    Interleaved,
    /// Algorithm 1 as printed: in each epoch block 1 sees every batch, then block 2, …
    Sequential,
}

impl Order {
    /// Times that an epoch goes over its batches, where so many losses are followed side by side.
    pub fn rounds(self, losses: usize) -> usize {
        match self {
            Self::Interleaved => 1,
            Self::Sequential => losses,
        }
    }
}

/// How much the classes count in a loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClassWeights {
    /// As much as they have images.
    None,
    /// All the same, however many images each has.
    Balanced,
}

/// Update rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OptimizerKind {
    /// Adam with decoupled weight decay.
    Adamw,
    /// Adam; weight decay is added to the gradient.
    Adam,
    /// Stochastic gradient descent with momentum 0.9.
    Sgd,
    /// The same with Nesterov's momentum.
    Nesterov,
    /// Momentum whose steps are orthogonal matrices; AdamW for biases and norms.
    Muon,
}

/// Learning rate over a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LearningRateKind {
    /// The same throughout, as in the paper.
    Constant,
    /// Half a cosine wave down to 0 at the end of the run.
    Cosine,
    /// Up over a quarter of the run, or over the warm-up if there is one, then evenly down to 0 at its end.
    OneCycle,
    /// The reference repository's: a cosine wave meant for epochs, stepped every batch.
    Reference,
}

/// Arithmetic of the kernels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PrecisionKind {
    /// The one this processor's kernels are fastest in.
    Auto,
    /// 32-bit floats throughout.
    F32,
    /// Activations and products of convolutions and linear layers in bf16; sums, weights, statistics and optimisers in f32.
    Bf16,
}

impl PrecisionKind {
    /// This precision with `auto` decided for the kernels of `isa`.
    #[must_use]
    pub fn decided(self, isa: Isa) -> Self {
        match (self, isa.fastest_precision()) {
            (Self::Auto, nopropdt_tensor::Precision::F32) => Self::F32,
            (Self::Auto, nopropdt_tensor::Precision::Bf16) => Self::Bf16,
            (decided, _) => decided,
        }
    }
}

/// What is done to pixel values, which are fractions of full scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Normalize {
    /// Nothing, as in the paper.
    None,
    /// Mean 0 and deviation 1 in each channel, over the training images.
    Standard,
}
