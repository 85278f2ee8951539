//! Inputs that are no images: vectors of 64 numbers, and a block of two hidden layers that takes inputs of any shape. Both have a name,
//! and so all that the built-in ones have.
//!
//! `cargo run --features cli --example own_vectors -- --dataset waves --block mlp --steps 4 --epochs 10`

use std::process::ExitCode;

use nopropdt_blocks::{Block, BlockDesign, BlockInputs, BlockSite, BlocksError};
use nopropdt_data::{Dataset, Examples, Split};
use nopropdt_tensor::layers::Linear;
use nopropdt_tensor::random::Stream;
use nopropdt_tensor::{ParameterBuilder, Slot, Tape, Var};
use nopropdt_train::registry::Registry;
use serde::{Deserialize, Serialize};

const LENGTH: usize = 64;
const CLASSES: usize = 5;

/// Waves in noise: a class is a frequency, and each vector has a phase of its own.
struct Waves {
    count: usize,
    stream: Stream,
}

impl Examples for Waves {
    fn len(&self) -> usize {
        self.count
    }

    fn shape(&self) -> Vec<usize> {
        vec![LENGTH]
    }

    fn label(&self, index: usize) -> usize {
        index % CLASSES
    }

    fn fill(&self, index: usize, input: &mut [f32]) {
        let (stream, mut phase) = (self.stream.child(index as u64), [0.0]);
        stream.purpose("phase").fill_uniform(&mut phase);
        stream.purpose("noise").fill_normal(input);
        let turns = (self.label(index) + 1) as f32 / LENGTH as f32;
        for (place, value) in input.iter_mut().enumerate() {
            *value = 0.5 * *value + (std::f32::consts::TAU * (turns * place as f32 + phase[0])).sin();
        }
    }
}

/// The settings of the block, which are the section `[block]` of files.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Mlp {
    width: usize,
}

/// A layer for the input, one for the latent, one that joins them, and logits.
#[derive(Debug)]
struct Layers([Linear; 4]);

impl BlockDesign for Mlp {
    fn build(&self, site: &BlockSite, b: &mut ParameterBuilder) -> Result<Box<dyn Block>, BlocksError> {
        let (width, input) = (self.width, site.input.iter().product());
        BlocksError::check_size("width", 1, 4096, width)?;
        let layers = [("input", input, width), ("latent", site.dim, width), ("join", 2 * width, width)];
        let [input, latent, join] = layers.map(|(name, from, to)| Linear::new(b, name, from, to));
        Ok(Box::new(Layers([input, latent, join, Linear::new(b, "out", width, site.classes)])))
    }
}

impl Block for Layers {
    fn encode(&self, tape: &mut Tape<'_>, slot: Slot, inputs: Var, _: Option<Stream>) -> Var {
        let flat = tape.flatten(inputs);
        let x = self.0[0].forward(tape, slot, flat);
        tape.gelu(x)
    }

    fn logits(&self, tape: &mut Tape<'_>, slot: Slot, inputs: BlockInputs<'_>) -> Var {
        let z = self.0[1].forward(tape, slot, inputs.z);
        let z = tape.gelu(z);
        let both = tape.concat(&[inputs.features, z]);
        let x = self.0[2].forward(tape, slot, both);
        let x = tape.gelu(x);
        self.0[3].forward(tape, slot, x)
    }
}

fn main() -> ExitCode {
    let waves = |purpose, count| Split::of(Waves { count, stream: Stream::new(1).purpose(purpose) });
    let names = || (1..=CLASSES).map(|turns| format!("{turns} turns")).collect();
    let registry = Registry::builtin().block("mlp", "two hidden layers", Mlp { width: 128 }).dataset(
        "waves",
        "vectors of 64 numbers, a frequency a class",
        move |_| Dataset::new("waves", names(), waves("train", 2000)?, waves("test", 500)?),
    );
    nopropdt_train::cli::run(registry)
}
