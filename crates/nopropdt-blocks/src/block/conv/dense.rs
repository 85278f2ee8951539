//! A linear layer with the batch norm of discrete time, or without, as continuous time has it.

use nopropdt_tensor::layers::{BatchNorm, Linear};
use nopropdt_tensor::{ParameterBuilder, Slot, Tape, Var};

#[derive(Debug, Clone)]
pub(super) struct Dense {
    fc: Linear,
    bn: Option<BatchNorm>,
    multiply_adds: u64,
}

impl Dense {
    /// Registers `fc{number}` and, if normalised, `bn{number}`.
    pub(super) fn new(
        builder: &mut ParameterBuilder,
        number: usize,
        (inputs, outputs): (usize, usize),
        normalised: bool,
    ) -> Self {
        Self {
            fc: Linear::new(builder, &format!("fc{number}"), inputs, outputs),
            bn: normalised.then(|| BatchNorm::new(builder, &format!("bn{number}"), outputs)),
            multiply_adds: (inputs * outputs) as u64,
        }
    }

    pub(super) fn forward(&self, tape: &mut Tape<'_>, slot: Slot, x: Var) -> Var {
        let x = self.fc.forward(tape, slot, x);
        self.bn.map_or(x, |bn| bn.forward(tape, slot, x))
    }

    pub(super) fn forward_relu(&self, tape: &mut Tape<'_>, slot: Slot, x: Var) -> Var {
        let x = self.forward(tape, slot, x);
        tape.relu(x)
    }

    pub(super) fn multiply_adds(&self) -> u64 {
        self.multiply_adds
    }
}
