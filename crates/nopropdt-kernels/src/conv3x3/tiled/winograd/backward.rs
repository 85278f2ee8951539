//! The backward pass by Winograd.
//!
//! The input's gradient is a convolution of the same kind: that of the pre-activations' gradient with the flipped kernel.

use super::{Gradients, Images, Winograd};
use crate::conv3x3::shape::{ConvShape, Epilogue};
use crate::conv3x3::{BackwardSlice, add};
use crate::simd::{Operation, Simd};
use crate::tile::padded;

/// Whether a convolution goes back this way: channels must fill vectors, and no pool leave most gradients zero.
pub(in crate::conv3x3::tiled) fn suits_backward<S: Simd>(shape: &ConvShape, epilogue: &Epilogue) -> bool {
    let fill = |channels: usize| channels.is_multiple_of(S::LANES);
    fill(shape.in_channels) && fill(shape.out_channels) && !epilogue.pools()
}

/// Adds the gradient of a slice's input; `packed` is what [`flipped_panels`](super::flipped_panels) made.
pub(in crate::conv3x3::tiled) fn gradient_of_input<S: Simd>(
    simd: S,
    slice: &BackwardSlice<'_>,
    packed: &[f32],
    grad_x: &mut [f32],
) {
    let shape = slice.shape;
    let mut winograd = Winograd::new::<S>(&shape.transposed(), slice.x.precision());
    let images = winograd.images();
    for (index, grad_x) in grad_x.chunks_mut(images * shape.image()).enumerate() {
        let first = index * images * shape.activation();
        let gradients =
            Gradients::of(slice, first..first + grad_x.len() / shape.image() * shape.activation());
        let full = winograd.convolve(simd, Images::Gradients(gradients), packed);
        simd.vectorize(Add {
            channels: shape.in_channels,
            full,
            columns: padded::<S>(shape.in_channels),
            grad_x,
        });
    }
}

/// Adds pixels of some columns, of which the first are channels, to an image's.
struct Add<'a> {
    channels: usize,
    full: &'a [f32],
    columns: usize,
    grad_x: &'a mut [f32],
}

impl Operation for Add<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _simd: S) {
        let pixels = self.grad_x.chunks_exact_mut(self.channels).zip(self.full.chunks_exact(self.columns));
        pixels.for_each(|(to, from)| add(to, from));
    }
}
