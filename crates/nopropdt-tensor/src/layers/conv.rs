//! 3×3 convolution.

use crate::init::Initializer;
use crate::parameters::{Layout, ParameterBuilder};
use crate::tape::{ConvEpilogue, ConvParts, Slot, Tape, Var};

/// A 3×3 convolution, stride 1, padding 1, with bias; see [`Tape::conv3x3`].
#[derive(Debug, Clone, Copy)]
pub struct Conv3x3(pub(crate) ConvParts);

impl Conv3x3 {
    /// Registers `name.weight` `[out, in, 3, 3]` and `name.bias` `[out]`, both U(±1/sqrt(9·in)) as in PyTorch.
    pub fn new(builder: &mut ParameterBuilder, name: &str, in_channels: usize, out_channels: usize) -> Self {
        let fan_in = 9 * in_channels;
        let shape = [out_channels, in_channels, 3, 3];
        let uniform = Initializer::Uniform { bound: 1.0 / (fan_in as f32).sqrt() };
        builder.scope(name, |builder| {
            Self(ConvParts {
                weight: builder.parameter("weight", &shape, Layout::Convolution, uniform, fan_in),
                bias: builder.parameter("bias", &[out_channels], Layout::Same, uniform, fan_in),
                in_channels,
                out_channels,
            })
        })
    }

    /// # Shapes
    /// x [B, H, W, in] -> [B, H, W, out], halved when the epilogue pools
    pub fn forward(&self, tape: &mut Tape<'_>, slot: Slot, x: Var, epilogue: ConvEpilogue) -> Var {
        tape.conv3x3(x, slot, &self.0, epilogue)
    }
}
