//! The denoising block (paper Figure 6): an image path, a label path, and a join that ends in class logits.
//!
//! The paper's block and the reference repository's are the same three paths with other settings.

mod image_path;
mod label_path;

use crate::error::BlocksError;
use image_path::ImagePath;
use label_path::{Join, LabelPath};
use nopropdt_tensor::layers::Linear;
use nopropdt_tensor::random::Stream;
use nopropdt_tensor::{ParameterBuilder, Slot, Tape, Var};
use serde::{Deserialize, Serialize};

/// Size of an input image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageShape {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Channels: 1 grey, 3 colour.
    pub channels: usize,
}

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
        }
    }

    /// The block of the reference repository, without its decoder (docs/algorithm.md).
    pub fn reference() -> Self {
        Self { pool: [true; 3], global_average: true, join: [256, 256], ..Self::paper() }
    }

    /// What an image of this size brings to the layers that see it.
    ///
    /// # Errors
    /// When a setting is out of range, or pooling would leave no pixel.
    pub fn layer_inputs(&self, image: ImageShape) -> Result<LayerInputs, BlocksError> {
        self.validate(&image)?;
        let side =
            |side: usize| self.pool.iter().fold(side, |side, &pool| if pool { side / 2 } else { side });
        let pixels = if self.global_average { 1 } else { side(image.height) * side(image.width) };
        Ok(LayerInputs { channels: image.channels, features: pixels * self.channels[2] })
    }

    fn validate(&self, image: &ImageShape) -> Result<(), BlocksError> {
        for width in self.channels.iter().chain(&self.join).chain([&self.hidden, &image.channels]) {
            BlocksError::check_size("block: width, or channels of the image", 1, MOST_WIDTH, *width)?;
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return Err(BlocksError::range("dropout", "in 0..1", self.dropout));
        }
        let pools = self.pool.iter().filter(|&&pool| pool).count();
        let least = 1 << pools;
        if image.height < least || image.width < least {
            let (height, width) = (image.height, image.width);
            return Err(BlocksError::ImageTooSmall { pools, least, height, width });
        }
        for side in [image.height, image.width] {
            BlocksError::check_size("image: rows and columns", least, MOST_SIDE, side)?;
        }
        Ok(())
    }
}

/// A checked block: handles into a parameter set that every block of a network shares the shape of.
#[derive(Debug, Clone)]
pub struct DenoiseBlock {
    image: ImagePath,
    label: LabelPath,
    join: Join,
    decoder: Option<Linear>,
}

impl DenoiseBlock {
    /// Registers the block's tensors: `image.…`, `label.…`, `join.…`, and `decoder.fc.…` if there is one.
    ///
    /// # Errors
    /// When a width is 0, dropout is not in 0..1, or pooling would leave no pixel.
    pub fn new(
        config: &BlockConfig,
        image: ImageShape,
        classes: usize,
        dim: usize,
        builder: &mut ParameterBuilder,
    ) -> Result<Self, BlocksError> {
        config.validate(&image)?;
        Ok(Self {
            image: builder.scope("image", |b| ImagePath::new(config, image, b)),
            label: builder.scope("label", |b| LabelPath::new(dim, config.hidden, b)),
            join: builder.scope("join", |b| Join::new(config, classes, b)),
            decoder: config.decoder.then(|| builder.scope("decoder", |b| Linear::new(b, "fc", dim, dim))),
        })
    }

    /// Image features, which depend on neither z nor t. In training, dropout masks come from `dropout`; None leaves dropout out.
    ///
    /// # Shapes
    /// images [B, H, W, C] -> [B, hidden]
    pub fn features(&self, tape: &mut Tape<'_>, slot: Slot, images: Var, dropout: Option<Stream>) -> Var {
        self.image.forward(tape, slot, images, dropout)
    }

    /// Class logits from image features and the latent.
    ///
    /// # Shapes
    /// features [B, hidden], z [B, d] -> [B, m]
    pub fn logits(&self, tape: &mut Tape<'_>, slot: Slot, features: Var, z: Var) -> Var {
        let label = self.label.forward(tape, slot, z);
        self.join.forward(tape, slot, features, label)
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

    /// Multiply-adds of one image's forward pass: (image path, label path and join).
    pub fn multiply_adds(&self) -> (u64, u64) {
        (self.image.multiply_adds(), self.label.multiply_adds() + self.join.multiply_adds())
    }
}

#[cfg(test)]
mod tests;
