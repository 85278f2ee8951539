//! How a block joins what it sees of the image, of the latent and of the time.

use super::BlockConfig;
use super::dense::Dense;
use nopropdt_tensor::layers::Linear;
use nopropdt_tensor::{ParameterBuilder, Slot, Tape, Var};

/// concat · FC BN ReLU · FC BN ReLU · FC m; without BN in continuous time.
#[derive(Debug, Clone)]
pub(super) struct Join {
    layers: [Dense; 2],
    out: Linear,
    multiply_adds: u64,
}

impl Join {
    pub(super) fn new(config: &BlockConfig, classes: usize, builder: &mut ParameterBuilder) -> Self {
        let [first, second] = config.join;
        let paths = if config.continuous { 3 } else { 2 };
        let layers = [
            Dense::new(builder, 1, (paths * config.hidden, first), !config.continuous),
            Dense::new(builder, 2, (first, second), !config.continuous),
        ];
        let multiply_adds = layers.iter().map(Dense::multiply_adds).sum::<u64>() + (second * classes) as u64;
        Self { layers, out: Linear::new(builder, "out", second, classes), multiply_adds }
    }

    pub(super) fn forward(&self, tape: &mut Tape<'_>, slot: Slot, parts: &[Var]) -> Var {
        let mut x = tape.concat(parts);
        for layer in &self.layers {
            x = layer.forward_relu(tape, slot, x);
        }
        self.out.forward(tape, slot, x)
    }

    pub(super) fn multiply_adds(&self) -> u64 {
        self.multiply_adds
    }
}
