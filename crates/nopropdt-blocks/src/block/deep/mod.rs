//! A deep convolutional denoising block.
//!
//! Stages of 3×3 convolutions see the picture, each stage at half the rows and columns of the one before, and end in the mean over what
//! places are left: so the block's size does not grow with the picture. All of that depends on the picture alone. The latent joins in the logits:
//!
//! ```text
//! logits = A·f(x) + B·z + c        of all times t: A·f(x) + B·(z ∘ s(t)) + c(t)
//! ```
//!
//! No more is needed. Given the class y, the latent z = √ᾱ·u_y + √(1 − ᾱ)·ε says nothing more of the picture, so the posterior is
//! log p(y | x, z) = log p(y | x) + √ᾱ/(1 − ᾱ)·z·u_y − ᾱ/(2(1 − ᾱ))·‖u_y‖² + const: what the picture says, and a linear function of z.

mod layers;
mod plan;
mod whiten;

use super::time::{TIME_EMBEDDING, embed_times};
use super::{Block, BlockDesign, BlockInputs, BlockSite};
use crate::batch::SLICES;
use crate::error::BlocksError;
use layers::Trunk;
use nopropdt_tensor::layers::Linear;
use nopropdt_tensor::random::Stream;
use nopropdt_tensor::{Dropout, ParameterBuilder, Parameters, Slot, Tape, Tensor, Var};
use plan::Plan;
use serde::{Deserialize, Serialize};

/// Settings of a deep convolutional block. [`DeepBlock::standard`] is the default, and what a missing setting is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct DeepBlock {
    /// Channels of the last two stages. The stage before has a quarter of them, and each before that half of its successor's.
    pub width: usize,
    /// Stages, each of which halves rows and columns; 0 for as many as leave at least 3 of each.
    pub stages: usize,
    /// Convolutions of a stage behind the one that halves.
    pub depth: usize,
    /// Whether what those further convolutions say is added to what they see.
    pub residual: bool,
    /// Whether the first convolution starts from the principal components of the training images. Training may move it from there.
    pub whiten: bool,
    /// Dropout probability of the features behind the last stage.
    pub dropout: f32,
}

impl Default for DeepBlock {
    fn default() -> Self {
        Self::standard()
    }
}

/// Widest layer of a block.
const MOST_WIDTH: usize = 1 << 14;
/// Most convolutions of a stage.
const MOST_DEPTH: usize = 64;
/// Images that a first convolution starts from: a thousand have hundreds of thousands of windows.
const LOOKED_AT: usize = 1000;
/// Longest side of an image.
const MOST_SIDE: usize = 1 << MOST_STAGES;
/// Most stages: as often as the longest side can be halved.
const MOST_STAGES: usize = 10;

impl DeepBlock {
    /// Two convolutions a stage, 256 channels wide at the end.
    pub fn standard() -> Self {
        Self { width: 256, stages: 0, depth: 1, residual: false, whiten: true, dropout: 0.0 }
    }

    fn validate(&self, [height, width, channels]: [usize; 3]) -> Result<(), BlocksError> {
        BlocksError::check_size("width", 1, MOST_WIDTH, self.width)?;
        BlocksError::check_size("channels of the image", 1, MOST_WIDTH, channels)?;
        BlocksError::check_size("stages", 0, MOST_STAGES, self.stages)?;
        BlocksError::check_size("depth", 0, MOST_DEPTH, self.depth)?;
        if !(0.0..1.0).contains(&self.dropout) {
            return Err(BlocksError::range("dropout", "in 0..1", self.dropout));
        }
        let pools = self.stages.max(1);
        let least = 1 << pools;
        if height < least || width < least {
            return Err(BlocksError::ImageTooSmall { pools, least, height, width });
        }
        for side in [height, width] {
            BlocksError::check_size("image: rows and columns", least, MOST_SIDE, side)?;
        }
        Ok(())
    }
}

/// A checked block.
#[derive(Debug, Clone)]
struct DeepLayers {
    trunk: Trunk,
    whiten: bool,
    dropout: f32,
    image: Linear,
    latent: Linear,
    /// What of a latent counts at a time, and what classes do whatever the picture says.
    time: Option<[Linear; 2]>,
    multiply_adds: (u64, u64),
}

impl BlockDesign for DeepBlock {
    /// Registers `image.…`, `head.image.…`, `head.latent.…` and, where the site is timed, `time.scale.…` and `time.shift.…`.
    fn build(&self, site: &BlockSite, builder: &mut ParameterBuilder) -> Result<Box<dyn Block>, BlocksError> {
        let picture = site.image()?;
        self.validate(picture)?;
        let [height, width, channels] = picture;
        let plan = Plan::new(self, picture);
        let features = *plan.stages.last().expect("there is a stage");
        let (dim, classes) = (site.dim, site.classes);
        let trunk = builder.scope("image", |b| Trunk::new(self, &plan, channels, b));
        let (image, latent) = builder.scope("head", |b| {
            let image = Linear::new(b, "image", features, classes);
            if !site.latent_is_input {
                return Ok((image, Linear::new(b, "latent", dim, classes)));
            }
            let pixels = height * width;
            BlocksError::check_size(
                "embedding of the size of an image",
                pixels * channels,
                pixels * channels,
                dim,
            )?;
            Ok((image, Linear::after_flatten(b, "latent", pixels, channels, classes)))
        })?;
        let time = site.timed.then(|| {
            builder.scope("time", |b| {
                [("scale", dim), ("shift", classes)].map(|(name, n)| Linear::new(b, name, TIME_EMBEDDING, n))
            })
        });
        let [of_latent, of_time] = [dim, if site.timed { TIME_EMBEDDING } else { 0 }].map(|n| n as u64);
        let of_head =
            (features * classes) as u64 + of_latent * classes as u64 + of_time * (dim + classes) as u64;
        let multiply_adds = (plan.multiply_adds, of_head);
        Ok(Box::new(DeepLayers {
            trunk,
            whiten: self.whiten,
            dropout: self.dropout,
            image,
            latent,
            time,
            multiply_adds,
        }))
    }
}

impl DeepLayers {
    /// What the time says: of each value of the latent how much it counts, and of each class.
    fn of_time(&self, tape: &mut Tape<'_>, slot: Slot, times: Option<&[f64]>) -> Option<[Var; 2]> {
        match (&self.time, times) {
            (Some(layers), Some(times)) => {
                let times = tape.constant(embed_times(times));
                Some(layers.map(|layer| layer.forward(tape, slot, times)))
            }
            (None, None) => None,
            _ => panic!("block: times are for blocks that serve all times, which want them"),
        }
    }
}

impl Block for DeepLayers {
    /// images [B, H, W, C] -> [B, width]
    fn encode(&self, tape: &mut Tape<'_>, slot: Slot, images: Var, dropout: Option<Stream>) -> Var {
        let features = self.trunk.forward(tape, slot, images);
        match dropout {
            Some(stream) if self.dropout > 0.0 => {
                tape.dropout(features, Dropout { probability: self.dropout, stream })
            }
            _ => features,
        }
    }

    fn logits(&self, tape: &mut Tape<'_>, slot: Slot, inputs: BlockInputs<'_>) -> Var {
        let image = self.image.forward(tape, slot, inputs.features);
        let Some([scale, shift]) = self.of_time(tape, slot, inputs.times) else {
            let latent = self.latent.forward(tape, slot, inputs.z);
            return tape.add(image, latent);
        };
        let z = tape.mul(inputs.z, scale);
        let latent = self.latent.forward(tape, slot, z);
        let both = tape.add(image, latent);
        tape.add(both, shift)
    }

    /// What the picture says alone.
    fn blind_logits(&self, tape: &mut Tape<'_>, slot: Slot, inputs: BlockInputs<'_>) -> Var {
        self.image.forward(tape, slot, inputs.features)
    }

    fn looks_at(&self) -> usize {
        if self.whiten { LOOKED_AT } else { 0 }
    }

    fn start(&self, own: &mut Parameters, inputs: &Tensor) {
        self.trunk.whiten(own, inputs);
    }

    /// Batch norms see many places of each picture, and do with a quarter of a batch.
    fn slices(&self) -> usize {
        SLICES
    }

    fn multiply_adds(&self) -> (u64, u64) {
        self.multiply_adds
    }
}

#[cfg(test)]
mod tests;
