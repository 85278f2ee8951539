//! Convolutions: 3×3, and of any window.

use crate::init::Initializer;
use crate::parameters::{Layout, ParameterBuilder};
use crate::tape::{ConvEpilogue, ConvParts, Slot, Tape, Var, Window};

/// A 3×3 convolution, stride 1, padding 1, with bias; see [`Tape::conv3x3`].
#[derive(Debug, Clone, Copy)]
pub struct Conv3x3(pub(crate) ConvParts);

impl Conv3x3 {
    /// Registers `name.weight` `[out, in, 3, 3]` and `name.bias` `[out]`, both U(±1/sqrt(9·in)) as in PyTorch.
    pub fn new(builder: &mut ParameterBuilder, name: &str, in_channels: usize, out_channels: usize) -> Self {
        Self(parts(builder, name, [in_channels, out_channels], [3, 3]))
    }

    /// Its tensors and sizes.
    pub fn parts(&self) -> ConvParts {
        self.0
    }

    /// # Shapes
    /// x [B, H, W, in] -> [B, H, W, out], halved when the epilogue pools
    pub fn forward(&self, tape: &mut Tape<'_>, slot: Slot, x: Var, epilogue: ConvEpilogue) -> Var {
        tape.conv3x3(x, slot, &self.0, epilogue)
    }
}

/// A convolution with a window of any size, stride and padding, with bias; see [`Tape::conv2d`]. One of 3×3, stride 1 and padding 1 takes
/// the faster way of [`Conv3x3`].
#[derive(Debug, Clone, Copy)]
pub struct Conv2d {
    window: Window,
    parts: ConvParts,
}

impl Conv2d {
    /// Registers `name.weight` `[out, in, kh, kw]` and `name.bias` `[out]`, both U(±1/sqrt(kh·kw·in)) as in PyTorch.
    pub fn new(
        builder: &mut ParameterBuilder,
        name: &str,
        in_channels: usize,
        out_channels: usize,
        window: Window,
    ) -> Self {
        Self { window, parts: parts(builder, name, [in_channels, out_channels], window.size) }
    }

    /// # Shapes
    /// x [B, H, W, in] -> [B, H', W', out], H' = (H + 2·padding − kh)/stride + 1
    pub fn forward(&self, tape: &mut Tape<'_>, slot: Slot, x: Var) -> Var {
        let Window { size: [rows, columns], stride, padding } = self.window;
        if self.window == Window::square(3, 1, 1) {
            return tape.conv3x3(x, slot, &self.parts, ConvEpilogue::Linear);
        }
        let ConvParts { weight, bias, in_channels, out_channels } = self.parts;
        let weight = tape.parameter(slot, weight, &[rows, columns, in_channels, out_channels]);
        let bias = tape.parameter(slot, bias, &[out_channels]);
        tape.conv2d(x, weight, bias, stride, padding)
    }
}

/// Registers a kernel of so many rows and columns, and its bias.
fn parts(
    builder: &mut ParameterBuilder,
    name: &str,
    [inputs, outputs]: [usize; 2],
    size: [usize; 2],
) -> ConvParts {
    let fan_in = size[0] * size[1] * inputs;
    let shape = [outputs, inputs, size[0], size[1]];
    let uniform = Initializer::Uniform { bound: 1.0 / (fan_in as f32).sqrt() };
    builder.scope(name, |builder| ConvParts {
        weight: builder.parameter("weight", &shape, Layout::Convolution, uniform, fan_in),
        bias: builder.parameter("bias", &[outputs], Layout::Same, uniform, fan_in),
        in_channels: inputs,
        out_channels: outputs,
    })
}
