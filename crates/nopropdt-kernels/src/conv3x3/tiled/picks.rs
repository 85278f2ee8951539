//! The kernel's gradient of a pooled convolution of images of few channels: as [`windows`](super::windows), but of a window's four
//! pixels only one passed its value on, another one in each output channel.
//!
//! ```text
//! for each window:                                     9 taps of a vector of outputs, a register each
//!     square = x at the 4×4 pixels around              a register, shared by all outputs
//!     sums[tap] += gradient · square[arg_max + tap]    1 permutation, 1 multiply-add
//! ```

use super::planes::Planes;
use super::widened::Widened;
use crate::buffer::Scratch;
use crate::conv3x3::shape::TAPS;
use crate::conv3x3::{BackwardSlice, SliceGradients, add};
use crate::simd::{Operation, Simd, WIDEST};
use crate::tile::padded;

/// Adds a slice's gradients of the kernel and of the bias.
pub(super) struct Gradient<'a> {
    pub(super) slice: &'a BackwardSlice<'a>,
    pub(super) gradients: SliceGradients<'a>,
}

impl Operation for Gradient<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { slice, gradients } = self;
        let shape = slice.shape;
        let (inputs, outputs) = (shape.in_channels, shape.out_channels);
        let columns = padded::<S>(outputs);
        let mut planes = Planes::new(&shape);
        let mut widened = Widened::new(slice);
        let mut weight = Scratch::zeros(inputs * TAPS * columns);
        let mut bias = Scratch::zeros(columns);
        for index in 0..shape.batch {
            let image = widened.image(slice, index);
            planes.load(image.x);
            let image = Image {
                planes: &planes,
                channels: outputs,
                windows: slice.epilogue.output_size(&shape),
                scale: slice.epilogue.gradient_scale(),
                output: image.output,
                arg_max: image.arg_max,
                grad_output: image.grad_output,
            };
            for (input, weight) in weight.chunks_exact_mut(TAPS * columns).enumerate() {
                let bias = (input == 0).then_some(&mut *bias);
                image.add_gradient(simd, input, weight, bias);
            }
        }
        for (row, sum) in gradients.weight.chunks_exact_mut(outputs).enumerate() {
            let (tap, input) = (row / inputs, row % inputs);
            add(sum, &weight[(input * TAPS + tap) * columns..][..outputs]);
        }
        add(gradients.bias, &bias[..outputs]);
    }
}

/// What an image's gradients are made of.
struct Image<'a> {
    planes: &'a Planes,
    /// Output channels.
    channels: usize,
    /// Windows, down and across.
    windows: (usize, usize),
    scale: f32,
    output: &'a [f32],
    arg_max: &'a [u8],
    grad_output: &'a [f32],
}

impl Image<'_> {
    /// Adds to the gradient of an input channel's kernel, [9, columns], and to the bias's, [columns], if that is given.
    #[inline(always)]
    fn add_gradient<S: Simd>(&self, simd: S, input: usize, weight: &mut [f32], mut bias: Option<&mut [f32]>) {
        let columns = weight.len() / TAPS;
        for first in (0..self.channels).step_by(S::LANES) {
            let (sums, sum) = self.sums(simd, input, first);
            for (weight, sums) in weight.chunks_exact_mut(columns).zip(sums) {
                add(&mut weight[first..first + S::LANES], &sums[..S::LANES]);
            }
            if let Some(bias) = &mut bias {
                add(&mut bias[first..first + S::LANES], &sum[..S::LANES]);
            }
        }
    }

    /// Sums over the windows for a vector of output channels from `first`: of gradient times input for each tap, and of the gradient.
    #[allow(unsafe_code)]
    #[inline(always)]
    fn sums<S: Simd>(&self, simd: S, input: usize, first: usize) -> ([[f32; WIDEST]; TAPS], [f32; WIDEST]) {
        let (rows, columns) = self.windows;
        let scale = simd.splat(self.scale);
        let (mut sums, mut sum) = ([simd.zero(); TAPS], simd.zero());
        for row in 0..rows {
            for column in 0..columns {
                let at = (row * columns + column) * self.channels + first;
                let (output, grad, places) = self.vectors(simd, at, self.channels - first);
                let gradient = simd.passed_by_relu(output, simd.mul(grad, scale));
                let around = self.planes.around(input, (2 * row, 2 * column));
                // SAFETY: these are the numbers from a square's first to its last.
                let square = unsafe { simd.load_square(around.as_ptr(), self.planes.row()) };
                for (tap, sum) in sums.iter_mut().enumerate() {
                    let x = simd.pick(square, places, tap / 3, tap % 3);
                    *sum = simd.mul_add(gradient, x, *sum);
                }
                sum = simd.add(sum, gradient);
            }
        }
        let mut stored = ([[0.0; WIDEST]; TAPS], [0.0; WIDEST]);
        const { assert!(S::LANES <= WIDEST) };
        // SAFETY: no vector is wider than the room for it.
        unsafe {
            for (to, sum) in stored.0.iter_mut().zip(sums) {
                simd.store(sum, to.as_mut_ptr());
            }
            simd.store(sum, stored.1.as_mut_ptr());
        }
        stored
    }

    /// Output, its gradient and the place of the largest at `at`, of a vector's channels or of the `left` that there are: with zeros
    /// behind them.
    #[allow(unsafe_code)]
    #[inline(always)]
    fn vectors<S: Simd>(&self, simd: S, at: usize, left: usize) -> (S::F32, S::F32, S::Places) {
        let count = left.min(S::LANES);
        let [output, grad] = [self.output, self.grad_output].map(|values| &values[at..at + count]);
        let arg_max = &self.arg_max[at..at + count];
        if count == S::LANES {
            // SAFETY: each slice has as many elements as a vector.
            return unsafe {
                (simd.load(output.as_ptr()), simd.load(grad.as_ptr()), simd.load_places(arg_max.as_ptr()))
            };
        }
        let mut room = ([0.0; WIDEST], [0.0; WIDEST], [0; WIDEST]);
        room.0[..count].copy_from_slice(output);
        room.1[..count].copy_from_slice(grad);
        room.2[..count].copy_from_slice(arg_max);
        // SAFETY: no vector is wider than the room.
        unsafe { (simd.load(room.0.as_ptr()), simd.load(room.1.as_ptr()), simd.load_places(room.2.as_ptr())) }
    }
}
