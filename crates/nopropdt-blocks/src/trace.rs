//! What a network makes of a batch: features of the inputs, and the logits met on the way to an answer.

use crate::readout::Readout;
use crate::sampling::Value;
use nopropdt_tensor::{Mode, Tape, Tensor};

/// What every block sees of the inputs, computed once an input however often it is denoised.
#[derive(Debug, Clone)]
pub struct Features {
    /// [B, …] for each block.
    pub of_blocks: Vec<Tensor>,
}

impl Features {
    /// Rows of the batch.
    pub fn rows(&self) -> usize {
        self.of_blocks[0].shape()[0]
    }

    /// The features of each block, for a [`Runner`](crate::Runner) on numbers.
    pub fn values(&self) -> Vec<Value> {
        self.of_blocks.iter().map(|features| features.clone().into()).collect()
    }
}

/// What happened to a batch on its way from noise to answer.
#[derive(Debug, Clone)]
pub struct Trace {
    /// Class logits [B, m] at each read-out, in order: of each block, or of the one network at a few of its many steps.
    pub block_logits: Vec<Tensor>,
    /// Logits [B, m] of the answer: the output head's on z_T.
    pub head_logits: Tensor,
}

impl Trace {
    /// Class probabilities [B, m] at each read-out.
    pub fn block_probabilities(&self) -> Vec<Tensor> {
        self.block_logits.iter().map(softmax).collect()
    }

    /// The paper's answer: class probabilities [B, m] of z_T (Eq. 14, or 16 with a radial head).
    pub fn probabilities(&self) -> Tensor {
        softmax(&self.head_logits)
    }

    /// Class probabilities [B, m] by a read-out.
    pub fn read(&self, readout: Readout) -> Tensor {
        match readout {
            Readout::Chain => self.probabilities(),
            Readout::Consensus => self.consensus(),
        }
    }

    /// The consensus read-out: the mean over read-outs of their class probabilities [B, m].
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
    let mut tape = Tape::new(Mode::Eval);
    let logits = tape.constant(logits.clone());
    let probabilities = tape.softmax(logits);
    tape.value(probabilities).clone()
}
