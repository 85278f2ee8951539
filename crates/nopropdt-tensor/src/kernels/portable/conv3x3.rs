//! 3×3 convolution (stride 1, padding 1) on NHWC images, with ReLU, 2×2 max-pool and dropout fused behind it.
//!
//! Images pass in small groups: a group is unrolled into columns [pixels, 9·C_in] that stay in the L2 cache, one
//! matrix product gives its pre-activations, and the epilogue writes only what is kept. The full-resolution
//! activation of the whole batch never exists. Groups and slices are cut by shape alone, so results do not
//! depend on the number of threads.

use super::activation::relu;
use super::dropout::DropoutMask;
use super::gemm::{Gemm, Operand};
use super::unroll::{TAPS, columns_by_pixel, columns_by_tap};
use rayon::prelude::*;

/// Bytes of unrolled columns a group may fill: half of the 2 MiB L2 cache of current server cores.
const GROUP_BYTES: usize = 1 << 20;
/// Slices the batch is cut into for the weight gradient; their sums are added in order.
const SLICES: usize = 4;

/// Sizes of a convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConvShape {
    /// Images.
    pub batch: usize,
    /// Rows of an image.
    pub height: usize,
    /// Columns of an image.
    pub width: usize,
    /// Channels in.
    pub in_channels: usize,
    /// Channels out.
    pub out_channels: usize,
}

impl ConvShape {
    fn pixels(&self) -> usize {
        self.height * self.width
    }

    pub(super) fn image(&self) -> usize {
        self.pixels() * self.in_channels
    }

    /// Values of one image's pre-activation.
    fn activation(&self) -> usize {
        self.pixels() * self.out_channels
    }

    /// Values of the kernel [3, 3, in, out].
    pub fn weights(&self) -> usize {
        TAPS * self.in_channels * self.out_channels
    }

    /// The convolution that gives the input's gradient: the same picture, channels exchanged.
    fn transposed(&self) -> Self {
        Self { in_channels: self.out_channels, out_channels: self.in_channels, ..*self }
    }

    /// Images whose columns fill [`GROUP_BYTES`].
    fn group(&self) -> usize {
        let bytes = self.pixels() * TAPS * self.in_channels * size_of::<f32>();
        (GROUP_BYTES / bytes.max(1)).clamp(1, 64)
    }
}

/// What is done to a pre-activation before it is stored.
#[derive(Debug, Clone, Copy)]
pub enum Epilogue {
    /// Nothing: the bias is added and the value kept.
    Linear,
    /// ReLU, then optionally 2×2 max-pool (stride 2, last odd row or column left out), then optionally dropout.
    Relu {
        /// Whether to pool.
        pool: bool,
        /// The mask, in training.
        dropout: Option<DropoutMask>,
    },
}

impl Epilogue {
    /// (rows, columns) of the output image.
    pub fn output_size(&self, shape: &ConvShape) -> (usize, usize) {
        match self {
            Self::Relu { pool: true, .. } => (shape.height / 2, shape.width / 2),
            _ => (shape.height, shape.width),
        }
    }

    fn pools(&self) -> bool {
        matches!(self, Self::Relu { pool: true, .. })
    }
}

/// Operands of the forward pass.
#[derive(Debug, Clone, Copy)]
pub struct Forward<'a> {
    /// Sizes.
    pub shape: ConvShape,
    /// Input [B, H, W, C_in].
    pub x: &'a [f32],
    /// Kernel [3, 3, C_in, C_out].
    pub weight: &'a [f32],
    /// Bias `[C_out]`.
    pub bias: &'a [f32],
    /// What follows the convolution.
    pub epilogue: Epilogue,
}

impl Forward<'_> {
    /// Writes the output [B, H', W', C_out] and, when pooling, which of its four inputs (0..4, row-major) each
    /// output took; `arg_max` is as long as the output then and empty otherwise.
    ///
    /// # Panics
    /// When a slice's length does not fit the shape.
    pub fn run(&self, output: &mut [f32], arg_max: &mut [u8]) {
        let shape = self.shape;
        let (rows, columns) = self.epilogue.output_size(&shape);
        let image_out = rows * columns * shape.out_channels;
        assert_eq!(self.x.len(), shape.batch * shape.image(), "conv3x3: input does not fit {shape:?}");
        assert_eq!(self.weight.len(), shape.weights(), "conv3x3: kernel does not fit {shape:?}");
        assert_eq!(self.bias.len(), shape.out_channels, "conv3x3: bias does not fit {shape:?}");
        assert_eq!(output.len(), shape.batch * image_out, "conv3x3: output does not fit {shape:?}");
        assert_eq!(arg_max.len(), if self.epilogue.pools() { output.len() } else { 0 }, "conv3x3: arg_max");
        if output.is_empty() {
            return;
        }
        let group = shape.group();
        let x = self.x.par_chunks(group * shape.image());
        let outputs = output.par_chunks_mut(group * image_out);
        if self.epilogue.pools() {
            let arg_maxes = arg_max.par_chunks_mut(group * image_out);
            let work = x.zip(outputs.zip(arg_maxes)).enumerate();
            work.for_each(|(index, (x, (out, arg)))| {
                self.run_group((index * group * image_out) as u64, x, out, arg)
            });
        } else {
            let work = x.zip(outputs).enumerate();
            work.for_each(|(index, (x, out))| {
                self.run_group((index * group * image_out) as u64, x, out, &mut [])
            });
        }
    }

    /// One group; `offset` is the position of `output[0]` in the batch's output.
    fn run_group(&self, offset: u64, x: &[f32], output: &mut [f32], arg_max: &mut [u8]) {
        let shape = self.shape;
        let channels = shape.out_channels;
        match self.epilogue {
            Epilogue::Linear => {
                convolve(&shape, x, self.weight, output, false);
                for pixel in output.chunks_exact_mut(channels) {
                    add(pixel, self.bias);
                }
            }
            Epilogue::Relu { pool, dropout } => {
                if pool {
                    let mut full = vec![0.0; x.len() / shape.image() * shape.activation()];
                    convolve(&shape, x, self.weight, &mut full, false);
                    max_pool(&shape, &full, output, arg_max);
                } else {
                    convolve(&shape, x, self.weight, output, false);
                }
                // The bias is the same for the four values of a window, and ReLU is monotone: both may follow the maximum.
                for pixel in output.chunks_exact_mut(channels) {
                    pixel.iter_mut().zip(self.bias).for_each(|(v, b)| *v = relu(*v + b));
                }
                if let Some(mask) = dropout {
                    mask.apply(offset, output);
                }
            }
        }
    }
}

/// Operands of the backward pass of [`Forward`].
#[derive(Debug, Clone, Copy)]
pub struct Backward<'a> {
    /// The forward operands.
    pub forward: Forward<'a>,
    /// The forward output: after a ReLU epilogue, zero exactly where no gradient passes.
    pub output: &'a [f32],
    /// The forward pass's arg-max; empty when it did not pool.
    pub arg_max: &'a [u8],
    /// Gradient of the output.
    pub grad_output: &'a [f32],
}

impl Backward<'_> {
    /// Adds to the gradients of the kernel, of the bias and, where wanted, of the input.
    ///
    /// # Panics
    /// When a slice's length does not fit the shape.
    pub fn run(&self, grad_weight: &mut [f32], grad_bias: &mut [f32], grad_x: Option<&mut [f32]>) {
        let shape = self.forward.shape;
        assert_eq!(grad_weight.len(), shape.weights(), "conv3x3: kernel gradient does not fit {shape:?}");
        assert_eq!(grad_bias.len(), shape.out_channels, "conv3x3: bias gradient does not fit {shape:?}");
        assert_eq!(
            self.grad_output.len(),
            self.output.len(),
            "conv3x3: output gradient does not fit {shape:?}"
        );
        if self.output.is_empty() {
            return;
        }
        let flipped = grad_x.is_some().then(|| flip(&shape, self.forward.weight));
        let slice = shape.batch.div_ceil(SLICES);
        let mut grad_x_slices: Vec<Option<&mut [f32]>> = match grad_x {
            Some(grad_x) => {
                assert_eq!(
                    grad_x.len(),
                    self.forward.x.len(),
                    "conv3x3: input gradient does not fit {shape:?}"
                );
                grad_x.chunks_mut(slice * shape.image()).map(Some).collect()
            }
            None => (0..shape.batch.div_ceil(slice)).map(|_| None).collect(),
        };
        let sums: Vec<(Vec<f32>, Vec<f32>)> = grad_x_slices
            .par_iter_mut()
            .enumerate()
            .map(|(index, grad_x)| {
                self.run_slice(index * slice, slice, flipped.as_deref(), grad_x.as_deref_mut())
            })
            .collect();
        for (weight, bias) in &sums {
            add(grad_weight, weight);
            add(grad_bias, bias);
        }
    }

    /// Images `first..first + count`, group by group; returns the slice's kernel and bias gradients.
    fn run_slice(
        &self,
        first: usize,
        count: usize,
        flipped: Option<&[f32]>,
        mut grad_x: Option<&mut [f32]>,
    ) -> (Vec<f32>, Vec<f32>) {
        let shape = self.forward.shape;
        let last = (first + count).min(shape.batch);
        let mut weight = vec![0.0; shape.weights()];
        let mut bias = vec![0.0; shape.out_channels];
        let group = shape.group().min(shape.transposed().group());
        for start in (first..last).step_by(group) {
            let images = start..(start + group).min(last);
            let grad = self.grad_of_activation(images.clone());
            for pixel in grad.chunks_exact(shape.out_channels) {
                add(&mut bias, pixel);
            }
            let pixels = images.len() * shape.pixels();
            let columns = columns_by_pixel(
                &shape,
                &self.forward.x[images.start * shape.image()..images.end * shape.image()],
            );
            let product = Gemm {
                m: TAPS * shape.in_channels,
                n: shape.out_channels,
                k: pixels,
                a: Operand::transposed(&columns),
                b: Operand::plain(&grad),
                accumulate: true,
            };
            product.run(&mut weight);
            if let (Some(grad_x), Some(flipped)) = (&mut grad_x, flipped) {
                let range = (start - first) * shape.image()..(images.end - first) * shape.image();
                convolve(&shape.transposed(), &grad, flipped, &mut grad_x[range], true);
            }
        }
        (weight, bias)
    }

    /// Gradient of the pre-activation of some images [images, H, W, C_out].
    fn grad_of_activation(&self, images: std::ops::Range<usize>) -> Vec<f32> {
        let shape = self.forward.shape;
        let (rows, columns) = self.forward.epilogue.output_size(&shape);
        let image_out = rows * columns * shape.out_channels;
        let range = images.start * image_out..images.end * image_out;
        let grad_output = &self.grad_output[range.clone()];
        let Epilogue::Relu { pool, dropout } = self.forward.epilogue else { return grad_output.to_vec() };
        let scale = dropout.map_or(1.0, |mask| mask.scale);
        let passed = |(&g, &out): (&f32, &f32)| if out > 0.0 { g * scale } else { 0.0 };
        let passed = grad_output.iter().zip(&self.output[range.clone()]).map(passed);
        if !pool {
            return passed.collect();
        }
        let mut grad = vec![0.0; images.len() * shape.activation()];
        let mut passed = passed.zip(&self.arg_max[range]);
        let window = windows(&shape);
        for image in grad.chunks_exact_mut(shape.activation()) {
            for top_left in window.clone() {
                for (channel, (g, &arg)) in passed.by_ref().take(shape.out_channels).enumerate() {
                    image[corner(&shape, top_left, arg) + channel] = g;
                }
            }
        }
        grad
    }
}

/// Position of the first channel of the top left pixel of every pooling window of one image, row-major.
fn windows(shape: &ConvShape) -> impl Iterator<Item = usize> + Clone + use<> {
    let (rows, columns, width, channels) =
        (shape.height / 2, shape.width / 2, shape.width, shape.out_channels);
    (0..rows).flat_map(move |row| (0..columns).map(move |column| (2 * row * width + 2 * column) * channels))
}

/// Position of pixel `arg` (0..4, row-major) of the window at `top_left`.
fn corner(shape: &ConvShape, top_left: usize, arg: u8) -> usize {
    top_left + (usize::from(arg >> 1) * shape.width + usize::from(arg & 1)) * shape.out_channels
}

/// 2×2 maximum of a group's activations; the first of equals wins, as in PyTorch.
fn max_pool(shape: &ConvShape, full: &[f32], output: &mut [f32], arg_max: &mut [u8]) {
    let channels = shape.out_channels;
    let mut pixels = output.chunks_exact_mut(channels).zip(arg_max.chunks_exact_mut(channels));
    let window = windows(shape);
    for image in full.chunks_exact(shape.activation()) {
        for (top_left, (out, arg)) in window.clone().zip(pixels.by_ref()) {
            let taps: [&[f32]; 4] =
                std::array::from_fn(|tap| &image[corner(shape, top_left, tap as u8)..][..channels]);
            for channel in 0..channels {
                let (mut best, mut best_tap) = (taps[0][channel], 0);
                for (tap, values) in taps.iter().enumerate().skip(1) {
                    let larger = values[channel] > best;
                    best = if larger { values[channel] } else { best };
                    best_tap = if larger { tap as u8 } else { best_tap };
                }
                out[channel] = best;
                arg[channel] = best_tap;
            }
        }
    }
}

/// Pre-activations [n, H, W, C_out] of n images, without bias.
fn convolve(shape: &ConvShape, x: &[f32], weight: &[f32], output: &mut [f32], accumulate: bool) {
    let by_tap = columns_by_tap(shape, x);
    let product = Gemm {
        m: output.len() / shape.out_channels,
        n: shape.out_channels,
        k: TAPS * shape.in_channels,
        a: Operand::transposed(&by_tap),
        b: Operand::plain(weight),
        accumulate,
    };
    product.run(output);
}

/// The kernel turned by half a turn with channels exchanged, [3, 3, out, in]: convolving the output's gradient with
/// it gives the input's gradient.
fn flip(shape: &ConvShape, weight: &[f32]) -> Vec<f32> {
    let (inputs, outputs) = (shape.in_channels, shape.out_channels);
    let mut flipped = vec![0.0; weight.len()];
    for (tap, source) in weight.chunks_exact(inputs * outputs).enumerate() {
        let target = &mut flipped[(TAPS - 1 - tap) * inputs * outputs..][..inputs * outputs];
        for (i, row) in source.chunks_exact(outputs).enumerate() {
            for (o, &value) in row.iter().enumerate() {
                target[o * inputs + i] = value;
            }
        }
    }
    flipped
}

fn add(sum: &mut [f32], values: &[f32]) {
    sum.iter_mut().zip(values).for_each(|(s, v)| *s += v);
}

#[cfg(test)]
mod tests;
