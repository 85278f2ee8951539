//! The backward pass over the gradients that are not zero.
//!
//! A max-pool passes a gradient to one pixel in four, ReLU to about half of them, dropout to four in five. So few are left that
//! it is faster to go from one to the next than to multiply the zeros:
//!
//! ```text
//! for each output channel, for each entry (pixel, gradient):     9 taps of 16 channels, a register each
//!     sums[tap]          += gradient · x[pixel + tap]            9 loads, 9 multiply-adds
//!     dx[pixel + tap]    += gradient · weight[tap]               9 loads, 9 multiply-adds, 9 stores
//! ```
//!
//! 9 sums + 9 weights + the gradient are 19 of AVX-512's 32 registers (AVX2 reads some of the weights from memory). 20 loads on
//! two ports are 10 cycles an entry, against 2 · 9 cycles for each of *four* pixels that a dense pool's gradient would take.
//! Images lie by blocks of a vector's channels, [C / LANES][H + 2, W + 2, LANES]: a block of x and one of dx are 33 KiB for the
//! 14×14 images of the paper's block and fill the L1 cache evenly.

use super::*;
use crate::kernels::simd::Operation;

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
    ends: Vec<usize>,
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
        let last_position = u32::try_from(last).expect("conv3x3: image is too large");
        Self {
            list: vec![Entry::default(); channels * pixels],
            ends: vec![0; channels],
            pixels,
            last_position,
        }
    }

    fn of(&self, channel: usize) -> &[Entry] {
        &self.list[channel * self.pixels..self.ends[channel]]
    }

    /// Appends a stored pixel's gradients, those that are not zero, each to its channel's list.
    ///
    /// # Panics
    /// When a position is beyond the image.
    #[inline(always)]
    fn push(&mut self, pixel: &[Entry]) {
        let largest = pixel.iter().map(|entry| entry.0 as u32).fold(0, u32::max);
        assert!(largest <= self.last_position, "conv3x3: arg_max is beyond its window");
        for (&entry, end) in pixel.iter().zip(&mut self.ends) {
            // Written in any case, and overwritten by the next one when this was zero: there is no branch to mispredict.
            self.list[*end] = entry;
            *end += usize::from(entry.counts());
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
    pub(super) grad_bias: &'a mut [f32],
}

impl Operation for Collect<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _simd: S) {
        let Self { shape, epilogue, output, arg_max, grad_output, entries, grad_bias } = self;
        let channels = shape.out_channels;
        let (pools, scale) = (epilogue.pools(), epilogue.gradient_scale());
        let columns = epilogue.output_size(shape).1;
        let (stride, row) = (if pools { 2 } else { 1 }, (shape.width + 2) * S::LANES);
        // How far the pixel of each arg-max is from the first of its window.
        let (right, down) = (S::LANES as u32, row as u32);
        let mut made = vec![Entry::default(); channels];
        entries.ends.iter_mut().enumerate().for_each(|(channel, end)| *end = channel * entries.pixels);
        for pixel in 0..entries.pixels {
            let stored = pixel * channels..(pixel + 1) * channels;
            let first = (pixel / columns * stride * row + pixel % columns * stride * S::LANES) as u32;
            let (output, grad) = (&output[stored.clone()], &grad_output[stored.clone()]);
            let passed = |channel: usize| if output[channel] > 0.0 { grad[channel] * scale } else { 0.0 };
            let sums = &mut grad_bias[..channels];
            if pools {
                let arg_max = &arg_max[stored];
                for channel in 0..channels {
                    let tap = u32::from(arg_max[channel]);
                    let position = first + (tap & 1) * right + (tap >> 1) * down;
                    made[channel] = Entry::new(position, passed(channel));
                    sums[channel] += passed(channel);
                }
            } else {
                for channel in 0..channels {
                    made[channel] = Entry::new(first, passed(channel));
                    sums[channel] += passed(channel);
                }
            }
            entries.push(&made);
        }
    }
}

/// Adds one block's share to the gradients of the kernel and, when it is wanted, of the input.
pub(super) struct Accumulate<'a> {
    pub(super) entries: &'a Entries,
    /// Distance of the rows of an image.
    pub(super) row: usize,
    /// A block of the padded input.
    pub(super) x: &'a [f32],
    /// Of the kernel's gradient, [C_out, 9, LANES].
    pub(super) grad_weight: &'a mut [f32],
    /// The kernel in the same order, and a block of the padded input's gradient.
    pub(super) input: Option<(&'a [f32], &'a mut [f32])>,
}

#[allow(unsafe_code)]
impl Operation for Accumulate<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { entries, row, x, grad_weight, input } = self;
        let taps = TAPS * S::LANES;
        let reach = entries.last_position as usize + 2 * row + 3 * S::LANES;
        assert!(x.len() >= reach, "conv3x3: a block wants {reach} values; x has {}", x.len());
        match input {
            Some((weight, grad_x)) => {
                assert!(
                    grad_x.len() >= reach,
                    "conv3x3: a block wants {reach} values; dx has {}",
                    grad_x.len()
                );
                let kernels = grad_weight.chunks_exact_mut(taps).zip(weight.chunks_exact(taps));
                for (channel, (sums, weight)) in kernels.enumerate() {
                    let list = entries.of(channel);
                    let at = Block { row, x: x.as_ptr(), grad_x: grad_x.as_mut_ptr() };
                    // SAFETY: every position is at most `last_position`, so the neighbourhood of every entry is within `reach`,
                    // which both blocks were checked for; `sums` and `weight` have nine vectors.
                    unsafe { at.both(simd, list, weight, sums) };
                }
            }
            None => {
                for (channel, sums) in grad_weight.chunks_exact_mut(taps).enumerate() {
                    // SAFETY: as above.
                    unsafe { gradient_of_weight(simd, entries.of(channel), row, x.as_ptr(), sums) };
                }
            }
        }
    }
}

/// A block of x and one of its gradient.
struct Block {
    row: usize,
    x: *const f32,
    grad_x: *mut f32,
}

#[allow(unsafe_code)]
impl Block {
    /// # Safety
    /// The neighbourhood of every entry must be inside both blocks; `weight` and `sums` must have nine vectors.
    #[inline(always)]
    unsafe fn both<S: Simd>(self, simd: S, list: &[Entry], weight: &[f32], sums: &mut [f32]) {
        // SAFETY: the caller's promise, for each of the nine taps.
        unsafe {
            let weight: [S::F32; TAPS] =
                std::array::from_fn(|tap| simd.load(weight.as_ptr().add(tap * S::LANES)));
            let mut registers: [S::F32; TAPS] =
                std::array::from_fn(|tap| simd.load(sums.as_ptr().add(tap * S::LANES)));
            for entry in list {
                let gradient = simd.splat(entry.gradient());
                let first = entry.position();
                for tap in 0..TAPS {
                    let at = first + tap / 3 * self.row + tap % 3 * S::LANES;
                    registers[tap] = simd.mul_add(simd.load(self.x.add(at)), gradient, registers[tap]);
                    let to = self.grad_x.add(at);
                    simd.store(simd.mul_add(weight[tap], gradient, simd.load(to)), to);
                }
            }
            for (tap, sum) in registers.into_iter().enumerate() {
                simd.store(sum, sums.as_mut_ptr().add(tap * S::LANES));
            }
        }
    }
}

/// # Safety
/// The neighbourhood of every entry must be inside the block at `x`; `sums` must have nine vectors.
#[inline(always)]
#[allow(unsafe_code)]
unsafe fn gradient_of_weight<S: Simd>(simd: S, list: &[Entry], row: usize, x: *const f32, sums: &mut [f32]) {
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
