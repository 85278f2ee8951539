//! An image in memory such that the tile finds every pixel's neighbourhood at fixed distances.

use super::*;
use std::ops::Range;

/// Images of fewer channels are unrolled: a run of three neighbours would be too short for the tile's loop.
const FEWEST_CHANNELS: usize = 4;
/// A 4 KiB page in numbers: planes that far apart fall into the same sets of the L1 cache.
const PAGE: usize = 1024;

/// One image, in one of two orders.
pub(super) struct Neighbourhoods {
    height: usize,
    width: usize,
    channels: usize,
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
    /// Room for an image of `shape` with `channels` channels, in the order that suits them.
    pub(super) fn new(shape: &ConvShape, channels: usize) -> Self {
        if channels >= FEWEST_CHANNELS {
            return Self::padded(shape, channels);
        }
        let pixels = shape.pixels().next_multiple_of(16);
        let distance = if pixels.is_multiple_of(PAGE / 4) { pixels + 16 } else { pixels };
        let data = Scratch::zeros(TAPS * channels * distance);
        Self { height: shape.height, width: shape.width, channels, order: Order::Planes { distance }, data }
    }

    /// Room for an image with a border of zeros.
    pub(super) fn padded(shape: &ConvShape, channels: usize) -> Self {
        let data = Scratch::zeros((shape.height + 2) * (shape.width + 2) * channels);
        Self { height: shape.height, width: shape.width, channels, order: Order::Padded, data }
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

    /// Takes an image [H, W, C] in.
    pub(super) fn load<S: Simd>(&mut self, simd: S, image: &[f32]) {
        match self.order {
            Order::Padded => {
                let (run, padded_run) = (self.width * self.channels, (self.width + 2) * self.channels);
                let rows = self.data[padded_run..].chunks_exact_mut(padded_run).zip(image.chunks_exact(run));
                rows.for_each(|(to, from)| to[self.channels..][..run].copy_from_slice(from));
            }
            Order::Planes { distance } => {
                let (width, channels) = (self.width, self.channels);
                simd.vectorize(Unroll { image, width, channels, distance, planes: &mut self.data });
            }
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
        let steps = TAPS * self.channels;
        let row_out = self.width * columns;
        for (index, kernel) in panels.chunks_exact(steps * panel::<S>()).enumerate() {
            for (y, out) in rows.clone().zip(out.chunks_exact_mut(row_out)) {
                let (runs, a) = match self.order {
                    Order::Padded => {
                        let run = (self.width + 2) * self.channels;
                        (3, Left { data: &self.data[y * run..], row: self.channels, step: 1, run })
                    }
                    Order::Planes { distance } => {
                        (1, Left { data: &self.data[y * self.width..], row: 1, step: distance, run: 0 })
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

/// Fills planes with an image moved by each tap, zero outside.
struct Unroll<'a> {
    image: &'a [f32],
    width: usize,
    channels: usize,
    distance: usize,
    planes: &'a mut [f32],
}

impl crate::kernels::simd::Operation for Unroll<'_> {
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
