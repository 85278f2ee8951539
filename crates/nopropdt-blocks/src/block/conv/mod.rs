//! The denoising block of the paper (Figure 6): an image path, a label path, and a join that ends in class logits.
//!
//! The paper's block and the reference repository's are the same three paths with other settings. Where one network serves all times,
//! a time path stands beside the others, the label path is of one layer, and ReLU takes the place of every batch norm.

mod dense;
mod image_path;
mod join;
mod label_path;

use super::time::{TIME_EMBEDDING, embed_times};
use super::{Block, BlockDesign, BlockInputs, BlockSite};
use crate::error::BlocksError;
use image_path::ImagePath;
use join::Join;
use label_path::LabelPath;
use nopropdt_tensor::layers::Linear;
use nopropdt_tensor::random::Stream;
use nopropdt_tensor::{ParameterBuilder, Slot, Tape, Var};
use serde::{Deserialize, Serialize};

/// Settings of the block of Figure 6 and its kin: an image path, a label path, and a join that ends in class logits.
/// [`ConvBlock::paper`] and [`ConvBlock::reference`] are the two published ones.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ConvBlock {
    /// Output channels of the three convolutions.
    pub channels: [usize; 3],
    /// Which convolutions a 2×2 max-pool follows.
    pub pool: [bool; 3],
    /// Global average pooling instead of flattening after the convolutions.
    pub global_average: bool,
    /// Dropout probability after each convolution.
    pub dropout: f32,
    /// Width of image features and of the label path.
    pub hidden: usize,
    /// Widths of the two hidden layers of the join.
    pub join: [usize; 2],
    /// Whether the estimate passes a further linear layer d → d and tanh.
    pub decoder: bool,
    /// Whether a second convolution of as many channels follows the second and the third, each added to its own input:
    /// x + ReLU(conv(x)).
    pub residual: bool,
}

/// Inputs of the layers whose width depends on the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LayerInputs {
    /// Of the first convolution: channels of the image.
    pub channels: usize,
    /// Of the linear layer behind the convolutions: what pooling leaves of the image.
    pub features: usize,
}

/// Widest layer of a block.
const MOST_WIDTH: usize = 1 << 14;
/// Longest side of an image.
const MOST_SIDE: usize = 256;

impl ConvBlock {
    /// The paper's DT block (Figure 6).
    pub fn paper() -> Self {
        Self {
            channels: [32, 64, 128],
            pool: [true, false, true],
            global_average: false,
            dropout: 0.2,
            hidden: 256,
            join: [256, 128],
            decoder: false,
            residual: false,
        }
    }

    /// The paper's block with residual convolutions: not a published one, and 1.7 times the multiply-adds.
    pub fn residual() -> Self {
        Self { residual: true, ..Self::paper() }
    }

    /// The block of the reference repository, without its decoder (docs/algorithm.md).
    pub fn reference() -> Self {
        Self { pool: [true; 3], global_average: true, join: [256, 256], ..Self::paper() }
    }

    /// What an image of this size brings to the layers that see it.
    ///
    /// # Errors
    /// When a setting is out of range, or pooling would leave no pixel.
    pub fn layer_inputs(&self, image: [usize; 3]) -> Result<LayerInputs, BlocksError> {
        self.validate(image)?;
        let [height, width, channels] = image;
        let side =
            |side: usize| self.pool.iter().fold(side, |side, &pool| if pool { side / 2 } else { side });
        let pixels = if self.global_average { 1 } else { side(height) * side(width) };
        Ok(LayerInputs { channels, features: pixels * self.channels[2] })
    }

    fn validate(&self, [height, width, channels]: [usize; 3]) -> Result<(), BlocksError> {
        for width in self.channels.iter().chain(&self.join).chain([&self.hidden, &channels]) {
            BlocksError::check_size("block: width, or channels of the image", 1, MOST_WIDTH, *width)?;
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return Err(BlocksError::range("dropout", "in 0..1", self.dropout));
        }
        let pools = self.pool.iter().filter(|&&pool| pool).count();
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
struct ConvLayers {
    image: ImagePath,
    label: LabelPath,
    time: Option<Linear>,
    join: Join,
    decoder: Option<Linear>,
    multiply_adds: (u64, u64),
}

impl BlockDesign for ConvBlock {
    /// Registers `image.…`, `label.…`, `time.fc.…` where the site is timed, `join.…`, and `decoder.fc.…` if there is one.
    fn build(&self, site: &BlockSite, builder: &mut ParameterBuilder) -> Result<Box<dyn Block>, BlocksError> {
        let (image, timed) = (site.image()?, site.timed);
        self.validate(image)?;
        if site.latent_is_input {
            let values = image.iter().product();
            BlocksError::check_size("embedding of the size of an image", values, values, site.dim)?;
        }
        let image_path = builder.scope("image", |b| ImagePath::new(self, timed, image, b));
        let label = builder.scope("label", |b| match site.latent_is_input {
            true => LabelPath::image(self, timed, image, b),
            false => LabelPath::vector(self, timed, site.dim, b),
        });
        let width = TIME_EMBEDDING;
        let time = timed.then(|| builder.scope("time", |b| Linear::new(b, "fc", width, self.hidden)));
        let join = builder.scope("join", |b| Join::new(self, timed, site.classes, b));
        let dim = site.dim;
        let decoder = self.decoder.then(|| builder.scope("decoder", |b| Linear::new(b, "fc", dim, dim)));
        let of_time = if timed { (width * self.hidden) as u64 } else { 0 };
        let once_a_step = label.multiply_adds() + of_time + join.multiply_adds();
        let multiply_adds = (image_path.multiply_adds(), once_a_step);
        Ok(Box::new(ConvLayers { image: image_path, label, time, join, decoder, multiply_adds }))
    }
}

impl Block for ConvLayers {
    /// images [B, H, W, C] -> [B, hidden]
    fn encode(&self, tape: &mut Tape<'_>, slot: Slot, images: Var, dropout: Option<Stream>) -> Var {
        self.image.forward(tape, slot, images, dropout)
    }

    fn logits(&self, tape: &mut Tape<'_>, slot: Slot, inputs: BlockInputs<'_>) -> Var {
        let label = self.label.forward(tape, slot, inputs.z, inputs.dropout);
        self.joined(tape, slot, inputs, label)
    }

    /// Zeros stand for what the label path says.
    fn blind_logits(&self, tape: &mut Tape<'_>, slot: Slot, inputs: BlockInputs<'_>) -> Var {
        let nothing = tape.linear_combination(&[(inputs.features, 0.0)], 0.0);
        self.joined(tape, slot, inputs, nothing)
    }

    fn decode(&self, tape: &mut Tape<'_>, slot: Slot, x: Var) -> Option<Var> {
        let decoder = self.decoder.as_ref()?;
        let hidden = decoder.forward(tape, slot, x);
        Some(tape.tanh(hidden))
    }

    fn multiply_adds(&self) -> (u64, u64) {
        self.multiply_adds
    }
}

impl ConvLayers {
    /// Class logits from features, what the label path made of the latent, and the times.
    fn joined(&self, tape: &mut Tape<'_>, slot: Slot, inputs: BlockInputs<'_>, label: Var) -> Var {
        let time = match (&self.time, inputs.times) {
            (Some(layer), Some(times)) => {
                let times = tape.constant(embed_times(times));
                let hidden = layer.forward(tape, slot, times);
                Some(tape.relu(hidden))
            }
            (None, None) => None,
            _ => panic!("block: times are for blocks that serve all times, which want them"),
        };
        let parts: Vec<Var> = [inputs.features, label].into_iter().chain(time).collect();
        self.join.forward(tape, slot, &parts)
    }
}

#[cfg(test)]
mod tests;
