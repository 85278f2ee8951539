//! The convolution on the register tile, image by image, without unrolled columns: forward by [`winograd`] where channels fill vectors,
//! window by window where they are few and a pool follows ([`windows`]), else directly from a bordered image ([`neighbourhoods`]);
//! backward by [`winograd`] where channels fill vectors and no pool follows, entry by entry where one does ([`entries`], [`by_pixel`]), by picking from windows where they are few and only the
//! kernel's gradient is wanted ([`picks`]), else densely.
//!
//! What an image needs, for the second convolution of the paper's block (14×14, 32 to 64 channels): the padded image 32 KiB,
//! two panels of the kernel of 36 KiB each, a band of pre-activations 7 KiB. A tile streams its panel once, 128 bytes in 14
//! cycles, which the L2 cache gives easily; the image and the band stay in L1.

mod backward;
mod by_pixel;
mod entries;
mod epilogue;
mod layout;
mod neighbourhoods;
mod picks;
mod planes;
mod widened;
mod windows;
mod winograd;

use super::shape::flip;
use super::{BackwardSlice, ConvShape, Epilogue, ForwardGroup, Groups, SLICES, SliceGradients};
use crate::buffer::Scratch;
use crate::precision::Precision;
use crate::simd::Simd;
use crate::tile::padded;
use crate::values::{ValuesMut, as_multiplied};
use epilogue::Finish;
use layout::{BAND, panels};
use neighbourhoods::Neighbourhoods;
use winograd::{Images, Winograd};

impl<S: Simd> Groups for S {
    fn pack_forward(
        &self,
        shape: &ConvShape,
        epilogue: &Epilogue,
        weight: &[f32],
        precision: Precision,
    ) -> Scratch {
        if windows::suits(shape, epilogue) && precision == Precision::F32 {
            return windows::kernel::<S>(shape, weight);
        }
        if winograd::suits::<S>(shape, precision) {
            return winograd::panels(*self, shape, weight, precision);
        }
        panels::<S>(weight, shape.in_channels, shape.in_channels, shape.out_channels, precision)
    }

    fn pack_backward(
        &self,
        shape: &ConvShape,
        epilogue: &Epilogue,
        weight: &[f32],
        precision: Precision,
    ) -> Scratch {
        if winograd::suits_backward::<S>(shape, epilogue) {
            return winograd::flipped_panels(*self, shape, weight, precision);
        }
        let weight = as_multiplied(weight.into(), precision);
        if backward::is_sparse::<S>(shape, epilogue) {
            return backward::by_blocks::<S>(shape, &weight);
        }
        let mut flipped = Scratch::any(weight.len());
        flip(shape, &weight, &mut flipped);
        let channels = shape.out_channels;
        panels::<S>(&flipped, channels, padded::<S>(channels), shape.in_channels, Precision::F32)
    }

    fn forward(&self, group: &ForwardGroup<'_>, output: ValuesMut<'_>, arg_max: &mut [u8]) {
        // The front has, but this can be called without it, and lengths checked further down are made of these sizes.
        group.shape.check();
        if windows::suits(&group.shape, &group.epilogue) && group.x.precision() == Precision::F32 {
            self.vectorize(windows::Forward { group, output, arg_max });
        } else if winograd::suits::<S>(&group.shape, group.x.precision()) {
            by_winograd(*self, group, output, arg_max);
        } else {
            by_neighbourhoods(*self, group, output, arg_max);
        }
    }

    fn slices(&self, shape: &ConvShape, epilogue: &Epilogue) -> usize {
        if winograd::suits_backward::<S>(shape, epilogue) { 1 } else { SLICES }
    }

    fn backward(&self, slice: &BackwardSlice<'_>, gradients: SliceGradients<'_>) {
        slice.shape.check();
        if winograd::suits_backward::<S>(&slice.shape, &slice.epilogue) {
            winograd::backward(*self, slice, gradients);
        } else if backward::is_sparse::<S>(&slice.shape, &slice.epilogue) {
            self.vectorize(backward::Sparse { slice, gradients });
        } else if windows::suits(&slice.shape, &slice.epilogue) && gradients.x.is_none() {
            self.vectorize(picks::Gradient { slice, gradients });
        } else {
            backward::dense(*self, slice, gradients);
        }
    }
}

/// The forward pass, some images at a time.
fn by_winograd<S: Simd>(simd: S, group: &ForwardGroup<'_>, mut output: ValuesMut<'_>, arg_max: &mut [u8]) {
    let ForwardGroup { shape, epilogue, offset, x, packed, bias } = *group;
    let columns = padded::<S>(shape.out_channels);
    let image_out = shape.image_out(&epilogue);
    let mut winograd = Winograd::new::<S>(&shape, x.precision());
    let mut finished = Scratch::any(image_out);
    let mut start = 0;
    for images in x.chunks(winograd.images() * shape.image()) {
        let full = winograd.convolve(simd, Images::Inputs(images), packed);
        for band in full.chunks_exact(shape.pixels() * columns) {
            simd.vectorize(Finish {
                shape: &shape,
                epilogue: &epilogue,
                bias,
                offset: offset + start as u64,
                band,
                columns,
                output: &mut output,
                range: start..start + image_out,
                finished: &mut finished,
                arg_max: if epilogue.pools() { &mut arg_max[start..start + image_out] } else { &mut [] },
            });
            start += image_out;
        }
    }
}

/// The forward pass, a band of image rows at a time.
fn by_neighbourhoods<S: Simd>(
    simd: S,
    group: &ForwardGroup<'_>,
    mut output: ValuesMut<'_>,
    arg_max: &mut [u8],
) {
    let ForwardGroup { shape, epilogue, offset, x, packed, bias } = *group;
    let columns = padded::<S>(shape.out_channels);
    let pools = epilogue.pools();
    let band_rows = band_rows(&shape, columns);
    let mut neighbourhoods = Neighbourhoods::new(&shape, x.precision());
    let mut band = Scratch::any(band_rows * shape.width * columns);
    let mut finished = Scratch::any(band.len());
    let row_out = shape.image_out(&epilogue) / epilogue.output_size(&shape).0.max(1);
    let mut start = 0;
    for image in x.chunks(shape.image()) {
        neighbourhoods.load(simd, image);
        for first in (0..shape.height).step_by(band_rows) {
            let rows = first..(first + band_rows).min(shape.height);
            let values = &mut band[..rows.len() * shape.width * columns];
            neighbourhoods.convolve(simd, rows.clone(), packed, values, columns);
            let end = start + row_out * if pools { rows.len() / 2 } else { rows.len() };
            simd.vectorize(Finish {
                shape: &shape,
                epilogue: &epilogue,
                bias,
                offset: offset + start as u64,
                band: values,
                columns,
                output: &mut output,
                range: start..end,
                finished: &mut finished,
                arg_max: if pools { &mut arg_max[start..end] } else { &mut [] },
            });
            start = end;
        }
    }
}

/// Rows of a band: even, for the pool, and about [`BAND`] numbers.
fn band_rows(shape: &ConvShape, columns: usize) -> usize {
    (BAND / (shape.width * columns) / 2 * 2).clamp(2, shape.height.next_multiple_of(2))
}
