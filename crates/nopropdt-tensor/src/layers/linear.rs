//! Linear layer.

use crate::init::Initializer;
use crate::parameters::{Layout, ParameterBuilder, ParameterId};
use crate::tape::{Slot, Tape, Var};

/// x·Wᵀ + b; see [`Tape::linear`].
#[derive(Debug, Clone, Copy)]
pub struct Linear {
    weight: ParameterId,
    bias: ParameterId,
}

impl Linear {
    /// Registers `name.weight` `[outputs, inputs]` and `name.bias` `[outputs]`, both U(±1/sqrt(inputs)) as in PyTorch.
    pub fn new(builder: &mut ParameterBuilder, name: &str, inputs: usize, outputs: usize) -> Self {
        Self::with_layout(builder, name, inputs, outputs, Layout::Same)
    }

    /// As [`Linear::new`], for a layer after the flatten of an image of `pixels` pixels and `channels` channels.
    pub fn after_flatten(
        builder: &mut ParameterBuilder,
        name: &str,
        pixels: usize,
        channels: usize,
        outputs: usize,
    ) -> Self {
        Self::with_layout(builder, name, pixels * channels, outputs, Layout::Flattened { pixels, channels })
    }

    fn with_layout(
        builder: &mut ParameterBuilder,
        name: &str,
        inputs: usize,
        outputs: usize,
        layout: Layout,
    ) -> Self {
        let uniform = Initializer::Uniform { bound: 1.0 / (inputs as f32).sqrt() };
        builder.scope(name, |builder| Self {
            weight: builder.parameter("weight", &[outputs, inputs], layout, uniform, inputs),
            bias: builder.parameter("bias", &[outputs], Layout::Same, uniform, inputs),
        })
    }

    /// # Shapes
    /// x [B, inputs] -> [B, outputs]
    pub fn forward(&self, tape: &mut Tape<'_>, slot: Slot, x: Var) -> Var {
        tape.linear(x, slot, self.weight, self.bias)
    }
}
