//! Pictures are held against the crate image, which reads the same files and has its own code for all that is done here.

mod bmp;
mod colours;
mod files;
mod sizes;

use std::io::Cursor;

use image::metadata::Orientation as Turn;
use image::{DynamicImage, ImageFormat, ImageReader, Limits};

use super::*;

/// The samples of a picture in 8 bits, both as grey and as RGB, with their shape. `None` if it can't be read.
type Read = Option<(u32, u32, bool, Vec<u8>, Vec<u8>)>;

fn ours(bytes: &[u8]) -> Read {
    let format = Format::of(bytes)?;
    let read = || {
        let raster = decode(format, bytes, MOST_PIXELS).ok()?;
        Some((raster.header, raster.into_channels(1)))
    };
    let (header, grey) = read()?;
    let rgb = decode(format, bytes, MOST_PIXELS).ok()?.into_channels(3);
    Some((header.width, header.height, header.has_colour(), grey, rgb))
}

fn theirs(bytes: &[u8]) -> Read {
    let format = image::guess_format(bytes).ok()?;
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut limits = Limits::default();
    (limits.max_image_width, limits.max_image_height) = (Some(MOST_SIDE), Some(MOST_SIDE));
    reader.limits(limits);
    let mut picture = caught(|| reader.decode()).ok()?.ok()?;
    let is_bmp = format == ImageFormat::Bmp;
    on_white(&mut picture, is_bmp);
    let colour = picture.color().has_color();
    Some((
        picture.width(),
        picture.height(),
        colour,
        picture.to_luma8().into_raw(),
        picture.to_rgb8().into_raw(),
    ))
}

/// Lays samples on white by real numbers: v a + 1 - a.
fn on_white(picture: &mut DynamicImage, is_bmp: bool) {
    fn lay<S: Copy + Into<f64>>(samples: &mut [S], channels: usize, white: f64, back: impl Fn(f64) -> S) {
        for pixel in samples.chunks_exact_mut(channels) {
            let alpha = pixel[channels - 1].into() / white;
            for sample in &mut pixel[..channels - 1] {
                let value: f64 = (*sample).into();
                *sample = back((value * alpha + white * (1.0 - alpha) + 1e-9).round());
            }
        }
    }
    match picture {
        DynamicImage::ImageLumaA8(image) => lay(image, 2, 255.0, |value| value as u8),
        // A BMP without any alpha is opaque.
        DynamicImage::ImageRgba8(image) if is_bmp && image.pixels().all(|pixel| pixel[3] == 0) => {}
        DynamicImage::ImageRgba8(image) => lay(image, 4, 255.0, |value| value as u8),
        DynamicImage::ImageLumaA16(image) => lay(image, 2, 65_535.0, |value| value as u16),
        DynamicImage::ImageRgba16(image) => lay(image, 4, 65_535.0, |value| value as u16),
        _ => {}
    }
}

/// Asserts that a file reads as the crate image reads it. Of PNG, parts that nobody looks at may be wrong: what image refuses for
/// them is read.
fn assert_same(bytes: &[u8], what: &str) {
    let (ours, theirs) = (ours(bytes), theirs(bytes));
    let is_same = ours == theirs || theirs.is_none() && Format::of(bytes) == Some(Format::Png);
    assert!(
        is_same,
        "{what}: {:?}, image: {:?}",
        ours.map(|read| (read.0, read.1)),
        theirs.map(|read| (read.0, read.1))
    );
}

/// What `stored` looks like turned as `turn` says.
fn turned(stored: image::RgbImage, turn: Turn) -> image::RgbImage {
    let mut picture = DynamicImage::from(stored);
    picture.apply_orientation(turn);
    picture.into_rgb8()
}
