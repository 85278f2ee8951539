//! The input's gradient from the output gradients that are not zero, pixel by pixel.
//!
//! Each pixel has a list of its output channels with a gradient. Nine sums, the pixel's neighbourhood, stay in registers
//! while the list is walked, and on the way to the next pixel three of them are stored and three loaded:
//!
//! ```text
//! for each block of 16 input channels, some output channels, each pixel:
//!     for each entry (output channel, gradient):     sums[tap] += gradient · weight[channel][tap]      10 loads, 9 multiply-adds
//! ```
//!
//! 9 sums and the gradient are 10 registers; the weights are read from memory by the multiply-add itself. Those of
//! [`TOGETHER`] output channels are 36 KiB in AVX-512, about an L1 cache. Fewer make lists so short that their ends cost more, more
//! come from the L2 cache: on Zen 4 32, 64 and 128 channels took 20.4, 19.1 and 21.4 ms (14×14×64 → 128, pooled, both gradients).

use crate::conv3x3::shape::{ConvShape, TAPS};
use crate::simd::{Operation, Simd};

/// Output channels whose lists are kept and walked together.
const TOGETHER: usize = 64;

/// The gradients of one image that are not zero, by [`TOGETHER`] channels and by pixel.
pub(super) struct ByPixel {
    /// Room for [`TOGETHER`] gradients of every place.
    gradients: Vec<f32>,
    /// Where the weights of each one's channel start, among those of its group.
    kernels: Vec<u32>,
    /// How many every place has.
    counts: Vec<u32>,
    /// Output channels.
    channels: usize,
    /// Places of a group of channels: rows of pixels as wide as those of a padded image.
    places: usize,
    row: usize,
}

impl ByPixel {
    /// Empty lists for an image of the shape.
    pub(super) fn new(shape: &ConvShape) -> Self {
        let (row, channels) = (shape.width + 2, shape.out_channels);
        let places = shape.height * row;
        let slots = places * channels.div_ceil(TOGETHER);
        Self {
            gradients: vec![0.0; slots * TOGETHER],
            kernels: vec![0; slots * TOGETHER],
            counts: vec![0; slots],
            channels,
            places,
            row,
        }
    }

    /// Keeps a pixel's gradients, those that are not zero of one for each channel, in place of what was kept of it.
    #[inline(always)]
    #[allow(unsafe_code)]
    pub(super) fn set<S: Simd>(&mut self, simd: S, (y, x): (usize, usize), gradients: &[f32]) {
        const { assert!(TOGETHER.is_multiple_of(S::LANES)) };
        assert_eq!(gradients.len(), self.channels, "conv3x3: a gradient for each channel");
        let step = (TAPS * S::LANES) as u32;
        for (group, gradients) in gradients.chunks(TOGETHER).enumerate() {
            let place = group * self.places + y * self.row + x;
            let room = place * TOGETHER..(place + 1) * TOGETHER;
            let (values, kernels) = (&mut self.gradients[room.clone()], &mut self.kernels[room]);
            let mut count = 0;
            for (first, vector) in (0..).step_by(S::LANES).zip(gradients.chunks(S::LANES)) {
                let mut padded = [0.0; 16];
                let vector = if vector.len() == S::LANES {
                    vector
                } else {
                    padded[..vector.len()].copy_from_slice(vector);
                    &padded
                };
                let (values, kernels) = (&mut values[count..][..S::LANES], &mut kernels[count..][..S::LANES]);
                // SAFETY: all three slices have LANES elements; no instruction set has more than 16.
                count += unsafe {
                    let vector = simd.load(vector.as_ptr());
                    let (values, kernels) = (values.as_mut_ptr(), kernels.as_mut_ptr());
                    simd.store_nonzero(vector, values, first * step, step, kernels)
                };
            }
            self.counts[place] = count as u32;
        }
    }

    #[inline(always)]
    fn row(&self, group: usize, y: usize) -> Row<'_> {
        let first = group * self.places + y * self.row;
        let room = first * TOGETHER..(first + self.row) * TOGETHER;
        Row {
            gradients: &self.gradients[room.clone()],
            kernels: &self.kernels[room],
            counts: &self.counts[first..][..self.row],
        }
    }
}

/// Lists of a row of pixels.
struct Row<'a> {
    gradients: &'a [f32],
    kernels: &'a [u32],
    counts: &'a [u32],
}

/// Adds to the gradient of an image's channels that one vector holds.
pub(super) struct GradientOfInput<'a> {
    pub(super) shape: &'a ConvShape,
    pub(super) entries: &'a ByPixel,
    /// Which vector of channels.
    pub(super) block: usize,
    /// The kernel of these channels, [C_out, 9, LANES].
    pub(super) weight: &'a [f32],
    /// Room for the sums, [H + 2, W + 2, LANES].
    pub(super) sums: &'a mut [f32],
    /// [H, W, C_in].
    pub(super) grad_image: &'a mut [f32],
}

#[allow(unsafe_code)]
impl Operation for GradientOfInput<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { shape, entries, block, weight, sums, grad_image } = self;
        let (width, row) = (shape.width, (shape.width + 2) * S::LANES);
        assert_eq!(sums.len(), (shape.height + 2) * row, "conv3x3: sums do not fit {shape:?}");
        assert_eq!(
            weight.len(),
            entries.channels * TAPS * S::LANES,
            "conv3x3: kernel does not fit {shape:?}"
        );
        sums.fill(0.0);
        for (group, weight) in weight.chunks(TOGETHER * TAPS * S::LANES).enumerate() {
            for y in 0..shape.height {
                let rows = &mut sums[y * row..(y + 3) * row];
                // SAFETY: three rows of width + 2 vectors are there; `set` is the only maker of kernels and gave each channel of the
                // group nine vectors, which `weight` has.
                unsafe { add_row(simd, entries.row(group, y), weight, rows.as_mut_ptr(), width) };
            }
        }
        let rows = grad_image.chunks_exact_mut(width * shape.in_channels).zip(sums[row..].chunks_exact(row));
        for (pixels, sums) in rows {
            let sums = sums[S::LANES..].chunks_exact(S::LANES);
            for (channels, sum) in pixels.chunks_exact_mut(shape.in_channels).zip(sums) {
                let channels = &mut channels[block * S::LANES..][..S::LANES];
                // SAFETY: both slices have LANES numbers.
                unsafe {
                    let added = simd.add(simd.load(channels.as_ptr()), simd.load(sum.as_ptr()));
                    simd.store(added, channels.as_mut_ptr());
                }
            }
        }
    }
}

/// Adds the share of a row of `width` output pixels to three rows of sums.
///
/// # Safety
/// At `rows` must be three rows of width + 2 vectors; at each kernel in `weight` must start nine vectors.
#[inline(always)]
#[allow(unsafe_code)]
unsafe fn add_row<S: Simd>(simd: S, entries: Row<'_>, weight: &[f32], rows: *mut f32, width: usize) {
    let row = (width + 2) * S::LANES;
    let lists = entries.gradients.chunks_exact(TOGETHER).zip(entries.kernels.chunks_exact(TOGETHER));
    let lists = lists.zip(entries.counts).take(width);
    // SAFETY: the caller's promise; columns 0..width + 2 are reached, and nine vectors at each kernel.
    unsafe {
        let [first, second] = [load(simd, rows, row), load(simd, rows.add(S::LANES), row)];
        let mut sums = [first, second, second];
        for (x, ((gradients, kernels), &count)) in lists.enumerate() {
            sums[2] = load(simd, rows.add((x + 2) * S::LANES), row);
            let count = count as usize;
            for (&gradient, &kernel) in gradients[..count].iter().zip(&kernels[..count]) {
                let (gradient, kernel) = (simd.splat(gradient), weight.as_ptr().add(kernel as usize));
                for tap in 0..TAPS {
                    let sum = &mut sums[tap % 3][tap / 3];
                    *sum = simd.mul_add(simd.load(kernel.add(tap * S::LANES)), gradient, *sum);
                }
            }
            store(simd, sums[0], rows.add(x * S::LANES), row);
            sums = [sums[1], sums[2], sums[2]];
        }
        store(simd, sums[0], rows.add(width * S::LANES), row);
        store(simd, sums[1], rows.add((width + 1) * S::LANES), row);
    }
}

/// A column of three vectors, `row` numbers apart.
///
/// # Safety
/// They must be readable.
#[inline(always)]
#[allow(unsafe_code)]
unsafe fn load<S: Simd>(simd: S, from: *const f32, row: usize) -> [S::F32; 3] {
    // SAFETY: the caller's promise.
    unsafe { [simd.load(from), simd.load(from.add(row)), simd.load(from.add(2 * row))] }
}

/// Writes a column of three vectors, `row` numbers apart.
///
/// # Safety
/// They must be writable.
#[inline(always)]
#[allow(unsafe_code)]
unsafe fn store<S: Simd>(simd: S, column: [S::F32; 3], to: *mut f32, row: usize) {
    // SAFETY: the caller's promise.
    unsafe {
        simd.store(column[0], to);
        simd.store(column[1], to.add(row));
        simd.store(column[2], to.add(2 * row));
    }
}
