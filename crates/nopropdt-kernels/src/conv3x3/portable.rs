//! The convolution's meaning: unrolled columns and one matrix product a group of images, in safe Rust.
//!
//! A group is unrolled into columns [pixels, 9·C_in] that stay in the L2 cache, one product gives its pre-activations, and
//! the epilogue writes only what is kept.

use super::shape::{TAPS, flip};
use super::unroll::{columns_by_pixel, columns_by_tap};
use super::{BackwardSlice, ConvShape, Epilogue, ForwardGroup, Groups, SLICES, SliceGradients, add};
use crate::activation::{passed_by_relu, relu, replaces_maximum};
use crate::buffer::Scratch;
use crate::gemm::{Gemm, Operand, Products};
use crate::portable::Portable;
use crate::precision::Precision;
use crate::values::{ValuesMut, as_multiplied};

impl Groups for Portable {
    fn pack_forward(
        &self,
        _shape: &ConvShape,
        _epilogue: &Epilogue,
        weight: &[f32],
        precision: Precision,
    ) -> Scratch {
        as_multiplied(weight.into(), precision)
    }

    fn pack_backward(
        &self,
        shape: &ConvShape,
        _epilogue: &Epilogue,
        weight: &[f32],
        precision: Precision,
    ) -> Scratch {
        let mut packed = Scratch::any(weight.len());
        flip(shape, &as_multiplied(weight.into(), precision), &mut packed);
        packed
    }

    fn forward(&self, group: &ForwardGroup<'_>, mut output: ValuesMut<'_>, arg_max: &mut [u8]) {
        let mut wide = [group.x.len(), output.len()].map(Scratch::any);
        let [wide_x, wide_output] = &mut wide;
        let x = group.x.widened(wide_x);
        let range = 0..output.len();
        forward(group, x, output.wide(range.clone(), wide_output), arg_max);
        output.rounded_from(range, wide_output);
    }

    fn slices(&self, _shape: &ConvShape, _epilogue: &Epilogue) -> usize {
        SLICES
    }

    fn backward(&self, slice: &BackwardSlice<'_>, mut gradients: SliceGradients<'_>) {
        let shape = slice.shape;
        let group = shape.group().min(shape.transposed().group());
        for start in (0..shape.batch).step_by(group) {
            let images = start..(start + group).min(shape.batch);
            let range = images.start * shape.image()..images.end * shape.image();
            let grad = grad_of_activation(slice, images.clone());
            for pixel in grad.chunks_exact(shape.out_channels) {
                add(gradients.bias, pixel);
            }
            let mut wide = Scratch::any(range.len());
            let columns = columns_by_pixel(&shape, slice.x.slice(range.clone()).widened(&mut wide));
            let product = Gemm {
                m: TAPS * shape.in_channels,
                n: shape.out_channels,
                k: images.len() * shape.pixels(),
                a: Operand::transposed(&columns),
                b: Operand::plain(&grad),
                accumulate: true,
                precision: Precision::F32,
            };
            self.product(&product, gradients.weight);
            if let (Some(grad_x), Some(flipped)) = (&mut gradients.x, slice.packed) {
                convolve(&shape.transposed(), &grad, flipped, &mut grad_x[range], true);
            }
        }
    }
}

/// What a group's output is, in f32.
fn forward(group: &ForwardGroup<'_>, x: &[f32], output: &mut [f32], arg_max: &mut [u8]) {
    let ForwardGroup { shape, epilogue, offset, packed, bias, .. } = *group;
    if epilogue.pools() {
        let mut full = Scratch::any(shape.batch * shape.activation());
        convolve(&shape, x, packed, &mut full, false);
        max_pool(&shape, &full, output, arg_max);
    } else {
        convolve(&shape, x, packed, output, false);
    }
    // The bias is the same for the four values of a window, and ReLU is monotone: both may follow the maximum.
    let clip = !matches!(epilogue, Epilogue::Linear);
    for pixel in output.chunks_exact_mut(shape.out_channels) {
        pixel.iter_mut().zip(bias).for_each(|(v, b)| *v = if clip { relu(*v + b) } else { *v + b });
    }
    if let Some(mask) = epilogue.dropout() {
        mask.apply(offset, output);
    }
}

/// Gradient of the pre-activation of some images [images, H, W, C_out].
fn grad_of_activation(slice: &BackwardSlice<'_>, images: std::ops::Range<usize>) -> Vec<f32> {
    let shape = slice.shape;
    let image_out = shape.image_out(&slice.epilogue);
    let range = images.start * image_out..images.end * image_out;
    let grad_output = &slice.grad_output[range.clone()];
    let Epilogue::Relu { pool, .. } = slice.epilogue else { return grad_output.to_vec() };
    let scale = slice.epilogue.gradient_scale();
    let passed = |(&g, &out): (&f32, &f32)| passed_by_relu(out, g * scale);
    let mut wide = Scratch::any(range.len());
    let output = slice.output.slice(range.clone()).widened(&mut wide);
    let passed = grad_output.iter().zip(output).map(passed);
    if !pool {
        return passed.collect();
    }
    let mut grad = vec![0.0; images.len() * shape.activation()];
    let mut passed = passed.zip(&slice.arg_max[range]);
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

/// 2×2 maximum of a group's activations; the first of equals wins and NaN does, as in PyTorch.
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
                    let larger = replaces_maximum(values[channel], best);
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
        precision: Precision::F32,
    };
    Portable.product(&product, output);
}
