//! The denoising block, open: what a block is ([`Block`]), what builds one ([`BlockDesign`]), and the built-in ones.

mod conv;
mod deep;
mod patches;
mod time;
#[cfg(test)]
mod trial;

pub use conv::{ConvBlock, LayerInputs};
pub use deep::DeepBlock;
pub use patches::PatchBlock;
pub use time::{TIME_EMBEDDING, embed_times};

use crate::error::BlocksError;
use nopropdt_tensor::random::Stream;
use nopropdt_tensor::{ParameterBuilder, Parameters, Slot, Tape, Tensor, Var};
use std::fmt::Debug;

/// Where a block is to stand: what it is given and what it answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockSite {
    /// Shape of an input: `[height, width, channels]` of an image, `[length]` of a vector.
    pub input: Vec<usize>,
    /// m, the number of classes.
    pub classes: usize,
    /// d, the length of the latent.
    pub dim: usize,
    /// Whether one network serves all times in 0..=1, and is told the time of each row.
    pub timed: bool,
    /// Whether the latent has the shape of an input, as prototypes do.
    pub latent_is_input: bool,
}

impl BlockSite {
    /// Height, width and channels of the inputs, for a block that wants images.
    ///
    /// # Errors
    /// When the inputs are no images.
    pub fn image(&self) -> Result<[usize; 3], BlocksError> {
        <[usize; 3]>::try_from(self.input.as_slice())
            .map_err(|_| BlocksError::NotAnImage { found: self.input.clone() })
    }
}

/// Settings that a block is built from. A type of one's own that implements this stands wherever the built-in blocks do.
pub trait BlockDesign: Debug + Send + Sync {
    /// Registers the block's tensors in `builder`. It is called once for every block of a network and must register the same tensors
    /// every time.
    ///
    /// # Errors
    /// When a setting is out of range or the block can't stand at this site.
    fn build(&self, site: &BlockSite, builder: &mut ParameterBuilder) -> Result<Box<dyn Block>, BlocksError>;
}

/// What a block makes its logits of.
#[derive(Debug, Clone, Copy)]
pub struct BlockInputs<'t> {
    /// What [`Block::encode`] made of the inputs.
    pub features: Var,
    /// The latent [B, d].
    pub z: Var,
    /// Times in 0..=1, one a row, where one network serves them all ([`BlockSite::timed`]).
    pub times: Option<&'t [f64]>,
    /// Dropout masks of what depends on the latent; None leaves dropout out.
    pub dropout: Option<Stream>,
}

impl BlockInputs<'_> {
    /// Features and latent, without time and dropout.
    pub fn new(features: Var, z: Var) -> Self {
        Self { features, z, times: None, dropout: None }
    }
}

/// A denoising block: handles into a parameter set that every block of a network shares the shape of.
///
/// It answers with class logits; û = softmax(logits)·W_embed is the same for all blocks.
pub trait Block: Debug + Send + Sync {
    /// What the block sees of the inputs, which depends on neither z nor t: computed once an input however often it is denoised. In
    /// training, dropout masks come from `dropout`; None leaves dropout out.
    ///
    /// # Shapes
    /// inputs [B, …] -> [B, …]
    fn encode(&self, tape: &mut Tape<'_>, slot: Slot, inputs: Var, dropout: Option<Stream>) -> Var;

    /// Class logits from features, the latent and, where the site is timed, the times.
    ///
    /// # Shapes
    /// features as of [`Block::encode`], z [B, d] -> [B, m]
    ///
    /// # Panics
    /// When times are missing where they are wanted, or given where they are not.
    fn logits(&self, tape: &mut Tape<'_>, slot: Slot, inputs: BlockInputs<'_>) -> Var;

    /// Class logits of a block that is never given a latent; that of `inputs` is all zeros. What depends on the latent alone should take no
    /// part: a batch norm of equal rows divides rounding errors by their own size, and its gradient is noise. By default they are those of the zeros,
    /// which is right for a block without batch norm.
    ///
    /// # Shapes
    /// As of [`Block::logits`].
    ///
    /// # Panics
    /// As [`Block::logits`].
    fn blind_logits(&self, tape: &mut Tape<'_>, slot: Slot, inputs: BlockInputs<'_>) -> Var {
        self.logits(tape, slot, inputs)
    }

    /// How many training inputs [`Block::start`] wants to see; by default none, and then it is not called.
    fn looks_at(&self) -> usize {
        0
    }

    /// Lets fresh values start from training inputs, before any training: as a first layer that fits their statistics.
    ///
    /// # Shapes
    /// inputs [N, …], at most as many as [`Block::looks_at`] says
    fn start(&self, _own: &mut Parameters, _inputs: &Tensor) {}

    /// tanh(x·Dᵀ + b) by the block's decoder; None when it has none, as in the paper.
    ///
    /// # Shapes
    /// x [B, d] -> [B, d]
    fn decode(&self, _tape: &mut Tape<'_>, _slot: Slot, _x: Var) -> Option<Var> {
        None
    }

    /// Into how many slices a batch is cut, whose gradients are averaged: 1 where layers want the whole batch, as a batch norm of rows does.
    /// More where they see each input alone, or do with the statistics of a slice; the running ones are then the means over slices.
    fn slices(&self) -> usize {
        1
    }

    /// Multiply-adds of one input's forward pass: (encoding, all else, which is done at every denoising); zeros where nobody counted.
    fn multiply_adds(&self) -> (u64, u64) {
        (0, 0)
    }
}

/// The estimate û = softmax(logits)·W_embed, through the block's decoder if it has one.
///
/// # Shapes
/// logits [B, m], embedding [m, d] -> [B, d]
pub(crate) fn estimate(
    block: &dyn Block,
    tape: &mut Tape<'_>,
    slot: Slot,
    logits: Var,
    embedding: Var,
) -> Var {
    let probabilities = tape.softmax(logits);
    let mean = tape.matmul(probabilities, embedding);
    block.decode(tape, slot, mean).unwrap_or(mean)
}
