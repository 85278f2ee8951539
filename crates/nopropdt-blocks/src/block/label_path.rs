//! What a block makes of the latent, and how it joins that with the image.

use super::BlockConfig;
use nopropdt_tensor::layers::{BatchNorm, Linear};
use nopropdt_tensor::{ParameterBuilder, Slot, Tape, Var};

/// A linear layer with batch norm, and ReLU where `forward_relu` is called.
#[derive(Debug, Clone)]
struct Normalised {
    fc: Linear,
    bn: BatchNorm,
    multiply_adds: u64,
}

impl Normalised {
    /// Registers `fc{number}` and `bn{number}`.
    fn new(builder: &mut ParameterBuilder, number: usize, inputs: usize, outputs: usize) -> Self {
        Self {
            fc: Linear::new(builder, &format!("fc{number}"), inputs, outputs),
            bn: BatchNorm::new(builder, &format!("bn{number}"), outputs),
            multiply_adds: (inputs * outputs) as u64,
        }
    }

    fn forward(&self, tape: &mut Tape<'_>, slot: Slot, x: Var) -> Var {
        let x = self.fc.forward(tape, slot, x);
        self.bn.forward(tape, slot, x)
    }

    fn forward_relu(&self, tape: &mut Tape<'_>, slot: Slot, x: Var) -> Var {
        let x = self.forward(tape, slot, x);
        tape.relu(x)
    }
}

/// FC BN ReLU (= h1) · FC BN ReLU · FC BN, + h1.
#[derive(Debug, Clone)]
pub(super) struct LabelPath {
    layers: [Normalised; 3],
}

impl LabelPath {
    pub(super) fn new(dim: usize, hidden: usize, builder: &mut ParameterBuilder) -> Self {
        let mut inputs = dim;
        let layers = std::array::from_fn(|index| {
            let layer = Normalised::new(builder, index + 1, inputs, hidden);
            inputs = hidden;
            layer
        });
        Self { layers }
    }

    pub(super) fn forward(&self, tape: &mut Tape<'_>, slot: Slot, z: Var) -> Var {
        let [first, second, third] = &self.layers;
        let h1 = first.forward_relu(tape, slot, z);
        let h2 = second.forward_relu(tape, slot, h1);
        let h3 = third.forward(tape, slot, h2);
        tape.add(h3, h1)
    }

    pub(super) fn multiply_adds(&self) -> u64 {
        self.layers.iter().map(|layer| layer.multiply_adds).sum()
    }
}

/// concat · FC BN ReLU · FC BN ReLU · FC m.
#[derive(Debug, Clone)]
pub(super) struct Join {
    layers: [Normalised; 2],
    out: Linear,
    multiply_adds: u64,
}

impl Join {
    pub(super) fn new(config: &BlockConfig, classes: usize, builder: &mut ParameterBuilder) -> Self {
        let [first, second] = config.join;
        let layers = [
            Normalised::new(builder, 1, 2 * config.hidden, first),
            Normalised::new(builder, 2, first, second),
        ];
        let multiply_adds =
            layers.iter().map(|layer| layer.multiply_adds).sum::<u64>() + (second * classes) as u64;
        Self { layers, out: Linear::new(builder, "out", second, classes), multiply_adds }
    }

    pub(super) fn forward(&self, tape: &mut Tape<'_>, slot: Slot, image: Var, label: Var) -> Var {
        let mut x = tape.concat(&[image, label]);
        for layer in &self.layers {
            x = layer.forward_relu(tape, slot, x);
        }
        self.out.forward(tape, slot, x)
    }

    pub(super) fn multiply_adds(&self) -> u64 {
        self.multiply_adds
    }
}
