//! The backward pass of a slice of images, dense or entry by entry.

use super::by_pixel::{ByPixel, GradientOfInput};
use super::entries::{Collect, Entries, GradientOfKernel};
use super::epilogue::Spread;
use super::neighbourhoods::Neighbourhoods;
use super::widened::Widened;
use crate::buffer::Scratch;
use crate::conv3x3::shape::{ConvShape, Epilogue, TAPS};
use crate::conv3x3::{BackwardSlice, SliceGradients, add};
use crate::precision::Precision;
use crate::simd::{Operation, Simd};
use crate::tile::padded;
use crate::values::Values;

/// Whether gradients are zero often enough, and channels fill vectors, so that [`sparse`] is used.
pub(super) fn is_sparse<S: Simd>(shape: &ConvShape, epilogue: &Epilogue) -> bool {
    !matches!(epilogue, Epilogue::Linear) && shape.in_channels.is_multiple_of(S::LANES)
}

/// Both gradients as dense products: dy is laid out in full, between borders of zeros.
pub(super) fn dense<S: Simd>(simd: S, slice: &BackwardSlice<'_>, mut gradients: SliceGradients<'_>) {
    let shape = slice.shape;
    let columns = padded::<S>(shape.out_channels);
    let mut x = Neighbourhoods::new(&shape, Precision::F32);
    let mut dy = Neighbourhoods::padded(&shape, columns, Precision::F32);
    let mut widened = Widened::new(slice);
    let mut grad_weight = Scratch::zeros(TAPS * shape.in_channels * columns);
    let mut row = Scratch::any(shape.width * padded::<S>(shape.in_channels));
    for index in 0..shape.batch {
        let image = widened.image(slice, index);
        x.load(simd, Values::F32(image.x));
        simd.vectorize(Spread {
            shape: &shape,
            epilogue: &slice.epilogue,
            output: image.output,
            arg_max: image.arg_max,
            grad_output: image.grad_output,
            columns,
            target: dy.data_mut(),
            grad_bias: gradients.bias,
        });
        x.gradient_of_kernel(simd, &dy, &mut grad_weight);
        if let (Some(grad_x), Some(flipped)) = (&mut gradients.x, slice.packed) {
            let grad_image = &mut grad_x[index * shape.image()..(index + 1) * shape.image()];
            gradient_of_input(simd, &dy, flipped, grad_image, &mut row);
        }
    }
    let rows = grad_weight.chunks_exact(columns).zip(gradients.weight.chunks_exact_mut(shape.out_channels));
    rows.for_each(|(from, to)| add(to, from));
}

/// Adds the gradient of an input image, row by row through `row`.
fn gradient_of_input<S: Simd>(
    simd: S,
    dy: &Neighbourhoods,
    flipped: &[f32],
    grad_image: &mut [f32],
    row: &mut [f32],
) {
    let (height, width) = (dy.height(), dy.width());
    let columns = row.len() / width;
    let channels = grad_image.len() / (height * width);
    for (y, target) in grad_image.chunks_exact_mut(width * channels).enumerate() {
        dy.convolve(simd, y..y + 1, flipped, row, columns);
        let pixels = target.chunks_exact_mut(channels).zip(row.chunks_exact(columns));
        pixels.for_each(|(to, from)| add(to, from));
    }
}

/// Both gradients entry by entry; see [`entries`].
pub(super) struct Sparse<'a> {
    pub(super) slice: &'a BackwardSlice<'a>,
    pub(super) gradients: SliceGradients<'a>,
}

impl Operation for Sparse<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        sparse(simd, self.slice, self.gradients);
    }
}

#[inline(always)]
fn sparse<S: Simd>(simd: S, slice: &BackwardSlice<'_>, mut gradients: SliceGradients<'_>) {
    let shape = slice.shape;
    let (row, plane) = ((shape.width + 2) * S::LANES, (shape.height + 2) * (shape.width + 2) * S::LANES);
    let blocks = shape.in_channels / S::LANES;
    let of_block = shape.out_channels * TAPS * S::LANES;
    let mut entries = Entries::new::<S>(&shape, &slice.epilogue);
    let mut by_pixel = slice.packed.map(|_| ByPixel::new(&shape));
    let mut x = Scratch::zeros(blocks * plane);
    let mut sums = Scratch::any(plane);
    let mut grad_weight = Scratch::zeros(shape.weights());
    let mut widened = Widened::new(slice);
    for index in 0..shape.batch {
        let image = widened.image(slice, index);
        simd.vectorize(Collect {
            shape: &shape,
            epilogue: &slice.epilogue,
            output: image.output,
            arg_max: image.arg_max,
            grad_output: image.grad_output,
            entries: &mut entries,
            by_pixel: by_pixel.as_mut(),
            grad_bias: gradients.bias,
        });
        for (pixel, channels) in inner_pixels::<S>(&shape).zip(image.x.chunks_exact(shape.in_channels)) {
            for (block, channels) in channels.chunks_exact(S::LANES).enumerate() {
                x[block * plane + pixel..][..S::LANES].copy_from_slice(channels);
            }
        }
        for (block, grad_weight) in grad_weight.chunks_exact_mut(of_block).enumerate() {
            let x = &x[block * plane..][..plane];
            simd.vectorize(GradientOfKernel { entries: &entries, row, x, grad_weight });
        }
        let (Some(entries), Some(packed), Some(grad_x)) = (&by_pixel, slice.packed, &mut gradients.x) else {
            continue;
        };
        let grad_image = &mut grad_x[index * shape.image()..(index + 1) * shape.image()];
        for (block, weight) in packed.chunks_exact(of_block).enumerate() {
            let sums = &mut sums;
            simd.vectorize(GradientOfInput { shape: &shape, entries, block, weight, sums, grad_image });
        }
    }
    add_blocks::<S>(&shape, &grad_weight, gradients.weight);
}

/// Adds a kernel by blocks of input channels, [C_in / LANES, C_out, 9, LANES], to one in the usual order, [9, C_in, C_out]: row by row of
/// the latter, which lie half a page and more apart.
#[inline(always)]
fn add_blocks<S: Simd>(shape: &ConvShape, blocks: &[f32], sum: &mut [f32]) {
    let (inputs, outputs) = (shape.in_channels, shape.out_channels);
    for (row, sum) in sum.chunks_exact_mut(outputs).enumerate() {
        let (tap, input) = (row / inputs, row % inputs);
        let (block, lane) = (input / S::LANES, input % S::LANES);
        let from = blocks[block * outputs * TAPS * S::LANES + tap * S::LANES + lane..].iter();
        sum.iter_mut().zip(from.step_by(TAPS * S::LANES)).for_each(|(sum, value)| *sum += value);
    }
}

/// Where in a block each pixel of an image lies, row by row.
fn inner_pixels<S: Simd>(shape: &ConvShape) -> impl Iterator<Item = usize> {
    let (height, width) = (shape.height, shape.width);
    (1..=height).flat_map(move |y| (1..=width).map(move |x| (y * (width + 2) + x) * S::LANES))
}

/// A kernel [9, C_in, C_out] by blocks of input channels, [C_in / LANES, C_out, 9, LANES].
pub(super) fn by_blocks<S: Simd>(shape: &ConvShape, weight: &[f32]) -> Scratch {
    let mut packed = Scratch::any(weight.len());
    for (index, values) in packed.chunks_exact_mut(S::LANES).enumerate() {
        let (tap, rest) = (index % TAPS, index / TAPS);
        let (output, block) = (rest % shape.out_channels, rest / shape.out_channels);
        let first = (tap * shape.in_channels + block * S::LANES) * shape.out_channels + output;
        let from = weight[first..].iter().step_by(shape.out_channels);
        values.iter_mut().zip(from).for_each(|(to, &from)| *to = from);
    }
    packed
}
