//! A fused convolution's forward and backward passes on made-up numbers.

use super::numbers::uniform;
use crate::bf16::Bf16;
use crate::conv3x3::{Backward, ConvShape, Epilogue, Forward};
use crate::dispatch::Kernels;
use crate::precision::Precision;
use crate::values::{Values, ValuesMut};

/// Activations as a tape keeps them.
enum Stored {
    F32(Vec<f32>),
    Bf16(Vec<Bf16>),
}

impl Stored {
    fn new(values: Vec<f32>, precision: Precision) -> Self {
        match precision {
            Precision::F32 => Self::F32(values),
            Precision::Bf16 => Self::Bf16(values.into_iter().map(Bf16::from_f32).collect()),
        }
    }

    fn values(&self) -> Values<'_> {
        match self {
            Self::F32(values) => Values::F32(values),
            Self::Bf16(values) => Values::Bf16(values),
        }
    }

    fn values_mut(&mut self) -> ValuesMut<'_> {
        match self {
            Self::F32(values) => ValuesMut::F32(values),
            Self::Bf16(values) => ValuesMut::Bf16(values),
        }
    }
}

/// A convolution with everything its passes read and write. The backward passes take what [`ConvolutionPasses::new`] computed.
pub struct ConvolutionPasses<'k> {
    kernels: &'k dyn Kernels,
    shape: ConvShape,
    epilogue: Epilogue,
    x: Stored,
    weight: Vec<f32>,
    bias: Vec<f32>,
    output: Stored,
    arg_max: Vec<u8>,
    grad_output: Vec<f32>,
    grad_weight: Vec<f32>,
    grad_bias: Vec<f32>,
    grad_x: Vec<f32>,
}

impl<'k> ConvolutionPasses<'k> {
    /// Makes up input, weights and the gradient of the output, all f32, and runs the forward pass once.
    ///
    /// # Panics
    /// When the shape has no channels.
    pub fn new(kernels: &'k dyn Kernels, shape: ConvShape, epilogue: Epilogue) -> Self {
        Self::stored_in(kernels, shape, epilogue, [Precision::F32; 2])
    }

    /// As [`ConvolutionPasses::new`], with the precisions input and output are stored in.
    ///
    /// # Panics
    /// When the shape has no channels.
    pub fn stored_in(
        kernels: &'k dyn Kernels,
        shape: ConvShape,
        epilogue: Epilogue,
        [input, output]: [Precision; 2],
    ) -> Self {
        let ConvShape { batch, height, width, in_channels, out_channels } = shape;
        let (rows, columns) = epilogue.output_size(&shape);
        let length = batch * rows * columns * out_channels;
        let x = uniform(batch * height * width * in_channels, 1);
        let mut passes = Self {
            kernels,
            shape,
            epilogue,
            grad_x: vec![0.0; x.len()],
            x: Stored::new(x, input),
            weight: uniform(shape.weights(), 2),
            bias: uniform(out_channels, 3),
            output: Stored::new(vec![0.0; length], output),
            arg_max: vec![0; if epilogue.pools() { length } else { 0 }],
            grad_output: uniform(length, 4),
            grad_weight: vec![0.0; shape.weights()],
            grad_bias: vec![0.0; out_channels],
        };
        passes.forward();
        passes
    }

    /// Floating-point operations of the forward pass, and of either gradient if none of its zeros were left out: two a multiply-add.
    pub fn flop(&self) -> f64 {
        2.0 * (self.shape.batch * self.shape.height * self.shape.width * self.shape.weights()) as f64
    }

    /// The forward pass.
    pub fn forward(&mut self) {
        let Self { kernels, shape, epilogue, x, weight, bias, .. } = self;
        let forward = Forward { shape: *shape, x: x.values(), weight, bias, epilogue: *epilogue };
        forward.run(*kernels, self.output.values_mut(), &mut self.arg_max);
    }

    /// The gradients of weight and bias.
    pub fn weight_gradient(&mut self) {
        self.backward(false);
    }

    /// The gradients of weight and bias and that of the input.
    pub fn both_gradients(&mut self) {
        self.backward(true);
    }

    fn backward(&mut self, input: bool) {
        let Self { kernels, shape, epilogue, x, weight, bias, output, arg_max, grad_output, .. } = self;
        let forward = Forward { shape: *shape, x: x.values(), weight, bias, epilogue: *epilogue };
        let backward = Backward { forward, output: output.values(), arg_max, grad_output };
        let grad_x = input.then_some(&mut self.grad_x[..]);
        backward.run(*kernels, &mut self.grad_weight, &mut self.grad_bias, grad_x);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dispatch::active;

    #[test]
    fn every_pass_writes_what_it_is_for() {
        let shape = ConvShape { batch: 2, height: 4, width: 6, in_channels: 3, out_channels: 5 };
        let epilogue = Epilogue::Relu { pool: true, dropout: None };
        for precision in [Precision::F32, Precision::Bf16] {
            let mut passes = ConvolutionPasses::stored_in(active(), shape, epilogue, [precision; 2]);
            assert_eq!(passes.flop(), f64::from(2 * 2 * 4 * 6 * 9 * 3 * 5));
            let filled = |values: &[f32]| values.iter().any(|value| *value != 0.0);
            let output = match &passes.output {
                Stored::F32(values) => filled(values),
                Stored::Bf16(values) => values.iter().any(|value| value.to_f32() != 0.0),
            };
            assert!(output && !filled(&passes.grad_weight) && !filled(&passes.grad_x));
            passes.weight_gradient();
            assert!(filled(&passes.grad_weight) && filled(&passes.grad_bias) && !filled(&passes.grad_x));
            passes.both_gradients();
            assert!(filled(&passes.grad_x));
        }
    }
}
