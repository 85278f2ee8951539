//! 3×3 convolution (stride 1, padding 1) on NHWC images, with ReLU, 2×2 max-pool and dropout fused behind it.
//!
//! The full-resolution activation of the whole batch never exists: images pass in small groups whose scratch stays in the
//! cache, and only what the epilogue leaves is written. Groups and slices are cut by shape alone, so results do not depend on
//! the number of threads.
//!
//! **Precision.** An f32 input is multiplied by the f32 kernel. A bf16 input is multiplied by the kernel rounded to bf16, in the
//! forward pass and for the input's gradient; where a pass transforms its factors first, the transformed ones are rounded, on the way back
//! those of the output's gradient too. Sums, bias and gradients are f32. The output is rounded once, behind dropout, when bf16 is what is
//! stored.

mod portable;
mod shape;
mod tiled;
mod unroll;

pub use shape::{ConvShape, Epilogue};

use crate::buffer::Scratch;
use crate::precision::Precision;
use crate::values::{Values, ValuesMut};
use rayon::prelude::*;

/// Slices the batch is cut into for the weight gradient, unless threads share one; their sums are added in order.
const SLICES: usize = 4;

/// Operands of the forward pass.
#[derive(Debug, Clone, Copy)]
pub struct Forward<'a> {
    /// Sizes.
    pub shape: ConvShape,
    /// Input [B, H, W, C_in].
    pub x: Values<'a>,
    /// Kernel [3, 3, C_in, C_out].
    pub weight: &'a [f32],
    /// Bias `[C_out]`.
    pub bias: &'a [f32],
    /// What follows the convolution.
    pub epilogue: Epilogue,
}

/// Operands of the backward pass of [`Forward`].
#[derive(Debug, Clone, Copy)]
pub struct Backward<'a> {
    /// The forward operands.
    pub forward: Forward<'a>,
    /// The forward output: after a ReLU epilogue, zero exactly where no gradient passes. Through NaN it does.
    pub output: Values<'a>,
    /// The forward pass's arg-max; empty when it did not pool.
    pub arg_max: &'a [u8],
    /// Gradient of the output.
    pub grad_output: &'a [f32],
}

/// Some images of a forward pass; lengths fit the shape.
#[derive(Debug, Clone, Copy)]
pub struct ForwardGroup<'a> {
    /// Sizes; `batch` counts the images of the group.
    pub shape: ConvShape,
    /// What follows the convolution.
    pub epilogue: Epilogue,
    /// Position of the group's first output value in the batch's output, for dropout.
    pub offset: u64,
    /// Input of these images.
    pub x: Values<'a>,
    /// What [`Groups::pack_forward`] made.
    pub packed: &'a [f32],
    /// Bias `[C_out]`.
    pub bias: &'a [f32],
}

/// Some images of a backward pass; lengths fit the shape.
#[derive(Debug, Clone, Copy)]
pub struct BackwardSlice<'a> {
    /// Sizes; `batch` counts the images of the slice.
    pub shape: ConvShape,
    /// What followed the convolution.
    pub epilogue: Epilogue,
    /// Input of these images.
    pub x: Values<'a>,
    /// Their output.
    pub output: Values<'a>,
    /// Their arg-max; empty when there is no pool.
    pub arg_max: &'a [u8],
    /// Gradient of their output.
    pub grad_output: &'a [f32],
    /// What [`Groups::pack_backward`] made; there is one when the input's gradient is wanted.
    pub packed: Option<&'a [f32]>,
}

/// Gradients of a slice, to be added to.
#[derive(Debug)]
pub struct SliceGradients<'a> {
    /// Of the kernel [3, 3, C_in, C_out].
    pub weight: &'a mut [f32],
    /// Of the bias `[C_out]`.
    pub bias: &'a mut [f32],
    /// Of the slice's input, when it is wanted.
    pub x: Option<&'a mut [f32]>,
}

/// What an instruction set brings to the convolution. The fronts, [`Forward::run`] and [`Backward::run`], check every length
/// and hand on images that exist: no size is zero.
pub trait Groups: Sync {
    /// The kernel in the order the forward pass reads it, made once a call for an input of `precision`.
    fn pack_forward(
        &self,
        shape: &ConvShape,
        epilogue: &Epilogue,
        weight: &[f32],
        precision: Precision,
    ) -> Scratch;

    /// The kernel in the order the input's gradient reads it, made once a call for an input of `precision`.
    fn pack_backward(
        &self,
        shape: &ConvShape,
        epilogue: &Epilogue,
        weight: &[f32],
        precision: Precision,
    ) -> Scratch;

    /// Overwrites `output` and, when pooling, `arg_max`.
    fn forward(&self, group: &ForwardGroup<'_>, output: ValuesMut<'_>, arg_max: &mut [u8]);

    /// Most slices that the batch is cut into on the way back: threads take one each, or, if it is the only one, share it.
    fn slices(&self, shape: &ConvShape, epilogue: &Epilogue) -> usize;

    /// Adds to the gradients.
    fn backward(&self, slice: &BackwardSlice<'_>, gradients: SliceGradients<'_>);
}

impl Forward<'_> {
    /// Writes the output [B, H', W', C_out] and, when pooling, which of its four inputs (0..4, row-major) each
    /// output took; `arg_max` is as long as the output then and empty otherwise.
    ///
    /// # Panics
    /// When a slice's length does not fit the shape, there are no channels, or sizes are beyond memory.
    pub fn run(&self, kernels: &dyn Groups, output: ValuesMut<'_>, arg_max: &mut [u8]) {
        self.check(output.len(), arg_max.len());
        if output.is_empty() {
            return;
        }
        let (shape, images) = (self.shape, self.shape.group());
        let image_out = shape.image_out(&self.epilogue);
        let packed = kernels.pack_forward(&shape, &self.epilogue, self.weight, self.x.precision());
        let packed = &*packed;
        let outputs = output.chunks(images * image_out);
        let arg_maxes: Vec<&mut [u8]> = if self.epilogue.pools() {
            arg_max.chunks_mut(images * image_out).collect()
        } else {
            outputs.iter().map(|_| &mut [][..]).collect()
        };
        let work: Vec<_> = self.x.chunks(images * shape.image()).zip(outputs).zip(arg_maxes).collect();
        work.into_par_iter().enumerate().for_each(|(index, ((x, output), arg_max))| {
            let group = ForwardGroup {
                shape: ConvShape { batch: x.len() / shape.image(), ..shape },
                epilogue: self.epilogue,
                offset: (index * images * image_out) as u64,
                x,
                packed,
                bias: self.bias,
            };
            kernels.forward(&group, output, arg_max);
        });
    }

    fn check(&self, output: usize, arg_max: usize) {
        let shape = self.shape;
        shape.check();
        let image_out = shape.image_out(&self.epilogue);
        assert!(
            shape.in_channels > 0 && shape.out_channels > 0,
            "conv3x3: wants channels; shape is {shape:?}"
        );
        assert_eq!(self.x.len(), shape.batch * shape.image(), "conv3x3: input does not fit {shape:?}");
        assert_eq!(self.weight.len(), shape.weights(), "conv3x3: kernel does not fit {shape:?}");
        assert_eq!(self.bias.len(), shape.out_channels, "conv3x3: bias does not fit {shape:?}");
        assert_eq!(output, shape.batch * image_out, "conv3x3: output does not fit {shape:?}");
        let wanted = if self.epilogue.pools() { output } else { 0 };
        assert_eq!(arg_max, wanted, "conv3x3: arg_max does not fit {shape:?}");
    }
}

impl Backward<'_> {
    /// Adds to the gradients of the kernel, of the bias and, where wanted, of the input.
    ///
    /// # Panics
    /// When a slice's length does not fit the shape, there are no channels, or sizes are beyond memory.
    pub fn run(
        &self,
        kernels: &dyn Groups,
        grad_weight: &mut [f32],
        grad_bias: &mut [f32],
        grad_x: Option<&mut [f32]>,
    ) {
        let Forward { shape, epilogue, .. } = self.forward;
        self.forward.check(self.output.len(), self.arg_max.len());
        assert_eq!(grad_weight.len(), shape.weights(), "conv3x3: kernel gradient does not fit {shape:?}");
        assert_eq!(grad_bias.len(), shape.out_channels, "conv3x3: bias gradient does not fit {shape:?}");
        assert_eq!(
            self.grad_output.len(),
            self.output.len(),
            "conv3x3: output gradient does not fit {shape:?}"
        );
        let wanted = grad_x.as_ref().map_or(self.forward.x.len(), |grad_x| grad_x.len());
        assert_eq!(wanted, self.forward.x.len(), "conv3x3: input gradient does not fit {shape:?}");
        if self.output.is_empty() {
            return;
        }
        let packed = grad_x.is_some().then(|| {
            kernels.pack_backward(&shape, &epilogue, self.forward.weight, self.forward.x.precision())
        });
        let packed = packed.as_deref();
        let images = shape.batch.div_ceil(kernels.slices(&shape, &epilogue));
        let slices = shape.batch.div_ceil(images);
        let grad_x_slices: Vec<Option<&mut [f32]>> = match grad_x {
            Some(grad_x) => grad_x.chunks_mut(images * shape.image()).map(Some).collect(),
            None => (0..slices).map(|_| None).collect(),
        };
        let mut sums = Scratch::zeros(slices * (grad_weight.len() + grad_bias.len()));
        let work = sums.par_chunks_mut(grad_weight.len() + grad_bias.len()).zip(grad_x_slices).enumerate();
        work.for_each(|(index, (sums, x))| {
            let (weight, bias) = sums.split_at_mut(shape.weights());
            let slice = self.slice(index * images..((index + 1) * images).min(shape.batch), packed);
            kernels.backward(&slice, SliceGradients { weight, bias, x });
        });
        for sums in sums.chunks_exact(grad_weight.len() + grad_bias.len()) {
            add(grad_weight, &sums[..shape.weights()]);
            add(grad_bias, &sums[shape.weights()..]);
        }
    }

    fn slice<'s>(&'s self, images: std::ops::Range<usize>, packed: Option<&'s [f32]>) -> BackwardSlice<'s> {
        let Forward { shape, epilogue, x, .. } = self.forward;
        let image_out = shape.image_out(&epilogue);
        let stored = images.start * image_out..images.end * image_out;
        BackwardSlice {
            shape: ConvShape { batch: images.len(), ..shape },
            epilogue,
            x: x.slice(images.start * shape.image()..images.end * shape.image()),
            output: self.output.slice(stored.clone()),
            arg_max: if epilogue.pools() { &self.arg_max[stored.clone()] } else { &[] },
            grad_output: &self.grad_output[stored],
            packed,
        }
    }
}

/// sum += values, elementwise.
#[inline(always)]
fn add(sum: &mut [f32], values: &[f32]) {
    sum.iter_mut().zip(values).for_each(|(s, v)| *s += v);
}

#[cfg(test)]
mod tests;
