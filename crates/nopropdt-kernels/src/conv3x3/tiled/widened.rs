//! What a backward pass reads of an image, in f32.

use crate::buffer::Scratch;
use crate::conv3x3::BackwardSlice;

/// What an image's backward pass reads.
pub(super) struct Image<'a> {
    pub(super) x: &'a [f32],
    pub(super) output: &'a [f32],
    pub(super) arg_max: &'a [u8],
    pub(super) grad_output: &'a [f32],
}

/// Room for what of an image is stored in bf16.
pub(super) struct Widened {
    x: Scratch,
    output: Scratch,
}

impl Widened {
    pub(super) fn new(slice: &BackwardSlice<'_>) -> Self {
        let [x, output] = [slice.shape.image(), slice.shape.image_out(&slice.epilogue)].map(Scratch::any);
        Self { x, output }
    }

    /// Image `index` of a slice, in f32.
    #[inline(always)]
    pub(super) fn image<'a>(&'a mut self, slice: &'a BackwardSlice<'_>, index: usize) -> Image<'a> {
        let (image, image_out) = (slice.shape.image(), slice.shape.image_out(&slice.epilogue));
        let stored = index * image_out..(index + 1) * image_out;
        Image {
            x: slice.x.slice(index * image..(index + 1) * image).widened(&mut self.x),
            output: slice.output.slice(stored.clone()).widened(&mut self.output),
            arg_max: if slice.epilogue.pools() { &slice.arg_max[stored.clone()] } else { &[] },
            grad_output: &slice.grad_output[stored],
        }
    }
}
