//! Unrolled images: what turns a 3×3 convolution into one matrix product.
//!
//! matrixmultiply copies its left operand into panels of consecutive rows, which is a plain copy when those rows are
//! consecutive in memory and about ten times slower when they are not. So there are two orders of the same columns:
//! by tap where pixels are the rows of the product, by pixel where taps are.

use super::shape::{ConvShape, TAPS};

/// Columns [9·C, n·H·W] of images [n, H, W, C]: row (tap, channel) holds that channel's picture moved by the tap, zero outside.
pub(super) fn columns_by_tap(shape: &ConvShape, x: &[f32]) -> Vec<f32> {
    let (height, width, channels) = (shape.height, shape.width, shape.in_channels);
    let images = x.len() / shape.image();
    let (pixels, padded_width) = (height * width, width + 2);
    let padded_plane = (height + 2) * padded_width;
    let mut planes = vec![0.0; channels * padded_plane];
    let mut columns = vec![0.0; TAPS * channels * images * pixels];
    for (index, image) in x.chunks_exact(shape.image()).enumerate() {
        for (y, row) in image.chunks_exact(width * channels).enumerate() {
            for (x, pixel) in row.chunks_exact(channels).enumerate() {
                let at = (y + 1) * padded_width + x + 1;
                planes[at..].iter_mut().step_by(padded_plane).zip(pixel).for_each(|(to, from)| *to = *from);
            }
        }
        for (row, target) in columns.chunks_exact_mut(images * pixels).enumerate() {
            let (tap, channel) = (row / channels, row % channels);
            let from = channel * padded_plane + (tap / 3) * padded_width + tap % 3;
            let target = target[index * pixels..][..pixels].chunks_exact_mut(width);
            for (y, target) in target.enumerate() {
                target.copy_from_slice(&planes[from + y * padded_width..][..width]);
            }
        }
    }
    columns
}

/// Columns [n·H·W, 9·C] of images [n, H, W, C]: row (image, pixel) holds the pixel's neighbourhood, zero outside.
pub(super) fn columns_by_pixel(shape: &ConvShape, x: &[f32]) -> Vec<f32> {
    let (height, width, channels) = (shape.height, shape.width, shape.in_channels);
    let mut columns = vec![0.0; x.len() * TAPS];
    let mut rows = columns.chunks_exact_mut(TAPS * channels);
    for image in x.chunks_exact(shape.image()) {
        for y in 0..height {
            for (x, row) in (0..width).zip(rows.by_ref()) {
                // Taps left of the image and right of it stay zero; the others are one run of pixels.
                let (skip, from) = if x == 0 { (1, 0) } else { (0, x - 1) };
                let run = ((x + 2).min(width) - from) * channels;
                for tap_row in 0..3 {
                    let Some(source) = (y + tap_row).checked_sub(1).filter(|&source| source < height) else {
                        continue;
                    };
                    let from = (source * width + from) * channels;
                    let to = (3 * tap_row + skip) * channels;
                    row[to..to + run].copy_from_slice(&image[from..from + run]);
                }
            }
        }
    }
    columns
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn both_orders_hold_the_same_columns(
            batch in 0usize..4, height in 1usize..7, width in 1usize..7, channels in 1usize..5,
        ) {
            let shape = ConvShape { batch, height, width, in_channels: channels, out_channels: 1 };
            let x: Vec<f32> = (1..=batch * shape.image()).map(|v| v as f32).collect();
            let (by_tap, by_pixel) = (columns_by_tap(&shape, &x), columns_by_pixel(&shape, &x));
            let (pixels, taps) = (batch * height * width, TAPS * channels);
            prop_assert_eq!(by_tap.len(), pixels * taps);
            prop_assert_eq!(by_pixel.len(), pixels * taps);
            for pixel in 0..pixels {
                for tap in 0..taps {
                    prop_assert_eq!(by_tap[tap * pixels + pixel], by_pixel[pixel * taps + tap]);
                }
            }
        }
    }
}
