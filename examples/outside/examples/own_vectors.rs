//! Inputs that are no images: vectors of 64 numbers, and a block of two hidden layers that takes inputs of any shape.
//!
//! `cargo run --example own_vectors`

use std::error::Error;

use nopropdt_blocks::{
    Block, BlockDesign, BlockInputs, BlockSite, BlocksError, DtConfig, NetworkConfig, NoPropDt,
};
use nopropdt_data::Examples;
use nopropdt_tensor::layers::Linear;
use nopropdt_tensor::random::Stream;
use nopropdt_tensor::{ParameterBuilder, Slot, Tape, Var};
use nopropdt_train::config::Overrides;
use nopropdt_train::evaluate::accuracy;
use nopropdt_train::trainer::{Progress, Trainer, batches_per_epoch};

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

/// Settings of the block: its width.
#[derive(Debug)]
struct Mlp(usize);

/// One layer for the input, one for the latent, and one that joins them.
#[derive(Debug)]
struct Layers([Linear; 4]);

impl BlockDesign for Mlp {
    fn build(&self, site: &BlockSite, b: &mut ParameterBuilder) -> Result<Box<dyn Block>, BlocksError> {
        let (Self(width), input) = (self, site.input.iter().product());
        let layers = [("input", input, *width), ("latent", site.dim, *width), ("join", 2 * width, *width)];
        let [input, latent, join] = layers.map(|(name, from, to)| Linear::new(b, name, from, to));
        Ok(Box::new(Layers([input, latent, join, Linear::new(b, "out", *width, site.classes)])))
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

fn main() -> Result<(), Box<dyn Error>> {
    let [train, test] = [("train", 2000), ("test", 500)]
        .map(|(name, count)| Waves { count, stream: Stream::new(1).purpose(name) });
    let network = NetworkConfig::new(&train.shape(), CLASSES, Mlp(128));
    let method = NoPropDt::new(&DtConfig { network, steps: 4, ..DtConfig::paper([8, 8, 1], CLASSES) })?;
    let config = Overrides::default().with("epochs", 10).with("batch-size", 32).resolve(None)?;
    let batches = batches_per_epoch(train.len(), config.training.batch_size);
    let mut trainer = Trainer::new(&method, &config, batches)?;
    for epoch in 0..config.training.epochs {
        trainer.epoch(&train, epoch, &Progress { on_step: &|_, _, _| (), stop: &|| false })?;
    }
    let found = accuracy(&method, trainer.weights(), &test, config.training.seed, 1).remove(0);
    println!("chain {:.3}, consensus {:.3}", found.chain, found.consensus);
    assert!(found.chain > 0.9);
    Ok(())
}
