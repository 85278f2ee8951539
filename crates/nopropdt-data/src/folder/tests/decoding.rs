//! From files to pixels.

use super::*;
use crate::read_picture;

#[test]
fn every_format_is_read_by_its_content() {
    let tree = Tree::new();
    let picture = colour(16, 16, [200, 100, 50]);
    for (name, format) in [
        ("a.png", ImageFormat::Png),
        ("b.jpeg", ImageFormat::Jpeg),
        ("c.BMP", ImageFormat::Bmp),
        ("d.webp", ImageFormat::WebP),
        ("e.jpg", ImageFormat::Png),
    ] {
        let path = tree.path().join("train/one").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        picture.save_with_format(path, format).unwrap();
    }
    tree.add("val/one/t.png", &picture);
    let dataset = tree.load(&plain()).unwrap();
    assert_eq!((dataset.train.len(), dataset.shape().channels()), (5, 3));
    for index in 0..5 {
        let near = |(found, wanted): (&u8, u8)| found.abs_diff(wanted) <= 3;
        assert!(dataset.train.pixels(index).iter().zip([200, 100, 50]).all(near), "{index}");
    }
}

#[test]
fn sizes_are_the_same_or_made_so() {
    let tree = divided_tree();
    tree.add("train/dog/wide.png", &grey(8, 12, 50));
    let message = tree.load(&plain()).unwrap_err();
    assert_eq!(message, "PATH/train/dog/wide.png: images must have one size, the first 8x8; found 8x12");
    let dataset = tree.load(&LoadOptions { image_size: Some((4, 6)), ..plain() }).unwrap();
    assert_eq!(*dataset.shape(), ImageShape { height: 4, width: 6, channels: 1 });
    assert_eq!(seen(&dataset.train)[3], (1, 50));
    let message = Tree::new()
        .add("train/a/big.png", &grey(300, 8, 0))
        .add("test/a/x.png", &grey(8, 8, 0))
        .load(&plain());
    assert_eq!(
        message.unwrap_err(),
        "PATH/train/a/big.png: images must be 1 to 256 pixels high and wide; found 300x8"
    );
}

/// Whatever of them lies in memory, images are the same, and so is all that is made of them.
#[test]
fn pictures_may_lie_in_a_file() {
    let tree = Tree::new();
    for number in 0_u8..20 {
        let class = ["a", "b"][usize::from(number % 2)];
        tree.add(&format!("train/{class}/{number}.png"), &grey(4, 6, 10 * number));
        tree.add(&format!("test/{class}/{number}.png"), &grey(4, 6, 5 * number));
    }
    let whole = tree.load(&plain()).unwrap();
    // 24 bytes an image: none, three, all training images and two others, all in memory.
    for cache in [0, 80, 24 * 22, 1 << 20] {
        let found = tree.load(&LoadOptions { cache: Some(cache), ..plain() }).unwrap();
        let is_spilled = |split: &Split| format!("{split:?}").contains("Spilled");
        assert_eq!(is_spilled(&found.train), cache < 24 * 20, "{cache}");
        assert_eq!(is_spilled(&found.test), cache < 24 * 40, "{cache}");
        for (one, other) in [(&whole.train, &found.train), (&whole.test, &found.test)] {
            assert_eq!((one.labels(), one.shape()), (other.labels(), other.shape()));
            assert_eq!(one.statistics(), other.statistics());
            assert_eq!(one.brightness(), other.brightness());
            assert_eq!(one.first_not_finite(), other.first_not_finite());
            let normalised = |split: &Split| split.clone().with_normalisation(one.statistics()).unwrap();
            let parts = |split: &Split| {
                let (rest, held_out) = normalised(split).split_validation(7, 3).unwrap();
                [split.clone(), rest.limited(Some(9)), held_out, normalised(split).select(&[19, 0, 3, 3])]
            };
            for (one, other) in parts(one).iter().zip(parts(other)) {
                assert_eq!(one.len(), other.len());
                for index in 0..one.len() {
                    assert_eq!(one.bytes(index), other.bytes(index), "{cache}: {index}");
                    let filled = |split: &Split| {
                        let mut values = vec![0.0; 24];
                        split.fill(index, &mut values);
                        values
                    };
                    assert_eq!((one.label(index), filled(one)), (other.label(index), filled(&other)));
                    assert_eq!(one.picture(index), other.picture(index));
                }
            }
        }
    }
    let bad = Tree::new();
    bad.add("train/a/x.png", &grey(4, 4, 0))
        .add("train/b/y.png", &grey(4, 4, 0))
        .add("test/a/z.png", &grey(5, 4, 0));
    let message = bad.load(&LoadOptions { cache: Some(0), ..plain() }).unwrap_err();
    assert_eq!(message, "PATH/test/a/z.png: images must have one size, the first 4x4; found 5x4");
}

#[test]
fn scaling_cuts_at_the_middle() {
    // Left and right quarters black, the middle white: a square of it is white.
    let picture = RgbImage::from_fn(16, 8, |x, _| Rgb(if (4..12).contains(&x) { [255; 3] } else { [0; 3] }));
    let tree = Tree::new();
    tree.add("train/a/x.png", &picture.clone().into()).add("test/a/x.png", &picture.into());
    let dataset = tree.load(&LoadOptions { image_size: Some((8, 8)), ..plain() }).unwrap();
    assert_eq!(dataset.train.pixels(0), [255; 192]);
}

#[test]
fn a_jpeg_cut_short_is_refused() {
    let tree = Tree::new();
    let picture = RgbImage::from_fn(64, 64, |x, y| Rgb([(x * y) as u8, x as u8, y as u8]));
    let mut whole = Vec::new();
    let mut file = std::io::Cursor::new(&mut whole);
    DynamicImage::from(picture).write_to(&mut file, ImageFormat::Jpeg).unwrap();
    // Bytes behind the end are nobody's business.
    tree.write("train/a/1.jpg", &[&whole[..], b"more"].concat()).write("test/a/1.jpg", &whole);
    assert_eq!(tree.load(&plain()).unwrap().train.len(), 1);
    for cut in [2, 20, whole.len() / 2] {
        tree.write("train/a/1.jpg", &whole[..whole.len() - cut]);
        assert_eq!(
            tree.load(&plain()).unwrap_err(),
            "PATH/train/a/1.jpg: must be a PNG, JPEG, BMP or WebP picture; it ends before its end marker",
            "{cut}"
        );
    }
}

/// Found by fuzzing: a hundred bytes of WebP that unpack to 88 million pixels.
#[test]
fn pictures_of_too_many_pixels_are_refused() {
    let tree = Tree::new();
    tree.write("train/a/1.webp", include_bytes!("many_pixels.webp"));
    tree.write("test/a/1.webp", include_bytes!("many_pixels.webp"));
    assert_eq!(
        tree.load(&plain()).unwrap_err(),
        "PATH/train/a/1.webp: a picture must have at most 67108864 pixels, 16384 a side; found 14344x6153; make it smaller"
    );
}

/// A JPEG whose header says 20,000 columns: the rule is told, not what to call in its decoder.
#[test]
fn jpegs_of_too_many_columns_are_refused() {
    let tree = Tree::new();
    let mut bytes = std::io::Cursor::new(Vec::new());
    DynamicImage::from(GrayImage::new(16, 8)).write_to(&mut bytes, ImageFormat::Jpeg).unwrap();
    let mut bytes = bytes.into_inner();
    // The frame: marker, length, precision, rows, columns.
    let frame = bytes.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
    bytes[frame + 7..frame + 9].copy_from_slice(&20_000_u16.to_be_bytes());
    tree.write("train/a/1.jpg", &bytes).write("test/a/1.jpg", &bytes);
    assert_eq!(
        tree.load(&plain()).unwrap_err(),
        "PATH/train/a/1.jpg: a picture must have at most 67108864 pixels, 16384 a side; found 8x20000; make it smaller"
    );
}

/// Scaled whole to cover the image, this picture would be 4 million pixels wide.
#[test]
fn long_thin_pictures_are_cut_before_they_are_scaled() {
    let tree = Tree::new();
    let picture = GrayImage::from_fn(16_384, 1, |x, _| [if x == 8191 { 200 } else { 0 }].into()).into();
    tree.add("train/a/1.png", &picture).add("test/a/1.png", &picture);
    let dataset = tree.load(&LoadOptions { image_size: Some((256, 256)), ..plain() }).unwrap();
    assert!(dataset.train.pixels(0).iter().all(|&pixel| pixel == 200));
}

/// Found by fuzzing: the decoder panics, in every build.
#[test]
fn a_picture_that_its_decoder_panics_on_is_a_bad_picture() {
    let tree = Tree::new();
    // The scan ends in a comment that lacks its end.
    let picture = [&include_bytes!("sampling_factors.jpeg")[..691], &[0xff, 0xd9]].concat();
    tree.write("train/one/a.jpeg", &picture).write("train/one/b.jpeg", &picture);
    let message = tree.load(&LoadOptions { split: Some(0.5), ..plain() }).unwrap_err();
    let expected = ".jpeg: must be a PNG, JPEG, BMP or WebP picture; its decoder gave up";
    assert!(message.ends_with(expected), "{message}");
}

#[test]
fn a_bad_picture_is_named() {
    let tree = divided_tree();
    tree.write("train/dog/aa.png", b"no picture");
    let message = tree.load(&plain()).unwrap_err();
    assert_eq!(
        message,
        "PATH/train/dog/aa.png: must be a PNG, JPEG, BMP or WebP picture; its first bytes are of no such file"
    );
    // The beginning of a picture.
    let whole = fs::read(tree.path().join("train/dog/a.png")).unwrap();
    tree.write("train/dog/aa.png", &whole[..40]);
    let message = tree.load(&plain()).unwrap_err();
    assert!(message.starts_with("PATH/train/dog/aa.png: must be a PNG"), "{message}");
    assert!(!message.contains('\n'), "{message}");
}

#[test]
fn promises_of_huge_pictures_are_refused() {
    // A PNG header of 2^31 - 1 pixels square.
    let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
    png.extend_from_slice(&[0x7f, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff, 8, 2, 0, 0, 0, 0, 0, 0, 0]);
    let bmp = [
        &b"BM"[..],
        &[0; 8],
        &54_u32.to_le_bytes(),
        &40_u32.to_le_bytes(),
        &i32::MAX.to_le_bytes(),
        &i32::MAX.to_le_bytes(),
        &[1, 0, 24, 0],
        &[0; 24],
    ]
    .concat();
    for bytes in [png, bmp] {
        let tree = divided_tree();
        tree.write("train/dog/aa.png", &bytes);
        let message = tree.load(&plain()).unwrap_err();
        assert!(message.starts_with("PATH/train/dog/aa.png: must be a PNG"), "{message}");
    }
}

#[test]
fn one_picture_alone_is_what_it_is_in_a_folder() {
    let noise = RgbImage::from_fn(13, 9, |x, y| Rgb([(x * y) as u8, (x * 19) as u8, (y * 27) as u8])).into();
    let tree = Tree::new();
    tree.add("train/a/x.png", &noise).add("test/a/x.png", &noise);
    for (channels, count) in [(Channels::Grey, 1), (Channels::Rgb, 3)] {
        let options = LoadOptions { image_size: Some((6, 8)), channels, ..plain() };
        let dataset = tree.load(&options).unwrap();
        let shape = ImageShape { height: 6, width: 8, channels: count };
        let mut expected = vec![0.0; shape.len()];
        dataset.test.fill(0, &mut expected);
        assert_eq!(read_picture(&tree.path().join("test/a/x.png"), shape).unwrap(), expected);
    }
    for (height, width, channels) in [(0, 8, 1), (8, 257, 1), (8, 8, 0), (8, 8, 2)] {
        let shape = ImageShape { height, width, channels };
        let error = read_picture(&tree.path().join("test/a/x.png"), shape).unwrap_err().to_string();
        let rule = "size of a picture: must be 1 to 256 pixels high and wide, of 1 or 3 channels";
        assert_eq!(error, format!("{rule}; found {shape}"));
    }
    let absent = read_picture(&tree.path().join("y.png"), ImageShape { height: 8, width: 8, channels: 1 });
    assert!(absent.unwrap_err().to_string().contains("y.png"));
}
