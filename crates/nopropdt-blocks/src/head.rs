//! The output head: how z_T becomes class probabilities.

use crate::error::BlocksError;
use nopropdt_tensor::layers::Linear;
use nopropdt_tensor::{ParameterBuilder, Slot, Tape, Var};
use serde::{Deserialize, Serialize};

/// How z_T becomes class probabilities.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum HeadConfig {
    /// softmax(f(z_T)), Eq. 14.
    Softmax,
}

/// A checked head, registered in a parameter set of its own.
#[derive(Debug, Clone)]
pub struct Head {
    linear: Linear,
}

impl Head {
    /// Registers `head.weight` and `head.bias`.
    ///
    /// # Errors
    /// When a setting is out of range.
    pub fn new(
        _config: &HeadConfig,
        dim: usize,
        classes: usize,
        builder: &mut ParameterBuilder,
    ) -> Result<Self, BlocksError> {
        Ok(Self { linear: Linear::new(builder, "head", dim, classes) })
    }

    /// Class logits [B, m] of z [B, d], given W_embed [m, d].
    pub fn forward(&self, tape: &mut Tape<'_>, slot: Slot, z: Var, _embedding: Var) -> Var {
        self.linear.forward(tape, slot, z)
    }
}
