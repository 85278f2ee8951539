//! Conversion of samples.

use image::{GrayAlphaImage, ImageBuffer, Luma, LumaA, Rgb, RgbImage, Rgba};

use super::*;
use crate::picture::raster::Layout;

/// Grey and RGB of samples in `layout`, beside those of the same picture by image.
fn assert_converts(picture: DynamicImage) {
    let layout = match picture.color().channel_count() {
        1 => Layout::Grey,
        2 => Layout::GreyAlpha,
        3 => Layout::Rgb,
        _ => Layout::Rgba,
    };
    let is_deep = picture.color().bytes_per_pixel() > picture.color().channel_count();
    let header = Header { width: picture.width(), height: picture.height(), layout, is_deep };
    let mut samples = picture.as_bytes().to_vec();
    if is_deep && cfg!(target_endian = "little") {
        samples.chunks_exact_mut(2).for_each(<[u8]>::reverse);
    }
    let into = |channels| Raster { header, samples: samples.clone() }.into_channels(channels);
    let (grey, rgb) = (into(1), into(3));
    let mut laid = picture;
    on_white(&mut laid, false);
    // Not `assert_eq`, which would print a million numbers.
    assert!(grey == laid.to_luma8().into_raw(), "grey of {layout:?}, deep: {is_deep}");
    assert!(rgb == laid.to_rgb8().into_raw(), "RGB of {layout:?}, deep: {is_deep}");
}

#[test]
fn every_grey_and_every_grey_with_alpha_is_that_of_image() {
    assert_converts(image::GrayImage::from_fn(256, 1, |x, _| Luma([x as u8])).into());
    assert_converts(ImageBuffer::from_fn(256, 256, |x, y| Luma([(y * 256 + x) as u16])).into());
    assert_converts(GrayAlphaImage::from_fn(256, 256, |x, y| LumaA([x as u8, y as u8])).into());
    // Primes: all residues come up.
    assert_converts(
        ImageBuffer::from_fn(1024, 1024, |x, y| LumaA([(x * 61 + y) as u16, (y * 63 + x * 7) as u16])).into(),
    );
}

#[test]
fn colours_are_those_of_image() {
    // Every third value of red, green and blue each, and the last.
    let value = |index: u32| (index * 3) as u8;
    assert_converts(
        RgbImage::from_fn(86 * 86, 86, |x, y| Rgb([value(x % 86), value(x / 86), value(y)])).into(),
    );
    let spread = |x: u32, y: u32, factor: u32| (x.wrapping_mul(factor) ^ y.wrapping_mul(2_654_435_761)) >> 13;
    let four = |x, y| [7, 11_003, 77_777, 39_916_801].map(|factor| spread(x, y, factor));
    assert_converts(ImageBuffer::from_fn(700, 700, |x, y| Rgba(four(x, y).map(|value| value as u8))).into());
    assert_converts(ImageBuffer::from_fn(700, 700, |x, y| Rgba(four(x, y).map(|value| value as u16))).into());
    assert_converts(
        ImageBuffer::from_fn(700, 700, |x, y| Rgb([0, 1, 2].map(|at| four(x, y)[at] as u16))).into(),
    );
}
