//! A denoising block of image patches and self-attention.
//!
//! The image is cut into patches. Each becomes a token, and the tokens attend to one another (Dosovitskiy et al. 2021): that depends on
//! the image alone. The latent, and the time where the site is timed, become a few tokens of their own. These attend to the image's
//! tokens and end in class logits, so a denoising costs little beside the image.

mod cut;
mod layers;
mod stem;

use super::time::{TIME_EMBEDDING, embed_times};
use super::{Block, BlockDesign, BlockInputs, BlockSite};
use crate::error::BlocksError;
use cut::Cut;
use layers::{Layer, Projection, Reader, join};
use nopropdt_tensor::init::Initializer;
use nopropdt_tensor::layers::{Conv2d, LayerNorm, Linear};
use nopropdt_tensor::random::Stream;
use nopropdt_tensor::{Layout, ParameterBuilder, ParameterId, Slot, Tape, Var};
use serde::{Deserialize, Serialize};
use stem::{Plan, Stem};

/// Settings of a block of image patches and self-attention. [`PatchBlock::small`] is the default, and what a missing setting is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct PatchBlock {
    /// Rows and columns of a patch in pixels. 0 takes the smallest patch of even sides that cuts the image into at most 64. Sides that it
    /// does not divide get zeros around them.
    pub patch: usize,
    /// Whether a patch also sees half a patch of its neighbours on every side; one place at the least.
    pub overlap: bool,
    /// Whether convolutions see the image before it is cut: 3×3 with ReLU and a 2×2 max-pool, as often as these halve a patch and the sides of
    /// the image without a rest. A patch of 4×4 pixels is then one place behind two of them. The first has half the width of a token for
    /// channels, the others all of it.
    pub stem: bool,
    /// Values of a linear layer with ReLU that sees all tokens of the image at once, for the logits; 0 for none.
    pub summary: usize,
    /// Values of a token.
    pub width: usize,
    /// Heads of each attention; they share the width.
    pub heads: usize,
    /// Layers in which the tokens of the image attend to one another, once an image.
    pub depth: usize,
    /// Layers in which the tokens of the latent attend to those of the image, at every denoising.
    pub readers: usize,
    /// Tokens that the latent becomes.
    pub latent_tokens: usize,
    /// Hidden values of the last two linear layers, between the tokens of the latent and the logits.
    pub hidden: usize,
    /// Hidden values of the two linear layers behind each attention, as a multiple of the width.
    pub mlp: usize,
    /// Dropout probability of what each attention and each pair of linear layers adds to its token.
    pub dropout: f32,
}

impl Default for PatchBlock {
    fn default() -> Self {
        Self::small()
    }
}

/// Widest layer of a block.
const MOST_WIDTH: usize = 1 << 14;
/// Most layers of a kind, and largest multiple of the width.
const MOST_LAYERS: usize = 64;
/// Positions at first, about as large as patches. With the customary deviation of 0.02, attention does not tell places apart for many
/// epochs: the chain of an earlier form, with one latent token, named 77.0 % of held-out training digits after 20 epochs, and 95.4 %
/// with 0.5 (a seed each, five draws).
const POSITIONS: Initializer = Initializer::Normal { std: 0.5 };
/// Biases that the tokens of the latent start from: what tells them apart, and more than the noise of an early latent.
const TOKENS: Initializer = Initializer::Normal { std: 1.0 };

impl PatchBlock {
    /// A block small enough to be trained on a processor: 230,000 parameters for 8×8 pixels, 405,000 for 28×28.
    pub fn small() -> Self {
        Self {
            patch: 0,
            overlap: true,
            stem: true,
            summary: 64,
            width: 64,
            heads: 4,
            depth: 1,
            readers: 2,
            latent_tokens: 4,
            hidden: 128,
            mlp: 2,
            dropout: 0.1,
        }
    }

    /// Checks every setting, and cuts the image or what the stem makes of it.
    fn validate(&self, image: [usize; 3]) -> Result<(Plan, Cut), BlocksError> {
        BlocksError::check_size("width of a token", 1, MOST_WIDTH, self.width)?;
        BlocksError::check_size("channels of the image", 1, MOST_WIDTH, image[2])?;
        if self.heads == 0 || !self.width.is_multiple_of(self.heads) {
            return Err(BlocksError::range("heads", "a divisor of the width of a token", self.heads));
        }
        BlocksError::check_size("summary", 0, MOST_WIDTH, self.summary)?;
        BlocksError::check_size("depth", 0, MOST_LAYERS, self.depth)?;
        BlocksError::check_size("readers", 1, MOST_LAYERS, self.readers)?;
        BlocksError::check_size("latent-tokens", 1, MOST_LAYERS, self.latent_tokens)?;
        BlocksError::check_size("hidden", 1, MOST_WIDTH, self.hidden)?;
        BlocksError::check_size("mlp", 1, MOST_LAYERS, self.mlp)?;
        if !(0.0..1.0).contains(&self.dropout) {
            return Err(BlocksError::range("dropout", "in 0..1", self.dropout));
        }
        let patch = Cut::side(self.patch, image)?;
        let plan = if self.stem { Plan::new(patch, self.width, image) } else { Plan::none(patch, image) };
        let cut = Cut::new(plan.patch, self.overlap, plan.image);
        Ok((plan, cut))
    }

    /// Multiply-adds of an image's patches and layers, and of all that sees the latent.
    fn multiply_adds(&self, plan: &Plan, cut: &Cut, site: &BlockSite) -> (u64, u64) {
        let [patches, inputs, width, mlp] = [cut.patches, cut.inputs, self.width, self.mlp].map(|n| n as u64);
        let [depth, readers, tokens, hidden] =
            [self.depth, self.readers, self.latent_tokens, self.hidden].map(|n| n as u64);
        let [dim, classes] = [site.dim, site.classes].map(|n| n as u64);
        let square = width * width;
        // Query, key, value, output and the two linear layers; for each pair of tokens a score and a term of the mean.
        let layer = patches * (4 + 2 * mlp) * square + 2 * patches * patches * width;
        let keys_and_values = readers * patches * 2 * square;
        let reader = tokens * ((2 + 2 * mlp) * square + 2 * patches * width);
        let time = if site.timed { TIME_EMBEDDING as u64 } else { 0 };
        let summary = self.summary as u64;
        let of_image =
            plan.multiply_adds + patches * (inputs + summary) * width + depth * layer + keys_and_values;
        let head = (tokens * width + summary + classes) * hidden;
        (of_image, (dim + time) * tokens * width + readers * reader + head)
    }
}

/// A checked block.
#[derive(Debug, Clone)]
struct PatchLayers {
    patches: usize,
    width: usize,
    stem: Stem,
    embed: Conv2d,
    positions: ParameterId,
    layers: Vec<Layer>,
    norm: LayerNorm,
    summary: Option<Linear>,
    latent: Projection,
    time: Option<Linear>,
    readers: Vec<Reader>,
    head: Head,
    multiply_adds: (u64, u64),
}

/// Logits of the latent's tokens: norm of each · FC ReLU · FC m.
#[derive(Debug, Clone)]
struct Head {
    norm: LayerNorm,
    fc: Linear,
    out: Linear,
}

impl Head {
    fn new(config: &PatchBlock, classes: usize, builder: &mut ParameterBuilder) -> Self {
        let (width, hidden) = (config.width, config.hidden);
        Self {
            norm: LayerNorm::new(builder, "norm", width),
            fc: Linear::new(builder, "fc", config.latent_tokens * width + config.summary, hidden),
            out: Linear::new(builder, "out", hidden, classes),
        }
    }

    /// x [B·tokens, width], the tokens of so many rows, and the image's summary [B, s] -> [B, m]
    fn forward(&self, tape: &mut Tape<'_>, slot: Slot, x: Var, summary: Var) -> Var {
        let x = self.norm.forward(tape, slot, x);
        let rows = tape.shape(summary)[0];
        let x = join(tape, x, rows);
        let x = tape.concat(&[x, summary]);
        let x = self.fc.forward(tape, slot, x);
        let x = tape.relu(x);
        self.out.forward(tape, slot, x)
    }
}

impl BlockDesign for PatchBlock {
    /// Registers `image.…`, `latent.fc.…`, `time.fc.…` where the site is timed, `readers.{i}.…` and `head.…`.
    fn build(&self, site: &BlockSite, builder: &mut ParameterBuilder) -> Result<Box<dyn Block>, BlocksError> {
        let image @ [height, columns, channels] = site.image()?;
        let (plan, cut) = self.validate(image)?;
        if site.latent_is_input {
            let values = image.iter().product();
            BlocksError::check_size("embedding of the size of an image", values, values, site.dim)?;
        }
        let (patches, width) = (cut.patches, self.width);
        let (stem, embed, positions, layers, norm, summary) = builder.scope("image", |b| {
            let stem = Stem::new(&plan, channels, b);
            let embed = Conv2d::new(b, "patches", plan.image[2], width, cut.window);
            let positions = b.parameter("positions", &[patches, width], Layout::Same, POSITIONS, width);
            let layers = (0..self.depth).map(|i| b.scope(&format!("layers.{i}"), |b| Layer::new(self, b)));
            let (layers, norm) = (layers.collect(), LayerNorm::new(b, "norm", width));
            let summary =
                (self.summary > 0).then(|| Linear::new(b, "summary", patches * width, self.summary));
            (stem, embed, positions, layers, norm, summary)
        });
        let of_latent = [site.dim, self.latent_tokens * width];
        let layout = match site.latent_is_input {
            true => Layout::Flattened { pixels: height * columns, channels },
            false => Layout::Same,
        };
        let uniform = Initializer::Uniform { bound: 1.0 / (site.dim as f32).sqrt() };
        let latent =
            builder.scope("latent", |b| Projection::new(b, "fc", of_latent, (layout, uniform, TOKENS)));
        let [_, of_tokens] = of_latent;
        let time =
            site.timed.then(|| builder.scope("time", |b| Linear::new(b, "fc", TIME_EMBEDDING, of_tokens)));
        let reader = |i| builder.scope(&format!("readers.{i}"), |b| Reader::new(self, b));
        let readers = (0..self.readers).map(reader).collect();
        let head = builder.scope("head", |b| Head::new(self, site.classes, b));
        let multiply_adds = self.multiply_adds(&plan, &cut, site);
        Ok(Box::new(PatchLayers {
            patches,
            width,
            stem,
            embed,
            positions,
            layers,
            norm,
            summary,
            latent,
            time,
            readers,
            head,
            multiply_adds,
        }))
    }
}

impl PatchLayers {
    /// The same positions for every image: [B, N·width].
    fn positions(&self, tape: &mut Tape<'_>, slot: Slot, rows: usize) -> Var {
        let positions = tape.parameter(slot, self.positions, &[1, self.patches * self.width]);
        tape.rows(positions, &vec![0; rows])
    }
}

impl Block for PatchLayers {
    /// What each reader reads, keys and values of all tokens, then the summary.
    ///
    /// images [B, H, W, C] -> [B, readers·2·N·width + summary]
    fn encode(&self, tape: &mut Tape<'_>, slot: Slot, images: Var, dropout: Option<Stream>) -> Var {
        let rows = tape.shape(images)[0];
        let x = self.stem.forward(tape, slot, images);
        let x = self.embed.forward(tape, slot, x);
        let x = tape.flatten(x);
        let positions = self.positions(tape, slot, rows);
        let x = tape.add(x, positions);
        let mut x = tape.reshape(x, &[rows * self.patches, self.width]);
        for (index, layer) in self.layers.iter().enumerate() {
            x = layer.forward(tape, slot, x, rows, dropout.map(|stream| stream.child(index as u64)));
        }
        let x = self.norm.forward(tape, slot, x);
        let mut image: Vec<Var> =
            self.readers.iter().flat_map(|reader| reader.prepare(tape, slot, x, rows)).collect();
        if let Some(summary) = &self.summary {
            let all = join(tape, x, rows);
            let summary = summary.forward(tape, slot, all);
            image.push(tape.relu(summary));
        }
        tape.concat(&image)
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
        let [rows, values] = *tape.shape(x) else { unreachable!("a linear layer makes rows") };
        let mut x = tape.reshape(x, &[rows * values / self.width, self.width]);
        let (image, part) = (inputs.features, self.patches * self.width);
        for (index, reader) in self.readers.iter().enumerate() {
            let keys_and_values =
                [2 * index, 2 * index + 1].map(|at| tape.columns(image, at * part..(at + 1) * part));
            let dropout = inputs.dropout.map(|stream| stream.child(index as u64));
            x = reader.forward(tape, slot, x, keys_and_values, dropout);
        }
        let summary = tape.columns(image, 2 * self.readers.len() * part..tape.shape(image)[1]);
        self.head.forward(tape, slot, x, summary)
    }

    fn multiply_adds(&self) -> (u64, u64) {
        self.multiply_adds
    }
}

#[cfg(test)]
mod tests;
