//! An image in memory such that the tile finds every pixel's neighbourhood at fixed distances.

use super::layout::{PAGE, words};
use crate::bf16::{Bf16, Pair, as_pairs_mut};
use crate::buffer::Scratch;
use crate::conv3x3::shape::{ConvShape, TAPS};
use crate::precision::Precision;
use crate::simd::{Operation, Simd};
use crate::tile::{Left, Product, Right, Step, panel};
use crate::values::Values;
use std::ops::Range;

/// Images of fewer channels are unrolled: a run of three neighbours would be too short for the tile's loop.
const FEWEST_CHANNELS: usize = 4;

/// One image, in one of two orders.
pub(super) struct Neighbourhoods {
    height: usize,
    width: usize,
    /// Words of a pixel: channels, or pairs of them.
    channels: usize,
    precision: Precision,
    order: Order,
    data: Scratch,
}

#[derive(Clone, Copy)]
enum Order {
    /// [H + 2, W + 2, C] with a border of zeros: a pixel's three neighbours of a row are one run of 3·C numbers.
    Padded,
    /// [9, C, H·W], planes `distance` apart: the picture moved by each tap.
    Planes { distance: usize },
}

impl Neighbourhoods {
    /// Room for an input image of `shape`, in the order that suits its channels.
    pub(super) fn new(shape: &ConvShape, precision: Precision) -> Self {
        let channels = shape.in_channels;
        if precision == Precision::Bf16 || channels >= FEWEST_CHANNELS {
            return Self::padded(shape, words(channels, precision), precision);
        }
        let pixels = shape.pixels().next_multiple_of(16);
        let distance = if pixels.is_multiple_of(PAGE / 4) { pixels + 16 } else { pixels };
        let data = Scratch::zeros(TAPS * channels * distance);
        let order = Order::Planes { distance };
        Self { height: shape.height, width: shape.width, channels, precision, order, data }
    }

    /// Room for an image of `channels` words a pixel with a border of zeros.
    pub(super) fn padded(shape: &ConvShape, channels: usize, precision: Precision) -> Self {
        let data = Scratch::zeros((shape.height + 2) * (shape.width + 2) * channels);
        Self { height: shape.height, width: shape.width, channels, precision, order: Order::Padded, data }
    }

    pub(super) fn height(&self) -> usize {
        self.height
    }

    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// The memory, to write the inside of a padded image.
    pub(super) fn data_mut(&mut self) -> &mut [f32] {
        &mut self.data
    }

    /// Takes an image [H, W, C] of the precision there is room for in.
    pub(super) fn load<S: Simd>(&mut self, simd: S, image: Values<'_>) {
        let (width, channels) = (self.width, self.channels);
        match (self.order, image) {
            (Order::Padded, Values::F32(image)) => {
                let (run, padded_run) = (width * channels, (width + 2) * channels);
                let rows = self.data[padded_run..].chunks_exact_mut(padded_run).zip(image.chunks_exact(run));
                rows.for_each(|(to, from)| to[channels..][..run].copy_from_slice(from));
            }
            (Order::Padded, Values::Bf16(image)) => {
                simd.vectorize(Pad { image, width, channels, padded: as_pairs_mut(&mut self.data) });
            }
            (Order::Planes { distance }, Values::F32(image)) => {
                simd.vectorize(Unroll { image, width, channels, distance, planes: &mut self.data });
            }
            (Order::Planes { .. }, Values::Bf16(_)) => unreachable!("bf16 images are padded"),
        }
    }

    /// Pre-activations of some image rows, [rows, W, columns], without bias: `panels` is the kernel, panel by panel.
    pub(super) fn convolve<S: Simd>(
        &self,
        simd: S,
        rows: Range<usize>,
        panels: &[f32],
        out: &mut [f32],
        columns: usize,
    ) {
        match self.precision {
            Precision::F32 => self.convolve_steps::<S, f32>(simd, rows, panels, out, columns),
            Precision::Bf16 => self.convolve_steps::<S, Pair>(simd, rows, panels, out, columns),
        }
    }

    fn convolve_steps<S: Simd, E: Step>(
        &self,
        simd: S,
        rows: Range<usize>,
        panels: &[f32],
        out: &mut [f32],
        columns: usize,
    ) {
        let (data, panels) = (E::of_words(&self.data), E::of_words(panels));
        let steps = TAPS * self.channels;
        let row_out = self.width * columns;
        for (index, kernel) in panels.chunks_exact(steps * panel::<S>()).enumerate() {
            for (y, out) in rows.clone().zip(out.chunks_exact_mut(row_out)) {
                let (runs, a) = match self.order {
                    Order::Padded => {
                        let run = (self.width + 2) * self.channels;
                        (3, Left { data: &data[y * run..], row: self.channels, step: 1, run })
                    }
                    Order::Planes { distance } => {
                        (1, Left { data: &data[y * self.width..], row: 1, step: distance, run: 0 })
                    }
                };
                let run_length = steps / runs;
                let b = Right { data: kernel, step: panel::<S>(), run: run_length * panel::<S>() };
                let product = Product { rows: self.width, runs, run_length, a, b, accumulate: false };
                product.run(simd, &mut out[index * panel::<S>()..], columns);
            }
        }
    }

    /// Adds Σ_pixels x[pixel + tap, c_in] · dy[pixel, c_out] to the kernel's gradient [9, C_in, columns].
    pub(super) fn gradient_of_kernel<S: Simd>(&self, simd: S, dy: &Self, gradient: &mut [f32]) {
        let columns = dy.channels;
        let (pixel, row) = (columns, (self.width + 2) * columns);
        let (parts, width) = match self.order {
            Order::Padded => (3, self.width + 2),
            Order::Planes { .. } => (1, self.width),
        };
        let rows = TAPS * self.channels / parts;
        for first in (0..columns).step_by(panel::<S>()) {
            for (part, gradient) in gradient.chunks_exact_mut(rows * columns).enumerate() {
                let a = match self.order {
                    Order::Padded => {
                        let run = width * self.channels;
                        Left { data: &self.data[part * run..], row: 1, step: self.channels, run }
                    }
                    Order::Planes { distance } => {
                        Left { data: &self.data, row: distance, step: 1, run: width }
                    }
                };
                let b = Right { data: &dy.data[row + pixel + first..], step: pixel, run: row };
                let product =
                    Product { rows, runs: self.height, run_length: self.width, a, b, accumulate: true };
                product.run(simd, &mut gradient[first..], columns);
            }
        }
    }
}

/// Fills the inside of a padded image with pairs of channels; an odd last channel is paired with zero.
struct Pad<'a> {
    image: &'a [Bf16],
    width: usize,
    /// Words of a pixel.
    channels: usize,
    padded: &'a mut [Pair],
}

impl Operation for Pad<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _simd: S) {
        let Self { image, width, channels, padded } = self;
        let row = (width + 2) * channels;
        let of_row = image.len() / (padded.len() / row - 2);
        let rows = padded[row..].chunks_exact_mut(row).zip(image.chunks_exact(of_row));
        for (to, from) in rows {
            let to = &mut to[channels..][..width * channels];
            if of_row == 2 * to.len() {
                let pairs = from.as_chunks::<2>().0;
                to.iter_mut().zip(pairs).for_each(|(to, &[first, second])| *to = Pair::new(first, second));
            } else {
                for (to, pixel) in to.chunks_exact_mut(channels).zip(from.chunks_exact(of_row / width)) {
                    let pairs =
                        pixel.chunks(2).map(|pair| (pair[0], pair.get(1).copied().unwrap_or_default()));
                    to.iter_mut().zip(pairs).for_each(|(to, (first, second))| *to = Pair::new(first, second));
                }
            }
        }
    }
}

/// Fills planes with an image moved by each tap, zero outside.
struct Unroll<'a> {
    image: &'a [f32],
    width: usize,
    channels: usize,
    distance: usize,
    planes: &'a mut [f32],
}

impl Operation for Unroll<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _simd: S) {
        let Self { image, width, channels, distance, planes } = self;
        let height = image.len() / (width * channels);
        for (index, plane) in planes.chunks_exact_mut(distance).enumerate() {
            let (tap, channel) = (index / channels, index % channels);
            // The rows and columns of the plane whose neighbour is inside; the others are zero from the start.
            let (down, right) = (tap / 3, tap % 3);
            let columns = usize::from(right == 0)..width + 1 - right.max(1);
            if columns.is_empty() {
                continue;
            }
            for y in usize::from(down == 0)..height + 1 - down.max(1) {
                let source = &image[(y + down - 1) * width * channels..][..width * channels];
                let to = &mut plane[y * width..][..width][columns.clone()];
                let from = &source[(columns.start + right - 1) * channels + channel..];
                if channels == 1 {
                    to.copy_from_slice(&from[..to.len()]);
                } else {
                    to.iter_mut().zip(from.iter().step_by(channels)).for_each(|(to, &from)| *to = from);
                }
            }
        }
    }
}
