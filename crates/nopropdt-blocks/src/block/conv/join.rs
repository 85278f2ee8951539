//! How a block joins what it sees of the image, of the latent and of the time.

use super::ConvBlock;
use super::dense::Dense;
use nopropdt_tensor::layers::Linear;
use nopropdt_tensor::{ParameterBuilder, Slot, Tape, Var};

/// concat · FC BN ReLU · FC BN ReLU · FC m; without BN where the site is timed.
#[derive(Debug, Clone)]
pub(super) struct Join {
    layers: [Dense; 2],
    out: Linear,
    multiply_adds: u64,
}

impl Join {
    pub(super) fn new(
        config: &ConvBlock,
        timed: bool,
        classes: usize,
        builder: &mut ParameterBuilder,
    ) -> Self {
        let [first, second] = config.join;
        let paths = if timed { 3 } else { 2 };
        let layers = [
            Dense::new(builder, 1, (paths * config.hidden, first), !timed),
            Dense::new(builder, 2, (first, second), !timed),
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
