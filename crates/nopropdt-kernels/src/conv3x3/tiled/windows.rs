//! A pooled convolution of images of few channels, such as the network's input: window by window of the pool, all of it in registers.
//!
//! ```text
//! for each window, for each channel, for each of 9 taps:     4 pixels of 2 vectors of outputs, a register each
//!     sums[pixel] += x[pixel + tap] · weight[tap]            6 loads, 8 multiply-adds
//! ```
//!
//! With 9 products a pixel and channel, the tile of [`neighbourhoods`](super::neighbourhoods) spends as long on writing its sums as on
//! making them. Here the largest of four is all that is written. An image and a panel of the kernel are a few KiB each and stay in the
//! L1 cache.

use super::layout::BAND;
use super::planes::Planes;
use crate::buffer::Scratch;
use crate::conv3x3::ForwardGroup;
use crate::conv3x3::shape::{ConvShape, Epilogue, TAPS};
use crate::simd::{Operation, Simd, WIDEST};
use crate::tile::{padded, panel};
use crate::values::{Values, ValuesMut};

/// With more channels a sum is long enough for the tile.
const MOST_CHANNELS: usize = 3;
/// Pixels of a window.
const WINDOW: usize = 4;

/// Whether a convolution takes this way.
pub(super) fn suits(shape: &ConvShape, epilogue: &Epilogue) -> bool {
    shape.in_channels <= MOST_CHANNELS && epilogue.pools()
}

/// The kernel as [outputs / PANEL][C_in][9][PANEL], zero beyond the last output.
pub(super) fn kernel<S: Simd>(shape: &ConvShape, weight: &[f32]) -> Scratch {
    let (inputs, outputs, width) = (shape.in_channels, shape.out_channels, panel::<S>());
    let mut packed = Scratch::zeros(TAPS * inputs * padded::<S>(outputs));
    for (index, to) in packed.chunks_exact_mut(width).enumerate() {
        let (tap, rest) = (index % TAPS, index / TAPS);
        let (input, first) = (rest % inputs, rest / inputs * width);
        let from = &weight[(tap * inputs + input) * outputs..][first..outputs.min(first + width)];
        to[..from.len()].copy_from_slice(from);
    }
    packed
}

/// The forward pass of a group of images.
pub(super) struct Forward<'a, 'b> {
    pub(super) group: &'a ForwardGroup<'a>,
    pub(super) output: ValuesMut<'b>,
    pub(super) arg_max: &'a mut [u8],
}

impl Operation for Forward<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) {
        let ForwardGroup { shape, epilogue, offset, x, packed, bias } = *self.group;
        let Values::F32(x) = x else { unreachable!("bf16 images go another way") };
        let (channels, width) = (shape.out_channels, panel::<S>());
        let (rows, columns) = epilogue.output_size(&shape);
        let of_row = columns * channels;
        // An even number of rows, whose random numbers are mostly whole groups.
        let together = (BAND / of_row / 2 * 2).max(2);
        let mut planes = Planes::new(&shape);
        let mut finished = Scratch::any(together * of_row);
        let mut padded_bias = Scratch::zeros(padded::<S>(channels));
        padded_bias[..channels].copy_from_slice(bias);
        for (index, image) in x.chunks_exact(shape.image()).enumerate() {
            planes.load(image);
            for first in (0..rows).step_by(together) {
                let band = first..rows.min(first + together);
                let start = (index * rows + first) * of_row;
                let range = start..start + band.len() * of_row;
                let out = self.output.wide(range.clone(), &mut finished);
                let arg = &mut self.arg_max[range.clone()];
                let kernels = packed.chunks_exact(TAPS * shape.in_channels * width);
                for (index, (kernel, bias)) in kernels.zip(padded_bias.chunks_exact(width)).enumerate() {
                    let first = index * width;
                    let pixels = out.chunks_exact_mut(channels).zip(arg.chunks_exact_mut(channels));
                    let places = band.clone().flat_map(|row| (0..columns).map(move |column| (row, column)));
                    for ((row, column), (out, arg)) in places.zip(pixels) {
                        let sums = window(simd, &planes, kernel, (2 * row, 2 * column));
                        pool(simd, &sums, bias, &mut out[first..], &mut arg[first..]);
                    }
                }
                if let Some(mask) = epilogue.dropout() {
                    mask.apply_on(simd, offset + start as u64, out);
                }
                self.output.rounded_on(simd, range, &finished);
            }
        }
    }
}

/// The convolution at the four pixels of the window whose first is at `place`.
#[allow(unsafe_code)]
#[inline(always)]
fn window<S: Simd>(simd: S, planes: &Planes, kernel: &[f32], place: (usize, usize)) -> [[S::F32; 2]; WINDOW] {
    let (row, width) = (planes.row(), panel::<S>());
    let mut sums = [[simd.zero(); 2]; WINDOW];
    for (channel, weights) in kernel.chunks_exact(TAPS * width).enumerate() {
        let around = planes.around(channel, place);
        for tap in 0..TAPS {
            // SAFETY: a tap has two vectors of weights; a pixel's neighbours are among the 4×4 numbers around its window.
            unsafe {
                let weight = weights.as_ptr().add(tap * width);
                let weight = [simd.load(weight), simd.load(weight.add(S::LANES))];
                let from = around.as_ptr().add(tap / 3 * row + tap % 3);
                for (pixel, sums) in sums.iter_mut().enumerate() {
                    let value = simd.splat(*from.add(pixel / 2 * row + pixel % 2));
                    sums[0] = simd.mul_add(value, weight[0], sums[0]);
                    sums[1] = simd.mul_add(value, weight[1], sums[1]);
                }
            }
        }
    }
    sums
}

/// Pool, bias and ReLU of a window's sums: to as many channels as a panel has, or as are left.
#[inline(always)]
fn pool<S: Simd>(simd: S, sums: &[[S::F32; 2]; WINDOW], bias: &[f32], out: &mut [f32], arg: &mut [u8]) {
    for (vector, bias) in bias.chunks_exact(S::LANES).enumerate() {
        let first = vector * S::LANES;
        if first < out.len() {
            let sums = [sums[0][vector], sums[1][vector], sums[2][vector], sums[3][vector]];
            pool_vector(simd, sums, bias, &mut out[first..], &mut arg[first..]);
        }
    }
}

/// [`pool`] of one vector of the panel.
#[allow(unsafe_code)]
#[inline(always)]
fn pool_vector<S: Simd>(simd: S, sums: [S::F32; WINDOW], bias: &[f32], out: &mut [f32], arg: &mut [u8]) {
    const { assert!(S::LANES <= WIDEST) };
    assert!(bias.len() == S::LANES && out.len() == arg.len(), "windows: wants a vector of biases");
    // SAFETY: there are as many biases as lanes.
    let bias = unsafe { simd.load(bias.as_ptr()) };
    if out.len() >= S::LANES {
        // SAFETY: both are at least as long as a vector.
        return unsafe { simd.store_pooled(sums, bias, out.as_mut_ptr(), arg.as_mut_ptr()) };
    }
    let mut room = ([0.0; WIDEST], [0; WIDEST]);
    // SAFETY: no vector is wider than the room.
    unsafe { simd.store_pooled(sums, bias, room.0.as_mut_ptr(), room.1.as_mut_ptr()) };
    out.copy_from_slice(&room.0[..out.len()]);
    arg.copy_from_slice(&room.1[..arg.len()]);
}
