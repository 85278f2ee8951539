//! A tree made here, in the layout of the archive.

use std::fs;

use image::{DynamicImage, GrayImage, Rgb, RgbImage};
use tempfile::TempDir;

use super::*;

fn id(class: usize) -> String {
    format!("n{:08}", class * 7)
}

fn picture(class: usize) -> DynamicImage {
    // As in the real set, some pictures are grey.
    match class % 10 {
        0 => GrayImage::from_pixel(64, 64, [class as u8].into()).into(),
        _ => RgbImage::from_pixel(64, 64, Rgb([class as u8, 10, 200])).into(),
    }
}

/// The whole tree, with one training picture a class and three validation pictures.
fn tree() -> TempDir {
    let data = TempDir::new().unwrap();
    let root = data.path().join(INNER);
    let (mut words, mut annotations) = (String::new(), String::new());
    for class in 0..200 {
        let images = root.join("train").join(id(class)).join("images");
        fs::create_dir_all(&images).unwrap();
        let path = images.join(format!("{}_0.JPEG", id(class)));
        picture(class).save_with_format(path, image::ImageFormat::Jpeg).unwrap();
        fs::write(root.join("train").join(id(class)).join("boxes.txt"), "0 0 63 63").unwrap();
        words += &format!("{}\tthing {class}, other word\n", id(class));
    }
    fs::create_dir_all(root.join("val/images")).unwrap();
    for (index, class) in [199, 0, 7].into_iter().enumerate() {
        let path = root.join(format!("val/images/val_{index}.JPEG"));
        picture(class).save_with_format(path, image::ImageFormat::Jpeg).unwrap();
        annotations += &format!("val_{index}.JPEG\t{}\t0\t32\t44\t62\n", id(class));
    }
    fs::write(root.join("val/val_annotations.txt"), annotations).unwrap();
    fs::write(root.join("words.txt"), words).unwrap();
    data
}

#[test]
fn the_tree_is_read() {
    let dataset = load(tree().path()).unwrap();
    assert_eq!((dataset.classes(), dataset.train.len(), dataset.test.labels()), (200, 200, &[199, 0, 7][..]));
    assert_eq!(dataset.class_names[42], "thing 42");
    assert_eq!(*dataset.shape(), DatasetName::TinyImagenet.image_shape());
    let mut labels = dataset.train.labels().to_vec();
    assert!(!labels.is_sorted());
    labels.sort_unstable();
    assert!(labels.into_iter().eq(0..200));
    let index = dataset.train.labels().iter().position(|&label| label == 151).unwrap();
    assert!(dataset.train.pixels(index)[0].abs_diff(151) <= 3);
}

#[test]
fn without_words_classes_keep_their_identifiers() {
    let data = tree();
    fs::remove_file(data.path().join(INNER).join("words.txt")).unwrap();
    assert_eq!(load(data.path()).unwrap().class_names[1], "n00000007");
}

#[test]
fn annotations_are_checked() {
    let data = tree();
    let path = data.path().join(INNER).join("val/val_annotations.txt");
    for (line, found) in [
        ("../x.JPEG\tn00000000", "the name is \"../x.JPEG\""),
        ("x.JPEG\tn1", "there is no class \"n1\""),
        ("x.JPEG", "there is no class \"\""),
        ("a\u{1b}b.JPEG\tn00000000", "the name is \"a\\u{1b}b.JPEG\""),
        (&"x".repeat(70_000), &format!("the name is \"{}\"", "x".repeat(40))),
    ] {
        fs::write(&path, format!("val_0.JPEG\t{}\n{line}\n", id(1))).unwrap();
        let message = load(data.path()).unwrap_err().to_string();
        assert!(
            message.ends_with(&format!(
                "line 2: must be a file name of at most 255 bytes, a tab and a class; {found}"
            )),
            "{message}"
        );
    }
}

#[test]
fn missing_parts_are_named() {
    let error = load(Path::new("no/such")).unwrap_err();
    assert!(matches!(error, DataError::Missing { dataset: DatasetName::TinyImagenet, .. }), "{error:?}");
    let data = tree();
    fs::remove_dir_all(data.path().join(INNER).join("train").join(id(3))).unwrap();
    let message = load(data.path()).unwrap_err().to_string();
    assert!(message.ends_with("train: must hold 200 classes; found 199"), "{message}");
}
