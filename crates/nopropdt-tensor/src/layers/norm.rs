//! Normalisation of rows by themselves.

use crate::init::Initializer;
use crate::parameters::{Layout, ParameterBuilder, ParameterId};
use crate::tape::{Slot, Tape, Var};

/// γ·(x − μ)/sqrt(σ² + ε) + β over the last axis; see [`Tape::layer_norm`].
#[derive(Debug, Clone, Copy)]
pub struct LayerNorm {
    weight: ParameterId,
    bias: ParameterId,
    width: usize,
}

impl LayerNorm {
    /// Registers `name.weight` (ones) and `name.bias` (zeros), with PyTorch's ε = 1e-5.
    pub fn new(builder: &mut ParameterBuilder, name: &str, width: usize) -> Self {
        builder.scope(name, |builder| Self {
            weight: builder.parameter("weight", &[width], Layout::Same, Initializer::Ones, width),
            bias: builder.parameter("bias", &[width], Layout::Same, Initializer::Zeros, width),
            width,
        })
    }

    /// # Shapes
    /// x [.., width] -> the same
    pub fn forward(&self, tape: &mut Tape<'_>, slot: Slot, x: Var) -> Var {
        let weight = tape.parameter(slot, self.weight, &[self.width]);
        let bias = tape.parameter(slot, self.bias, &[self.width]);
        tape.layer_norm(x, weight, bias, 1e-5)
    }
}

/// γ·x/sqrt(mean(x²) + ε) over the last axis; see [`Tape::rms_norm`].
#[derive(Debug, Clone, Copy)]
pub struct RmsNorm {
    weight: ParameterId,
    width: usize,
}

impl RmsNorm {
    /// Registers `name.weight` (ones); ε is 1e-5.
    pub fn new(builder: &mut ParameterBuilder, name: &str, width: usize) -> Self {
        let weight = |builder: &mut ParameterBuilder| {
            builder.parameter("weight", &[width], Layout::Same, Initializer::Ones, width)
        };
        Self { weight: builder.scope(name, weight), width }
    }

    /// # Shapes
    /// x [.., width] -> the same
    pub fn forward(&self, tape: &mut Tape<'_>, slot: Slot, x: Var) -> Var {
        let weight = tape.parameter(slot, self.weight, &[self.width]);
        tape.rms_norm(x, weight, 1e-5)
    }
}
