//! A block of one's own, with the whole command line: attention over patches of the image, with the latent as one more token.
//!
//! `cargo run --features cli --example own_block -- --block attention --out RUN`, then `--resume RUN`, `eval --model
//! RUN/model.safetensors`; `--set block.width=64` changes a setting of it.

use std::process::ExitCode;

use nopropdt_blocks::{Block, BlockDesign, BlockInputs, BlockSite, BlocksError, TIME_EMBEDDING, embed_times};
use nopropdt_tensor::layers::{LayerNorm, Linear};
use nopropdt_tensor::random::Stream;
use nopropdt_tensor::{ParameterBuilder, Slot, Tape, Var};
use nopropdt_train::registry::Registry;
use serde::{Deserialize, Serialize};

/// Its settings: the section `[block]` of a run's config.toml.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Attention {
    /// Rows and columns of a patch; the image's sides must be multiples of it.
    patch: usize,
    /// Values of a token.
    width: usize,
    heads: usize,
}

/// Handles of the layers in a block's parameter set.
#[derive(Debug)]
struct Layers {
    /// Patches down and across.
    grid: [usize; 2],
    design: Attention,
    /// A linear layer for each patch tells it from the others.
    tokens: Vec<Linear>,
    latent: Linear,
    time: Option<Linear>,
    norms: [LayerNorm; 3],
    /// Queries, keys, values, and what comes out of the attention.
    attention: [Linear; 4],
    mlp: [Linear; 2],
    /// From all tokens to class logits.
    out: [Linear; 2],
}

impl BlockDesign for Attention {
    fn build(&self, site: &BlockSite, b: &mut ParameterBuilder) -> Result<Box<dyn Block>, BlocksError> {
        let [height, width, channels] = site.image()?;
        let (patch, d) = (self.patch, self.width);
        let divides = |part: usize, whole: usize| part > 0 && whole.is_multiple_of(part);
        if !(divides(patch, height) && divides(patch, width) && divides(self.heads, d)) {
            let rule = "a divisor of the image's sides, and heads one of the width";
            return Err(BlocksError::range("patch", rule, patch));
        }
        let (grid, values) = ([height / patch, width / patch], patch * patch * channels);
        let mut linear = |name: &str, inputs, outputs| Linear::new(b, name, inputs, outputs);
        let tokens = (0..grid[0] * grid[1]).map(|n| linear(&format!("tokens.{n}"), values, d)).collect();
        let latent = linear("latent", site.dim, d);
        let time = site.timed.then(|| linear("time", TIME_EMBEDDING, d));
        let attention = ["query", "key", "value", "join"].map(|name| linear(name, d, d));
        let mlp = [linear("mlp.up", d, 4 * d), linear("mlp.down", 4 * d, d)];
        let all = (1 + grid[0] * grid[1]) * d;
        let out = [linear("out.up", all, 4 * d), linear("out.down", 4 * d, site.classes)];
        let norms = ["first", "second", "last"].map(|name| LayerNorm::new(b, name, d));
        let design = self.clone();
        Ok(Box::new(Layers { grid, design, tokens, latent, time, norms, attention, mlp, out }))
    }
}

impl Block for Layers {
    /// images [B, H, W, C] -> tokens [B, N·width]: all that the image alone decides.
    fn encode(&self, tape: &mut Tape<'_>, slot: Slot, images: Var, _: Option<Stream>) -> Var {
        let (rows, [down, across], patch) = (tape.shape(images)[0], self.grid, self.design.patch);
        let values = tape.shape(images)[3] * patch * patch;
        let cut = tape.reshape(images, &[rows, down, patch, across, patch, values / patch / patch]);
        let cut = tape.permute(cut, &[1, 3, 0, 2, 4, 5]);
        let cut = tape.reshape(cut, &[down * across, rows * values]);
        let token = |(n, layer): (usize, &Linear)| {
            let one = tape.rows(cut, &[n]);
            let one = tape.reshape(one, &[rows, values]);
            layer.forward(tape, slot, one)
        };
        let tokens: Vec<Var> = self.tokens.iter().enumerate().map(token).collect();
        tape.concat(&tokens)
    }

    fn logits(&self, tape: &mut Tape<'_>, slot: Slot, inputs: BlockInputs<'_>) -> Var {
        let (rows, d) = (tape.shape(inputs.z)[0], self.design.width);
        let mut asked = self.latent.forward(tape, slot, inputs.z);
        if let (Some(layer), Some(times)) = (&self.time, inputs.times) {
            let times = tape.constant(embed_times(times));
            let time = layer.forward(tape, slot, times);
            asked = tape.add(asked, time);
        }
        let all = tape.concat(&[asked, inputs.features]);
        let count = 1 + self.tokens.len();
        let flat = tape.reshape(all, &[rows * count, d]);
        let seen = self.norms[0].forward(tape, slot, flat);
        let [query, key, value] = [0, 1, 2].map(|which| {
            let each = self.attention[which].forward(tape, slot, seen);
            tape.reshape(each, &[rows, count, d])
        });
        let found = tape.attention_of_heads(query, key, value, self.design.heads);
        let found = tape.reshape(found, &[rows * count, d]);
        let found = self.attention[3].forward(tape, slot, found);
        let x = tape.add(flat, found);
        let normed = self.norms[1].forward(tape, slot, x);
        let wide = self.mlp[0].forward(tape, slot, normed);
        let wide = tape.gelu(wide);
        let more = self.mlp[1].forward(tape, slot, wide);
        let x = tape.add(x, more);
        // All tokens side by side, that of the latent among them.
        let x = self.norms[2].forward(tape, slot, x);
        let x = tape.reshape(x, &[rows, count * d]);
        let x = self.out[0].forward(tape, slot, x);
        let x = tape.gelu(x);
        self.out[1].forward(tape, slot, x)
    }
}

fn main() -> ExitCode {
    let small = Attention { patch: 2, width: 32, heads: 4 };
    nopropdt_train::cli::run(Registry::builtin().block("attention", "attention over patches", small))
}
