//! A denoising block of image patches and self-attention.
//!
//! The image is cut into patches, which become tokens that attend to one another (Dosovitskiy et al. 2021); that depends on the image
//! alone. The latent, and the time where the site is timed, become one further token, which attends to those of the image and ends in
//! class logits.

mod layer;

use super::time::{TIME_EMBEDDING, embed_times};
use super::{Block, BlockDesign, BlockInputs, BlockSite};
use crate::error::BlocksError;
use layer::{Layer, Reader};
use nopropdt_tensor::init::Initializer;
use nopropdt_tensor::layers::{Conv2d, LayerNorm, Linear};
use nopropdt_tensor::random::Stream;
use nopropdt_tensor::{Layout, ParameterBuilder, ParameterId, Slot, Tape, Var, Window};
use serde::{Deserialize, Serialize};

/// Settings of a block of image patches and self-attention; [`PatchBlock::small`] is the default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct PatchBlock {
    /// Rows and columns of a patch in pixels; 0 takes the smallest patch from 2×2 that leaves at most 64 of them.
    pub patch: usize,
    /// Values of a token.
    pub width: usize,
    /// Heads of each attention; they share the width.
    pub heads: usize,
    /// Layers in which the tokens of the image attend to one another: done once an image.
    pub depth: usize,
    /// Layers in which the token of the latent attends to those of the image: done at every denoising.
    pub readers: usize,
    /// Hidden values of the two linear layers behind each attention, as a multiple of the width.
    pub mlp: usize,
    /// Dropout probability of what each attention and each pair of linear layers adds.
    pub dropout: f32,
}

impl Default for PatchBlock {
    fn default() -> Self {
        Self::small()
    }
}

/// Widest layer of a block.
const MOST_WIDTH: usize = 1 << 14;
/// Longest side of an image.
const MOST_SIDE: usize = 256;
/// Most layers of a kind.
const MOST_LAYERS: usize = 64;
/// Most patches that are chosen.
const MOST_PATCHES: usize = 64;

/// How an image is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cut {
    window: Window,
    patches: usize,
}

impl PatchBlock {
    /// Small enough to train on a processor.
    pub fn small() -> Self {
        Self { patch: 0, width: 64, heads: 4, depth: 2, readers: 1, mlp: 2, dropout: 0.1 }
    }

    fn validate(&self, [height, width, channels]: [usize; 3]) -> Result<Cut, BlocksError> {
        for side in [height, width] {
            BlocksError::check_size("image: rows and columns", 1, MOST_SIDE, side)?;
        }
        BlocksError::check_size("channels of the image", 1, MOST_WIDTH, channels)?;
        BlocksError::check_size("width", 1, MOST_WIDTH, self.width)?;
        BlocksError::check_size("heads", 1, self.width, self.heads)?;
        BlocksError::check_size("depth", 0, MOST_LAYERS, self.depth)?;
        BlocksError::check_size("readers", 1, MOST_LAYERS, self.readers)?;
        BlocksError::check_size("mlp", 1, MOST_LAYERS, self.mlp)?;
        if !self.width.is_multiple_of(self.heads) {
            return Err(BlocksError::range("heads", "a divisor of the width", self.heads));
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return Err(BlocksError::range("dropout", "in 0..1", self.dropout));
        }
        let along = |side: usize, patch: usize| side.div_ceil(patch);
        let count = |patch: usize| along(height, patch) * along(width, patch);
        let patch = match self.patch {
            0 => {
                (2..).find(|&patch| count(patch) <= MOST_PATCHES).expect("a patch of the whole image is one")
            }
            patch => patch,
        };
        BlocksError::check_size("patch", 1, height.max(width), patch)?;
        let padding = |side: usize| (along(side, patch) * patch - side).div_ceil(2);
        let window =
            Window { size: [patch; 2], stride: [patch; 2], padding: [padding(height), padding(width)] };
        Ok(Cut { window, patches: count(patch) })
    }
}

/// A checked block.
#[derive(Debug, Clone)]
struct PatchLayers {
    patches: usize,
    width: usize,
    embed: Conv2d,
    positions: ParameterId,
    layers: Vec<Layer>,
    norm: LayerNorm,
    readers: Vec<Reader>,
    latent: Linear,
    time: Option<Linear>,
    last: LayerNorm,
    out: Linear,
    multiply_adds: (u64, u64),
}

impl BlockDesign for PatchBlock {
    fn build(&self, site: &BlockSite, builder: &mut ParameterBuilder) -> Result<Box<dyn Block>, BlocksError> {
        let image = site.image()?;
        let Cut { window, patches } = self.validate(image)?;
        let (width, channels) = (self.width, image[2]);
        let (embed, positions, layers, norm) = builder.scope("image", |b| {
            let embed = Conv2d::new(b, "patches", channels, width, window);
            let normal = Initializer::Normal { std: 0.02 };
            let positions = b.parameter("positions", &[patches, width], Layout::Same, normal, width);
            let layers = (0..self.depth).map(|i| b.scope(&format!("layers.{i}"), |b| Layer::new(self, b)));
            (embed, positions, layers.collect(), LayerNorm::new(b, "norm", width))
        });
        let latent = builder.scope("latent", |b| Linear::new(b, "fc", site.dim, width));
        let time = site.timed.then(|| builder.scope("time", |b| Linear::new(b, "fc", TIME_EMBEDDING, width)));
        let readers =
            (0..self.readers).map(|i| builder.scope(&format!("readers.{i}"), |b| Reader::new(self, b)));
        let readers = readers.collect();
        let (last, out) = builder.scope("head", |b| {
            (LayerNorm::new(b, "norm", width), Linear::new(b, "out", width, site.classes))
        });
        let multiply_adds = (0, 0);
        Ok(Box::new(PatchLayers {
            patches,
            width,
            embed,
            positions,
            layers,
            norm,
            readers,
            latent,
            time,
            last,
            out,
            multiply_adds,
        }))
    }
}

impl Block for PatchLayers {
    /// images [B, H, W, C] -> [B, 2·readers·N·width]
    fn encode(&self, tape: &mut Tape<'_>, slot: Slot, images: Var, dropout: Option<Stream>) -> Var {
        let rows = tape.shape(images)[0];
        let (patches, width) = (self.patches, self.width);
        let x = self.embed.forward(tape, slot, images);
        let x = tape.reshape(x, &[rows, patches * width]);
        let positions = tape.parameter(slot, self.positions, &[1, patches * width]);
        let positions = tape.rows(positions, &vec![0; rows]);
        let x = tape.add(x, positions);
        let mut x = tape.reshape(x, &[rows * patches, width]);
        for (index, layer) in self.layers.iter().enumerate() {
            x = layer.forward(tape, slot, x, rows, dropout.map(|stream| stream.child(index as u64)));
        }
        let x = self.norm.forward(tape, slot, x);
        let parts: Vec<Var> =
            self.readers.iter().flat_map(|reader| reader.prepare(tape, slot, x, rows)).collect();
        tape.concat(&parts)
    }

    fn logits(&self, tape: &mut Tape<'_>, slot: Slot, inputs: BlockInputs<'_>) -> Var {
        let mut x = self.latent.forward(tape, slot, inputs.z);
        match (&self.time, inputs.times) {
            (Some(layer), Some(times)) => {
                let times = tape.constant(embed_times(times));
                let time = layer.forward(tape, slot, times);
                x = tape.add(x, time);
            }
            (None, None) => {}
            _ => panic!("block: times are for blocks that serve all times, which want them"),
        }
        let rows = tape.shape(inputs.z)[0];
        let parts = 2 * self.readers.len();
        let features = tape.reshape(inputs.features, &[rows * parts, self.patches * self.width]);
        for (index, reader) in self.readers.iter().enumerate() {
            let mut part = |which: usize| {
                let places: Vec<usize> = (0..rows).map(|row| row * parts + 2 * index + which).collect();
                tape.rows(features, &places)
            };
            let (keys, values) = (part(0), part(1));
            let dropout = inputs.dropout.map(|stream| stream.child(index as u64));
            x = reader.forward(tape, slot, x, [keys, values], dropout);
        }
        let x = self.last.forward(tape, slot, x);
        self.out.forward(tape, slot, x)
    }

    fn multiply_adds(&self) -> (u64, u64) {
        self.multiply_adds
    }
}
