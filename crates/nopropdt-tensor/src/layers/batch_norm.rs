//! Batch normalisation over features.

use crate::init::Initializer;
use crate::parameters::{Layout, ParameterBuilder};
use crate::tape::{BatchNormParts, Slot, Tape, Var};

/// γ·(x − μ)/sqrt(σ² + ε) + β; see [`Tape::batch_norm`].
#[derive(Debug, Clone, Copy)]
pub struct BatchNorm(BatchNormParts);

impl BatchNorm {
    /// Registers `name.weight` (ones), `name.bias` (zeros), `name.running_mean` (zeros) and `name.running_var` (ones), with
    /// PyTorch's ε = 1e-5 and momentum 0.1.
    pub fn new(builder: &mut ParameterBuilder, name: &str, features: usize) -> Self {
        builder.scope(name, |builder| {
            Self(BatchNormParts {
                weight: builder.parameter("weight", &[features], Layout::Same, Initializer::Ones, features),
                bias: builder.parameter("bias", &[features], Layout::Same, Initializer::Zeros, features),
                running_mean: builder.statistic("running_mean", features, 0.0),
                running_var: builder.statistic("running_var", features, 1.0),
                epsilon: 1e-5,
                momentum: 0.1,
            })
        })
    }

    /// # Shapes
    /// x [B, features] -> the same
    pub fn forward(&self, tape: &mut Tape<'_>, slot: Slot, x: Var) -> Var {
        tape.batch_norm(x, slot, &self.0)
    }
}
