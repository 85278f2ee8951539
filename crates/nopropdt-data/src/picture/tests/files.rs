//! PNG, JPEG and WebP files, whole and damaged.

use std::io::Cursor;

use ::png::{BitDepth, ColorType, Encoder};
use image::RgbaImage;
use proptest::prelude::*;

use super::*;

fn byte(index: usize) -> u8 {
    ((index * 37) ^ (index >> 3)) as u8
}

/// A PNG of 13 by 11 pixels in every kind of colour, `clear` with a colour or places that mean transparent.
fn png(colour: ColorType, depth: BitDepth, clear: bool) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, 13, 11);
    encoder.set_color(colour);
    encoder.set_depth(depth);
    if colour == ColorType::Indexed {
        let colours = 3 << depth as usize;
        encoder.set_palette((0..colours).map(byte).collect::<Vec<u8>>());
    }
    if clear {
        let bytes = match colour {
            ColorType::Indexed => vec![0, 100],
            ColorType::Grayscale => vec![0, 1],
            _ => vec![0, 1, 0, 2, 0, 3],
        };
        encoder.set_trns(bytes);
    }
    let mut writer = encoder.write_header().unwrap();
    let row = (13 * colour.samples() * depth as usize).div_ceil(8);
    writer.write_image_data(&(0..11 * row).map(byte).collect::<Vec<u8>>()).unwrap();
    drop(writer);
    file
}

#[test]
fn every_kind_of_png() {
    use BitDepth::{Eight, Four, One, Sixteen, Two};
    use ColorType::{Grayscale, GrayscaleAlpha, Indexed, Rgb, Rgba};
    let mut read = 0;
    for depth in [One, Two, Four, Eight, Sixteen] {
        for colour in [Grayscale, Rgb, Indexed, GrayscaleAlpha, Rgba] {
            let is_known = match colour {
                Grayscale => true,
                Indexed => depth != Sixteen,
                _ => matches!(depth, Eight | Sixteen),
            };
            for clear in [false, true] {
                let has_alpha = matches!(colour, GrayscaleAlpha | Rgba);
                if is_known && !(clear && has_alpha) {
                    let bytes = png(colour, depth, clear);
                    assert!(ours(&bytes).is_some());
                    assert_same(&bytes, &format!("{colour:?} {depth:?} {clear}"));
                    read += 1;
                }
            }
        }
    }
    assert_eq!(read, 26);
}

fn picture() -> RgbaImage {
    RgbaImage::from_fn(19, 14, |x, y| [0, 1, 2, 3].map(|at| byte((y * 19 + x) as usize * 4 + at)).into())
}

fn written(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    picture.write_to(&mut file, format).unwrap();
    file.into_inner()
}

/// Files of each format.
fn whole_files() -> Vec<Vec<u8>> {
    let colour = DynamicImage::from(picture());
    let rgb = DynamicImage::from(colour.to_rgb8());
    let mut files = vec![
        written(&colour, ImageFormat::Png),
        written(&rgb, ImageFormat::Jpeg),
        written(&rgb.to_luma8().into(), ImageFormat::Jpeg),
        written(&colour, ImageFormat::WebP),
        written(&rgb, ImageFormat::WebP),
        written(&rgb, ImageFormat::Bmp),
    ];
    // Written by xtask/golden/pictures.py.
    files.extend([
        include_bytes!("files/420.jpeg").to_vec(),
        include_bytes!("files/422.jpeg").to_vec(),
        include_bytes!("files/444.jpeg").to_vec(),
        include_bytes!("files/cmyk.jpeg").to_vec(),
        include_bytes!("files/no_ycc.jpeg").to_vec(),
        include_bytes!("files/progressive.jpeg").to_vec(),
        include_bytes!("files/progressive_grey.jpeg").to_vec(),
        include_bytes!("files/restarts.jpeg").to_vec(),
        include_bytes!("files/lossy.webp").to_vec(),
        include_bytes!("files/lossy_clear.webp").to_vec(),
    ]);
    files
}

#[test]
fn whole_files_of_each_kind() {
    for (index, bytes) in whole_files().iter().enumerate() {
        assert!(ours(bytes).is_some(), "{index}");
        assert_same(bytes, &index.to_string());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    /// What image reads of a damaged file, we read as the same; what it refuses, we refuse.
    #[test]
    fn damaged_files(
        file: prop::sample::Index,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in prop::option::weighted(0.3, any::<prop::sample::Index>()),
    ) {
        let mut files = whole_files();
        let mut bytes = files.swap_remove(file.index(files.len()));
        for (place, value) in changes {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        assert_same(&bytes, "damaged");
    }
}
