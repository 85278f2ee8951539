//! The backward pass over the gradients that are not zero.
//!
//! A max-pool passes a gradient to one pixel in four, ReLU to about half of them, dropout to four in five. So few are left that
//! it is faster to go from one to the next than to multiply the zeros:
//!
//! ```text
//! for each output channel, for each entry (pixel, gradient):     9 taps of 16 channels, a register each
//!     sums[tap] += gradient · x[pixel + tap]                     10 loads, 9 multiply-adds
//! ```
//!
//! This is the kernel's gradient; [`by_pixel`] is the input's, which orders the same entries by pixel so that its sums stay in
//! registers too. Images lie by blocks of a vector's channels, [C / LANES][H + 2, W + 2, LANES]: a block of the 14×14 images
//! of the paper's block is 16 KiB and stays in the L1 cache.

use super::by_pixel::ByPixel;
use crate::activation::passed_by_relu;
use crate::conv3x3::shape::{ConvShape, Epilogue, TAPS};
use crate::simd::{Operation, Simd};

/// A gradient that is not zero, as one word: its bits above the position, where in a block the neighbourhood of its pixel starts.
#[derive(Debug, Clone, Copy, Default)]
struct Entry(u64);

impl Entry {
    #[inline(always)]
    fn new(position: u32, gradient: f32) -> Self {
        Self(u64::from(gradient.to_bits()) << 32 | u64::from(position))
    }

    #[inline(always)]
    fn position(self) -> usize {
        self.0 as u32 as usize
    }

    #[inline(always)]
    fn gradient(self) -> f32 {
        f32::from_bits((self.0 >> 32) as u32)
    }

    /// Whether the gradient is anything but 0 and −0.
    #[inline(always)]
    fn counts(self) -> bool {
        self.0 << 1 >> 33 != 0
    }
}

/// The entries of one image, channel by channel, in the order of pixels.
pub(super) struct Entries {
    list: Vec<Entry>,
    /// One past the last entry of each channel; channel c starts at c · pixels.
    ends: Vec<u32>,
    /// Stored pixels of an image: room for a channel's entries.
    pixels: usize,
    /// No position is larger.
    last_position: u32,
}

impl Entries {
    /// No entries, with room for an image of the shape.
    pub(super) fn new<S: Simd>(shape: &ConvShape, epilogue: &Epilogue) -> Self {
        let channels = shape.out_channels;
        let pixels = shape.image_out(epilogue) / channels;
        let last = ((shape.height - 1) * (shape.width + 2) + shape.width - 1) * S::LANES;
        let fits = |length: usize| u32::try_from(length).expect("conv3x3: image is too large");
        fits(channels * pixels);
        Self {
            list: vec![Entry::default(); channels * pixels],
            ends: vec![0; channels],
            pixels,
            last_position: fits(last),
        }
    }

    fn clear(&mut self) {
        self.ends.iter_mut().enumerate().for_each(|(channel, end)| *end = (channel * self.pixels) as u32);
    }

    fn of(&self, channel: usize) -> &[Entry] {
        &self.list[channel * self.pixels..self.ends[channel] as usize]
    }

    /// Appends a stored pixel's gradients, those that are not zero, each to its channel's list.
    ///
    /// # Panics
    /// When a position is beyond the image.
    #[inline(always)]
    fn push(&mut self, pixel: &[Entry]) {
        let largest = pixel.iter().map(|entry| entry.0 as u32).fold(0, u32::max);
        assert!(largest <= self.last_position, "conv3x3: arg_max is beyond its window");
        // Written in any case, and overwritten by the next one when this was zero: there is no branch to mispredict.
        for (&entry, &end) in pixel.iter().zip(&self.ends) {
            self.list[end as usize] = entry;
        }
        for (entry, end) in pixel.iter().zip(&mut self.ends) {
            *end += u32::from(entry.counts());
        }
    }
}

/// Makes the entries of an image from its output's gradient, and adds to the bias's gradient.
pub(super) struct Collect<'a> {
    pub(super) shape: &'a ConvShape,
    pub(super) epilogue: &'a Epilogue,
    pub(super) output: &'a [f32],
    pub(super) arg_max: &'a [u8],
    pub(super) grad_output: &'a [f32],
    pub(super) entries: &'a mut Entries,
    /// The same for the input's gradient, where that is wanted.
    pub(super) by_pixel: Option<&'a mut ByPixel>,
    pub(super) grad_bias: &'a mut [f32],
}

impl Operation for Collect<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { shape, epilogue, output, arg_max, grad_output, entries, mut by_pixel, grad_bias } = self;
        let channels = shape.out_channels;
        let (pools, scale) = (epilogue.pools(), epilogue.gradient_scale());
        let columns = epilogue.output_size(shape).1;
        let (stride, row) = (if pools { 2 } else { 1 }, (shape.width + 2) * S::LANES);
        // How far the pixel of each arg-max is from the first of its window.
        let (right, down) = (S::LANES as u32, row as u32);
        let mut made = vec![Entry::default(); channels];
        let (mut passed, mut of_tap) = (vec![0.0; channels], vec![0.0; channels]);
        entries.clear();
        for pixel in 0..entries.pixels {
            let stored = pixel * channels..(pixel + 1) * channels;
            let (y, x) = (pixel / columns * stride, pixel % columns * stride);
            let first = (y * row + x * S::LANES) as u32;
            let values = output[stored.clone()].iter().zip(&grad_output[stored.clone()]);
            for ((passed, sum), (&output, &grad)) in passed.iter_mut().zip(grad_bias.iter_mut()).zip(values) {
                *passed = passed_by_relu(output, grad * scale);
                *sum += *passed;
            }
            if pools {
                let arg_max = &arg_max[stored];
                for (made, (&tap, &passed)) in made.iter_mut().zip(arg_max.iter().zip(&passed)) {
                    let tap = u32::from(tap);
                    *made = Entry::new(first + (tap & 1) * right + (tap >> 1) * down, passed);
                }
                if let Some(by_pixel) = &mut by_pixel {
                    for tap in 0..4 {
                        for (of_tap, (&arg_max, &passed)) in
                            of_tap.iter_mut().zip(arg_max.iter().zip(&passed))
                        {
                            *of_tap = if arg_max == tap { passed } else { 0.0 };
                        }
                        let tap = usize::from(tap);
                        by_pixel.set(simd, (y + tap / 2, x + tap % 2), &of_tap);
                    }
                }
            } else {
                made.iter_mut().zip(&passed).for_each(|(made, &passed)| *made = Entry::new(first, passed));
                if let Some(by_pixel) = &mut by_pixel {
                    by_pixel.set(simd, (y, x), &passed);
                }
            }
            entries.push(&made);
        }
    }
}

/// Adds one block's share to the gradient of the kernel.
pub(super) struct GradientOfKernel<'a> {
    pub(super) entries: &'a Entries,
    /// Distance of the rows of an image.
    pub(super) row: usize,
    /// A block of the padded input.
    pub(super) x: &'a [f32],
    /// Of the kernel's gradient, [C_out, 9, LANES].
    pub(super) grad_weight: &'a mut [f32],
}

#[allow(unsafe_code)]
impl Operation for GradientOfKernel<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { entries, row, x, grad_weight } = self;
        let reach = entries.last_position as usize + 2 * row + 3 * S::LANES;
        assert!(x.len() >= reach, "conv3x3: a block wants {reach} values; x has {}", x.len());
        for (channel, sums) in grad_weight.chunks_exact_mut(TAPS * S::LANES).enumerate() {
            // SAFETY: every position is at most `last_position`, so the neighbourhood of every entry is within `reach`, which
            // x was checked for; `sums` has nine vectors.
            unsafe { add_channel(simd, entries.of(channel), row, x.as_ptr(), sums) };
        }
    }
}

/// # Safety
/// The neighbourhood of every entry must be inside the block at `x`; `sums` must have nine vectors.
#[inline(always)]
#[allow(unsafe_code)]
unsafe fn add_channel<S: Simd>(simd: S, list: &[Entry], row: usize, x: *const f32, sums: &mut [f32]) {
    // SAFETY: the caller's promise, for each of the nine taps.
    unsafe {
        let mut registers: [S::F32; TAPS] =
            std::array::from_fn(|tap| simd.load(sums.as_ptr().add(tap * S::LANES)));
        for entry in list {
            let gradient = simd.splat(entry.gradient());
            let first = x.add(entry.position());
            for (tap, sum) in registers.iter_mut().enumerate() {
                let from = first.add(tap / 3 * row + tap % 3 * S::LANES);
                *sum = simd.mul_add(simd.load(from), gradient, *sum);
            }
        }
        for (tap, sum) in registers.into_iter().enumerate() {
            simd.store(sum, sums.as_mut_ptr().add(tap * S::LANES));
        }
    }
}
