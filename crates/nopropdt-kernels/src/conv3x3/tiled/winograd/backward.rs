//! The backward pass by Winograd.
//!
//! The input's gradient is a convolution of the same kind: that of the pre-activations' gradient with the flipped kernel.

use super::kernel_gradient::gradient_of_kernel;
use super::{Images, Winograd, images_at_once};
use crate::conv3x3::shape::{ConvShape, Epilogue};
use crate::conv3x3::{BackwardSlice, SliceGradients, add};
use crate::simd::{Operation, Simd};
use crate::tile::padded;
use rayon::prelude::*;

/// Whether a convolution goes back this way: channels must fill vectors, and no pool leave most gradients zero.
pub(in crate::conv3x3::tiled) fn suits_backward<S: Simd>(shape: &ConvShape, epilogue: &Epilogue) -> bool {
    let fill = |channels: usize| channels.is_multiple_of(S::LANES);
    fill(shape.in_channels) && fill(shape.out_channels) && !epilogue.pools()
}

/// Adds the gradients of some images.
pub(in crate::conv3x3::tiled) fn backward<S: Simd>(
    simd: S,
    slice: &BackwardSlice<'_>,
    gradients: SliceGradients<'_>,
) {
    if let (Some(packed), Some(grad_x)) = (slice.packed, gradients.x) {
        gradient_of_input(simd, slice, packed, grad_x);
    }
    gradient_of_kernel(simd, slice, gradients.weight, gradients.bias);
}

/// Adds the gradient of the input; `packed` is what [`flipped_panels`](super::flipped_panels) made.
fn gradient_of_input<S: Simd>(simd: S, slice: &BackwardSlice<'_>, packed: &[f32], grad_x: &mut [f32]) {
    let (shape, turned) = (slice.shape, slice.shape.transposed());
    let new = || Winograd::new::<S>(&turned, slice.x.precision());
    let images = images_at_once(&turned, slice.x.precision());
    let parts = grad_x.par_chunks_mut(images * shape.image()).enumerate();
    parts.for_each_init(new, |winograd, (index, grad_x)| {
        let first = index * images * shape.activation();
        let range = first..first + grad_x.len() / shape.image() * shape.activation();
        let full = winograd.convolve(simd, Images::gradients(slice).slice(range), packed);
        let (channels, columns) = (shape.in_channels, padded::<S>(shape.in_channels));
        simd.vectorize(Add { channels, full, columns, grad_x });
    });
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
