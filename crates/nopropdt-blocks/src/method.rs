//! What a training method is: local losses of independently trained blocks, and a way from an image to an answer.

use nopropdt_tensor::random::Stream;
use nopropdt_tensor::{Parameters, StatisticUpdate, Tensor};

/// All that a network has learned.
#[derive(Debug, Clone, PartialEq)]
pub struct Weights {
    /// One set a block, t = 1..=T at index t − 1. No loss ever sees two of them.
    pub blocks: Vec<Parameters>,
    /// What all blocks share: the embedding and the output head.
    pub shared: Vec<Parameters>,
}

impl Weights {
    /// Number of trainable values.
    pub fn len(&self) -> usize {
        self.blocks.iter().chain(&self.shared).map(Parameters::len).sum()
    }

    /// Whether nothing is trainable.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A mini-batch.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// Images [B, H, W, C], scaled to 0..1.
    pub images: Tensor,
    /// Classes, one an image, each below m.
    pub labels: Vec<usize>,
}

/// The terms of a block's loss on one batch, means over the batch.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct LossTerms {
    /// What is minimised: the weighted sum of the others.
    pub total: f64,
    /// ‖û − u_y‖², unweighted.
    pub squared_error: f64,
    /// CE(f(z_T), y).
    pub cross_entropy: f64,
    /// KL(q(z_0|y) ‖ N(0, I)).
    pub kl: f64,
}

/// What one block's local loss says: its value and its gradients.
#[derive(Debug)]
pub struct BlockStep {
    /// The loss.
    pub loss: LossTerms,
    /// Gradient of the block's own set, flat.
    pub own: Vec<f32>,
    /// Gradient of each shared set, flat; None where the loss does not touch the set, which then takes no step.
    pub shared: Vec<Option<Vec<f32>>>,
    /// Batch statistics the block's layers saw.
    pub statistics: Vec<StatisticUpdate>,
}

/// Image features of every block, computed once an image however often it is denoised.
#[derive(Debug, Clone)]
pub struct Features {
    /// [B, hidden] for each block.
    pub of_blocks: Vec<Tensor>,
}

/// What happened to a batch on its way from noise to answer.
#[derive(Debug, Clone)]
pub struct Trace {
    /// Class logits [B, m] of each block, in order.
    pub block_logits: Vec<Tensor>,
    /// f(z_T) [B, m]: the answer's logits.
    pub head_logits: Tensor,
}

impl Trace {
    /// Class probabilities [B, m] of each block.
    pub fn block_probabilities(&self) -> Vec<Tensor> {
        self.block_logits.iter().map(softmax).collect()
    }

    /// The paper's answer: softmax of f(z_T) [B, m] (Eq. 14).
    pub fn probabilities(&self) -> Tensor {
        softmax(&self.head_logits)
    }

    /// The consensus read-out: the mean over blocks of their class probabilities [B, m].
    pub fn consensus(&self) -> Tensor {
        let count = self.block_logits.len() as f32;
        let mut mean = Tensor::zeros(self.head_logits.shape());
        for probabilities in self.block_probabilities() {
            mean.data_mut().iter_mut().zip(probabilities.data()).for_each(|(sum, p)| *sum += p / count);
        }
        mean
    }
}

fn softmax(logits: &Tensor) -> Tensor {
    let mut tape = nopropdt_tensor::Tape::new(nopropdt_tensor::Mode::Eval);
    let logits = tape.constant(logits.clone());
    let probabilities = tape.softmax(logits);
    tape.value(probabilities).clone()
}

/// A way to train blocks and to answer with them. The training loop knows nothing else of a method.
pub trait Method: Send + Sync {
    /// Fresh weights, a pure function of `seed`.
    fn init(&self, seed: u64) -> Weights;

    /// Number of blocks trained independently of each other.
    fn blocks(&self) -> usize;

    /// m, the number of classes.
    fn classes(&self) -> usize;

    /// The local loss of `block` (from 0) on a batch, with its gradients. It is given the block's own set and the shared
    /// ones and nothing else; noise and dropout are drawn from `stream` alone.
    ///
    /// # Panics
    /// When the sets or the batch are not of this method's shapes, or the batch has fewer than two images.
    fn block_step(
        &self,
        block: usize,
        own: &Parameters,
        shared: &[Parameters],
        batch: &Batch,
        stream: Stream,
    ) -> BlockStep;

    /// Image features of all blocks, in evaluation mode.
    ///
    /// # Shapes
    /// images [B, H, W, C]
    fn features(&self, weights: &Weights, images: &Tensor) -> Features;

    /// Denoises one random latent an image into an answer. Row b draws its noise from `noise(b)` alone, so the answer to an
    /// image does not depend on its batch.
    fn sample(&self, weights: &Weights, features: &Features, noise: &dyn Fn(usize) -> Stream) -> Trace;

    /// Multiply-adds of one image through one block: (done once an image, done once a denoising).
    fn multiply_adds(&self) -> (u64, u64);
}
