//! The denoising block (paper Figure 6): an image path, a label path, and a join that ends in class logits.
//!
//! The paper's block and the reference repository's are the same three paths with other settings.

mod dense;
mod image_path;
mod join;
mod label_path;
mod time;

use crate::error::BlocksError;
use image_path::ImagePath;
use join::Join;
use label_path::LabelPath;
use nopropdt_tensor::layers::Linear;
use nopropdt_tensor::random::Stream;
use nopropdt_tensor::{ParameterBuilder, Slot, Tape, Tensor, Var};
use serde::{Deserialize, Serialize};

/// Settings of a block. [`BlockConfig::paper`] and [`BlockConfig::reference`] are the two published ones.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlockConfig {
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
    /// Whether this is the network of continuous time (CT, FM, neural ODE): a time path beside the others, a label path of one
    /// layer, ReLU in place of every batch norm.
    pub continuous: bool,
    /// Whether a second convolution of as many channels follows the second and the third, each added to its own input:
    /// x + ReLU(conv(x)).
    pub residual: bool,
    /// Whether the latent is an image, as prototypes are, and takes convolutions of its own in place of the label path.
    pub image_latent: bool,
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

impl BlockConfig {
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
            continuous: false,
            residual: false,
            image_latent: false,
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

/// What a block makes its logits of.
#[derive(Debug, Clone, Copy)]
pub struct BlockInputs {
    /// Image features [B, hidden].
    pub features: Var,
    /// The latent [B, d].
    pub z: Var,
    /// Embedded times [B, 64], by [`DenoiseBlock::embed_times`]; only a block of continuous time takes them.
    pub times: Option<Var>,
    /// Dropout masks of a latent that is an image; None leaves dropout out.
    pub dropout: Option<Stream>,
}

impl BlockInputs {
    /// Features and latent, without time and dropout.
    pub fn new(features: Var, z: Var) -> Self {
        Self { features, z, times: None, dropout: None }
    }
}

/// A checked block: handles into a parameter set that every block of a network shares the shape of.
#[derive(Debug, Clone)]
pub struct DenoiseBlock {
    image: ImagePath,
    label: LabelPath,
    time: Option<Linear>,
    join: Join,
    decoder: Option<Linear>,
    multiply_adds: (u64, u64),
}

impl DenoiseBlock {
    /// Registers the block's tensors: `image.…`, `label.…`, `time.fc.…` in continuous time, `join.…`, and `decoder.fc.…` if
    /// there is one.
    ///
    /// # Errors
    /// When a width is 0, dropout is not in 0..1, pooling would leave no pixel, or the latent is to be an image and `dim`
    /// is not its size.
    pub fn new(
        config: &BlockConfig,
        image: [usize; 3],
        classes: usize,
        dim: usize,
        builder: &mut ParameterBuilder,
    ) -> Result<Self, BlocksError> {
        config.validate(image)?;
        if config.image_latent {
            let values = image.iter().product();
            BlocksError::check_size("embedding of the size of an image", values, values, dim)?;
        }
        let image_path = builder.scope("image", |b| ImagePath::new(config, image, b));
        let label = builder.scope("label", |b| match config.image_latent {
            true => LabelPath::image(config, image, b),
            false => LabelPath::vector(config, dim, b),
        });
        let width = time::EMBEDDING;
        let time =
            config.continuous.then(|| builder.scope("time", |b| Linear::new(b, "fc", width, config.hidden)));
        let join = builder.scope("join", |b| Join::new(config, classes, b));
        let decoder = config.decoder.then(|| builder.scope("decoder", |b| Linear::new(b, "fc", dim, dim)));
        let of_time = if config.continuous { (width * config.hidden) as u64 } else { 0 };
        let once_a_step = label.multiply_adds() + of_time + join.multiply_adds();
        let multiply_adds = (image_path.multiply_adds(), once_a_step);
        Ok(Self { image: image_path, label, time, join, decoder, multiply_adds })
    }

    /// Image features, which depend on neither z nor t. In training, dropout masks come from `dropout`; None leaves dropout out.
    ///
    /// # Shapes
    /// images [B, H, W, C] -> [B, hidden]
    pub fn features(&self, tape: &mut Tape<'_>, slot: Slot, images: Var, dropout: Option<Stream>) -> Var {
        self.image.forward(tape, slot, images, dropout)
    }

    /// What [`BlockInputs::times`] wants for times t in 0..=1, one a row: [B, 64].
    pub fn embed_times(&self, times: &[f64]) -> Tensor {
        time::embed(times)
    }

    /// Class logits from image features, the latent and, in continuous time, the time.
    ///
    /// # Shapes
    /// features [B, hidden], z [B, d] -> [B, m]
    ///
    /// # Panics
    /// When a block of continuous time is given no times, or another is.
    pub fn logits(&self, tape: &mut Tape<'_>, slot: Slot, inputs: BlockInputs) -> Var {
        let label = self.label.forward(tape, slot, inputs.z, inputs.dropout);
        let time = match (&self.time, inputs.times) {
            (Some(layer), Some(times)) => {
                let hidden = layer.forward(tape, slot, times);
                Some(tape.relu(hidden))
            }
            (None, None) => None,
            _ => panic!("block: times are for blocks of continuous time, which want them"),
        };
        let parts: Vec<Var> = [inputs.features, label].into_iter().chain(time).collect();
        self.join.forward(tape, slot, &parts)
    }

    /// The estimate û = softmax(logits)·W_embed, through the decoder if the block has one.
    ///
    /// # Shapes
    /// logits [B, m], embedding [m, d] -> [B, d]
    pub fn estimate(&self, tape: &mut Tape<'_>, slot: Slot, logits: Var, embedding: Var) -> Var {
        let probabilities = tape.softmax(logits);
        let mean = tape.matmul(probabilities, embedding);
        self.decode(tape, slot, mean).unwrap_or(mean)
    }

    /// tanh(x·Dᵀ + b) by the block's decoder; None when it has none.
    ///
    /// # Shapes
    /// x [B, d] -> [B, d]
    pub fn decode(&self, tape: &mut Tape<'_>, slot: Slot, x: Var) -> Option<Var> {
        let decoder = self.decoder.as_ref()?;
        let hidden = decoder.forward(tape, slot, x);
        Some(tape.tanh(hidden))
    }

    /// Multiply-adds of one image's forward pass: (image path, all else, which is done at every denoising).
    pub fn multiply_adds(&self) -> (u64, u64) {
        self.multiply_adds
    }
}

#[cfg(test)]
mod tests;
