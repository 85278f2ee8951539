//! Pictures as viewers show them: turned by their EXIF data, transparent pixels on white.

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::codecs::webp::WebPEncoder;
use image::{GrayAlphaImage, ImageBuffer, ImageEncoder, LumaA, Rgba, RgbaImage};

use super::*;

/// EXIF data with an orientation, in either order of bytes.
fn exif(orientation: u8, big: bool) -> Vec<u8> {
    match big {
        true => [&b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0"[..], &[orientation, 0, 0, 0, 0, 0, 0]]
            .concat(),
        false => [&b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0"[..], &[orientation, 0, 0, 0, 0, 0, 0, 0]]
            .concat(),
    }
}

/// The stored picture, 24 wide and 16 high: six cells of 8×8, since JPEG blurs what is smaller.
fn stored() -> RgbImage {
    RgbImage::from_fn(24, 16, |x, y| Rgb([[20, 90, 160, 60, 130, 230][(x / 8 + y / 8 * 3) as usize]; 3]))
}

fn encoded(format: ImageFormat, exif: Vec<u8>) -> Vec<u8> {
    let (picture, mut file) = (stored(), Cursor::new(Vec::new()));
    fn write(mut encoder: impl ImageEncoder, picture: &RgbImage, exif: Vec<u8>) {
        encoder.set_exif_metadata(exif).unwrap();
        encoder
            .write_image(picture, picture.width(), picture.height(), image::ExtendedColorType::Rgb8)
            .unwrap();
    }
    match format {
        ImageFormat::Jpeg => write(JpegEncoder::new_with_quality(&mut file, 100), &picture, exif),
        ImageFormat::Png => write(PngEncoder::new(&mut file), &picture, exif),
        _ => write(WebPEncoder::new_lossless(&mut file), &picture, exif),
    }
    file.into_inner()
}

/// The cells of a picture in a folder of its own, row by row, and its shape.
fn cells(bytes: &[u8]) -> (Vec<Vec<u8>>, ImageShape) {
    let tree = Tree::new();
    tree.write("train/a/1.png", bytes).write("test/a/1.png", bytes);
    let opened = open(tree.path(), &plain()).unwrap();
    let outline = opened.shape();
    let dataset = opened.load("x").unwrap();
    let shape = dataset.shape().image().unwrap();
    assert_eq!(outline, shape);
    let (test, _) = load_test(tree.path(), &plain(), &dataset.class_names).unwrap();
    assert_eq!(test.pixels(0), dataset.test.pixels(0));
    let pixels = dataset.train.pixels(0);
    let cell = |y: usize, x: usize| pixels[((8 * y + 4) * shape.width + 8 * x + 4) * shape.channels];
    let rows = (0..shape.height / 8).map(|y| (0..shape.width / 8).map(|x| cell(y, x)).collect());
    (rows.collect(), shape)
}

/// Which of the six stored cells, a to f, each shown one is.
fn letters(rows: &[Vec<u8>]) -> String {
    let letter = |&value: &u8| {
        let known = [20_u8, 90, 160, 60, 130, 230];
        let place = known.iter().position(|known| known.abs_diff(value) < 8).unwrap();
        char::from(b'a' + place as u8)
    };
    rows.iter().map(|row| row.iter().map(letter).collect::<String>()).collect::<Vec<_>>().join("/")
}

#[test]
fn every_orientation_is_shown_upright() {
    // As EXIF defines them: 2 mirrors, 3 turns half, 4 mirrors upside down, 5 transposes, 6 turns right, 7 transposes the other way,
    // 8 turns left. Other numbers mean nothing.
    let shown = [
        (1, "abc/def"),
        (2, "cba/fed"),
        (3, "fed/cba"),
        (4, "def/abc"),
        (5, "ad/be/cf"),
        (6, "da/eb/fc"),
        (7, "fc/eb/da"),
        (8, "cf/be/ad"),
        (0, "abc/def"),
        (9, "abc/def"),
    ];
    for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP] {
        for (orientation, expected) in shown {
            for big in [false, true] {
                let (rows, _) = cells(&encoded(format, exif(orientation, big)));
                assert_eq!(letters(&rows), expected, "{format:?} {orientation}");
            }
        }
    }
}

#[test]
fn exif_data_is_found_where_programs_put_it() {
    // Behind the pixels of a PNG.
    let png = encoded(ImageFormat::Png, Vec::new());
    let data = exif(6, true);
    let mut chunk = (data.len() as u32).to_be_bytes().to_vec();
    chunk.extend_from_slice(b"eXIf");
    chunk.extend_from_slice(&data);
    let crc = chunk[4..].iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
    });
    chunk.extend_from_slice(&(!crc).to_be_bytes());
    let (body, end) = png.split_at(png.len() - 12);
    assert_eq!(letters(&cells(&[body, &chunk, end].concat()).0), "da/eb/fc");
    // With the signature of JPEG in a WebP picture.
    let signed = [b"Exif\0\0", &exif(8, false)[..]].concat();
    assert_eq!(letters(&cells(&encoded(ImageFormat::WebP, signed)).0), "cf/be/ad");
    // In the second application segment of a JPEG, behind fill bytes.
    let jpeg = encoded(ImageFormat::Jpeg, exif(3, true));
    let other = b"\xff\xe1\0\x0ahttp://x\xff\xff";
    let place = jpeg.windows(2).position(|pair| pair == [0xff, 0xe1]).unwrap();
    assert_eq!(letters(&cells(&[&jpeg[..place], other, &jpeg[place..]].concat()).0), "fed/cba");
    // Damaged data turns nothing.
    for length in [0, 3, 8, 12, 19] {
        let (rows, _) = cells(&encoded(ImageFormat::Jpeg, exif(6, true)[..length].to_vec()));
        assert_eq!(letters(&rows), "abc/def", "{length}");
    }
}

#[test]
fn sizes_are_those_of_the_upright_picture() {
    let tree = Tree::new();
    let upright = RgbImage::from_pixel(16, 24, Rgb([9, 9, 9])).into();
    tree.add("train/a/1.png", &upright).add("test/a/1.png", &upright);
    tree.write("train/a/2.jpg", &encoded(ImageFormat::Jpeg, exif(6, true)));
    let dataset = tree.load(&plain()).unwrap();
    assert_eq!(*dataset.shape(), ImageShape { height: 24, width: 16, channels: 3 });
    tree.write("train/a/2.jpg", &encoded(ImageFormat::Jpeg, exif(3, true)));
    let message = tree.load(&plain()).unwrap_err();
    assert!(message.contains("images must have one size") && message.contains("16x24"), "{message}");
    // Turned first, then cut at the middle and scaled: of "da/eb/fc" the middle is "eb".
    tree.write("train/a/2.jpg", &encoded(ImageFormat::Jpeg, exif(6, true)));
    let dataset = tree.load(&LoadOptions { image_size: Some((8, 16)), ..plain() }).unwrap();
    let turned = (0..2).find(|&index| dataset.train.pixels(index)[0] != 9).unwrap();
    let pixels = dataset.train.pixels(turned);
    let near = |place: usize, value: u8| pixels[place * 3].abs_diff(value) < 8;
    assert!(near(4 * 16 + 4, 130) && near(4 * 16 + 12, 90), "{pixels:?}");
}

/// The first pixel of a picture, as it is read.
fn first_pixel(picture: &DynamicImage, format: ImageFormat, channels: Channels) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    picture.write_to(&mut file, format).unwrap();
    let tree = Tree::new();
    tree.write("train/a/1.png", file.get_ref()).write("test/a/1.png", file.get_ref());
    let dataset = tree.load(&LoadOptions { channels, ..plain() }).unwrap();
    dataset.train.pixels(0)[..dataset.shape().channels()].to_vec()
}

#[test]
fn transparent_pixels_lie_on_white() {
    use Channels::{Auto, Grey, Rgb as Colour};
    let rgba = |alpha: u8| RgbaImage::from_pixel(8, 8, Rgba([200, 100, 50, alpha])).into();
    let deep = |alpha: u16| {
        let pixel = Rgba([200 * 257, 100 * 257, 50 * 257, alpha]);
        DynamicImage::ImageRgba16(ImageBuffer::from_pixel(8, 8, pixel))
    };
    let grey = |alpha: u8| GrayAlphaImage::from_pixel(8, 8, LumaA([100, alpha])).into();
    let deep_grey =
        |alpha: u16| DynamicImage::ImageLumaA16(ImageBuffer::from_pixel(8, 8, LumaA([100 * 257, alpha])));
    for (picture, format, channels, expected) in [
        // The hidden colour does not show.
        (rgba(0), ImageFormat::Png, Auto, &[255, 255, 255][..]),
        (rgba(0), ImageFormat::WebP, Auto, &[255, 255, 255]),
        (rgba(0), ImageFormat::Png, Grey, &[255]),
        // 51 of 255 are a fifth: 255 - 55/5, 255 - 155/5, 255 - 205/5.
        (rgba(51), ImageFormat::Png, Auto, &[244, 224, 214]),
        (rgba(51), ImageFormat::WebP, Auto, &[244, 224, 214]),
        (rgba(51), ImageFormat::Bmp, Auto, &[244, 224, 214]),
        (rgba(255), ImageFormat::Png, Auto, &[200, 100, 50]),
        (rgba(255), ImageFormat::Bmp, Auto, &[200, 100, 50]),
        // Nothing is meant by it in a BMP.
        (rgba(0), ImageFormat::Bmp, Auto, &[200, 100, 50]),
        (deep(0), ImageFormat::Png, Auto, &[255, 255, 255]),
        (deep(13107), ImageFormat::Png, Auto, &[244, 224, 214]),
        (deep(65535), ImageFormat::Png, Auto, &[200, 100, 50]),
        (grey(0), ImageFormat::Png, Auto, &[255]),
        (grey(51), ImageFormat::Png, Auto, &[224]),
        (grey(255), ImageFormat::Png, Colour, &[100, 100, 100]),
        (deep_grey(13107), ImageFormat::Png, Auto, &[224]),
    ] {
        assert_eq!(first_pixel(&picture, format, channels), expected, "{:?} {format:?}", picture.color());
    }
}

/// A palette whose second colour is transparent, and greys and colours of which one stands for nothing.
#[test]
fn colours_that_stand_for_nothing_lie_on_white() {
    let file = |color, depth, palette: Option<&[u8]>, transparent: &[u8], data: &[u8]| {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, 8, 8);
        encoder.set_color(color);
        encoder.set_depth(depth);
        if let Some(palette) = palette {
            encoder.set_palette(palette);
        }
        encoder.set_trns(transparent.to_vec());
        encoder.write_header().unwrap().write_image_data(data).unwrap();
        bytes
    };
    use png::{BitDepth, ColorType};
    let tree = Tree::new();
    let indexed =
        file(ColorType::Indexed, BitDepth::Eight, Some(&[9, 9, 9, 70, 80, 90]), &[255, 0], &[1; 64]);
    let grey = file(ColorType::Grayscale, BitDepth::Eight, None, &[0, 70], &[70; 64]);
    let colour =
        file(ColorType::Rgb, BitDepth::Eight, None, &[0, 70, 0, 80, 0, 90], &[70, 80, 90].repeat(64));
    for bytes in [indexed, grey, colour] {
        tree.write("train/a/1.png", &bytes).write("test/a/1.png", &bytes);
        let dataset = tree.load(&plain()).unwrap();
        assert!(dataset.train.pixels(0).iter().all(|&pixel| pixel == 255));
    }
}

/// Opaque pictures that lie as they are stored are read as the decoder hands them out.
#[test]
fn ordinary_pictures_keep_their_bytes() {
    let picture = RgbImage::from_fn(16, 12, |x, y| Rgb([(x * 16) as u8, (y * 20) as u8, (x ^ y) as u8]));
    let opaque =
        RgbaImage::from_fn(16, 12, |x, y| Rgba([(x * 16) as u8, (y * 20) as u8, (x ^ y) as u8, 255]));
    for (picture, format) in [
        (DynamicImage::from(picture.clone()), ImageFormat::Png),
        (picture.clone().into(), ImageFormat::Bmp),
        (picture.clone().into(), ImageFormat::WebP),
        (picture.clone().into(), ImageFormat::Jpeg),
        (opaque.clone().into(), ImageFormat::Png),
        (opaque.into(), ImageFormat::WebP),
        (DynamicImage::from(picture.clone()).to_rgb16().into(), ImageFormat::Png),
        (DynamicImage::from(picture).to_rgba16().into(), ImageFormat::Png),
    ] {
        let mut file = Cursor::new(Vec::new());
        picture.write_to(&mut file, format).unwrap();
        let tree = Tree::new();
        tree.write("train/a/1.png", file.get_ref()).write("test/a/1.png", file.get_ref());
        let decoded = image::load_from_memory(file.get_ref()).unwrap();
        let grey = LoadOptions { channels: Channels::Grey, ..plain() };
        assert_eq!(tree.load(&plain()).unwrap().train.pixels(0), &decoded.to_rgb8().into_raw(), "{format:?}");
        assert_eq!(tree.load(&grey).unwrap().train.pixels(0), &decoded.to_luma8().into_raw(), "{format:?}");
    }
}
