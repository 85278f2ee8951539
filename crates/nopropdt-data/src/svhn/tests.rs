//! Files made here, from the description of MATLAB 5 files.

use std::fs;
use std::io::Write;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use tempfile::TempDir;

use super::*;

/// An element with its padding.
fn element(kind: u32, data: &[u8]) -> Vec<u8> {
    let mut bytes = [kind.to_le_bytes(), (data.len() as u32).to_le_bytes()].concat();
    bytes.extend_from_slice(data);
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    bytes
}

/// An element of at most four bytes, in its tag.
fn small(kind: u16, data: &[u8]) -> Vec<u8> {
    let mut bytes = [kind.to_le_bytes(), (data.len() as u16).to_le_bytes()].concat();
    bytes.extend_from_slice(data);
    bytes.resize(8, 0);
    bytes
}

/// An array of class 9 (bytes) with the given dimensions and data element.
fn array(name: &str, dimensions: &[i32], data: Vec<u8>) -> Vec<u8> {
    let sizes: Vec<u8> = dimensions.iter().flat_map(|size| size.to_le_bytes()).collect();
    // A name of more than four bytes doesn't fit in its tag.
    let name = if name.len() > 4 { element(1, name.as_bytes()) } else { small(1, name.as_bytes()) };
    let parts = [element(6, &[9, 0, 0, 0, 0, 0, 0, 0]), element(5, &sizes), name, data];
    element(14, &parts.concat())
}

fn compressed(element: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(element).unwrap();
    let data = encoder.finish().unwrap();
    [15_u32.to_le_bytes().to_vec(), (data.len() as u32).to_le_bytes().to_vec(), data].concat()
}

fn mat(elements: &[Vec<u8>]) -> Vec<u8> {
    let mut header = vec![b' '; 124];
    header.extend_from_slice(&[0, 1, b'I', b'M']);
    [header, elements.concat()].concat()
}

/// `count` images in which pixel (row, column, channel) is row + 2 column + 100 channel + image.
fn images(count: u8) -> Vec<u8> {
    let mut pixels = Vec::new();
    for image in 0..count {
        for channel in 0..3_u8 {
            for column in 0..32_u8 {
                let first = (2 * column).wrapping_add(channel.wrapping_mul(100)).wrapping_add(image);
                pixels.extend((0..32_u8).map(|row| row.wrapping_add(first)));
            }
        }
    }
    pixels
}

fn x(count: u8) -> Vec<u8> {
    array("X", &[32, 32, 3, i32::from(count)], element(2, &images(count)))
}

/// The labels as bytes.
fn y(labels: &[u8]) -> Vec<u8> {
    array("y", &[labels.len() as i32, 1], element(2, labels))
}

/// What loading gives when both files have this content.
fn loaded(content: &[u8]) -> Result<Dataset, String> {
    let folder = TempDir::new().unwrap();
    for name in ["train_32x32.mat", "test_32x32.mat"] {
        fs::write(folder.path().join(name), content).unwrap();
    }
    let begin = folder.path().join("train_32x32.mat: ").display().to_string();
    load(folder.path()).map_err(|error| {
        // Whoever is told can fetch the file again.
        assert!(matches!(error, DataError::Damaged { dataset: DatasetName::Svhn, .. }), "{error:?}");
        error.to_string().replace(&begin, "")
    })
}

fn refusal(content: &[u8]) -> String {
    let message = loaded(content).unwrap_err();
    assert!(!message.contains('\n'), "{message}");
    message
}

#[test]
fn names_that_tools_make_are_read() {
    let folder = TempDir::new().unwrap();
    for name in ["train_32x32 (1).mat", "TEST_32x32.MAT"] {
        fs::write(folder.path().join(name), mat(&[x(1), y(&[3])])).unwrap();
    }
    assert_eq!(load(folder.path()).unwrap().test.labels(), [3]);
}

#[test]
fn plain_and_compressed_arrays_are_read() {
    let (x, y) = (x(3), y(&[10, 1, 9]));
    for content in [mat(&[x.clone(), y.clone()]), mat(&[compressed(&x), compressed(&y)])] {
        let dataset = loaded(&content).unwrap();
        assert_eq!((dataset.train.labels(), dataset.shape()), (&[0, 1, 9][..], &SHAPE.into()));
        // Row 4, column 7 of image 2: channels innermost.
        let at = (4 * 32 + 7) * 3;
        assert_eq!(dataset.train.pixels(2)[at..at + 3], [20, 120, 220]);
    }
}

#[test]
fn labels_may_be_stored_as_any_number() {
    let doubles: Vec<u8> = [10.0_f64, 3.0].iter().flat_map(|label| label.to_le_bytes()).collect();
    let shorts: Vec<u8> = [10_i16, 3].iter().flat_map(|label| label.to_le_bytes()).collect();
    for data in [element(9, &doubles), element(3, &shorts), small(3, &shorts), small(2, &[10, 3])] {
        let dataset = loaded(&mat(&[x(2), array("y", &[2, 1], data)])).unwrap();
        assert_eq!(dataset.test.labels(), [0, 3]);
    }
}

#[test]
fn other_arrays_are_passed_over() {
    let other = array("other", &[1, 1], element(2, &[1]));
    assert!(loaded(&mat(&[other.clone(), x(1), compressed(&other), y(&[1])])).is_ok());
}

#[test]
fn labels_that_are_no_digits_are_refused() {
    assert_eq!(refusal(&mat(&[x(2), y(&[1, 0])])), "labels must be 1 to 10; label 1 is 0");
    assert_eq!(refusal(&mat(&[x(1), y(&[11])])), "labels must be 1 to 10; label 0 is 11");
    let data = element(9, &f64::NAN.to_le_bytes());
    assert_eq!(refusal(&mat(&[x(1), array("y", &[1, 1], data)])), "labels must be 1 to 10; label 0 is NaN");
}

#[test]
fn images_and_labels_must_pair_up() {
    assert_eq!(
        refusal(&mat(&[x(2), y(&[1])])),
        "there must be a label for each image; 2 images and 1 labels"
    );
    assert_eq!(refusal(&mat(&[x(2)])), "must hold the arrays X and y; y is missing");
    assert_eq!(refusal(&mat(&[x(1), x(1)])), "must hold each array once; X is there twice");
}

#[test]
fn other_files_are_refused() {
    assert!(refusal(b"PK").ends_with("found 2 bytes, text"));
    assert!(refusal(b"").ends_with("found 0 bytes, an empty file"));
    assert!(refusal(&[b' '; 200]).contains("must be a MATLAB 5 file, little-endian"));
    let page = [&b"<!DOCTYPE html><html>"[..], &[b'x'; 300]].concat();
    assert!(refusal(&page).ends_with("are [78, 78, 78, 78], an HTML page"));
    let newer = [&b"MATLAB 7.3 MAT-file, Platform: GLNXA64"[..], &[b' '; 300]].concat();
    assert!(refusal(&newer).ends_with("are [20, 20, 20, 20], a MATLAB 7.3 file"));
    let big = [&mat(&[])[..124], &[1, 0, b'M', b'I']].concat();
    assert!(refusal(&big).ends_with("its last four bytes are [01, 00, 4d, 49]"));
    let smaller = array("X", &[28, 28, 3, 1], element(2, &[0; 28 * 28 * 3]));
    assert_eq!(refusal(&mat(&[smaller, y(&[1])])), "X must be 32x32x3xN bytes; found 28x28x3x1");
    let grey = array("X", &[32, 32, 1], element(2, &[0; 1024]));
    assert_eq!(refusal(&mat(&[grey, y(&[1])])), "X must be 32x32x3xN bytes; found 32x32x1");
}

#[test]
fn promises_that_the_file_can_not_keep_are_refused() {
    // 2^40 images would be 2^40 × 3072 bytes: no tag can say so.
    let dimensions = [32, 32, 3, i32::MAX];
    let message = refusal(&mat(&[array("X", &dimensions, element(2, &[0; 100])), y(&[1])]));
    let most = 3072 << 18;
    assert_eq!(message, format!("X must have at most {most} values; its dimensions are 32x32x3x2147483647"));
    let message = refusal(&mat(&[array("X", &[32, 32, 3, 2000], element(2, &[0; 100])), y(&[1])]));
    assert_eq!(message, "X must hold 32x32x3x2000 values; found 100 bytes of 1 a value");
    // A tag that promises more than there is, plain and compressed.
    let lying = |whole: Vec<u8>, bytes: u32| {
        let mut lying = whole;
        let tag = lying.windows(8).position(|tag| tag == [2, 0, 0, 0, 0, 12, 0, 0]).unwrap();
        lying[tag + 4..tag + 8].copy_from_slice(&bytes.to_le_bytes());
        let images = bytes / 3072;
        let sizes = lying.windows(4).position(|size| size == [3, 0, 0, 0]).unwrap() + 4;
        lying[sizes..sizes + 4].copy_from_slice(&images.to_le_bytes());
        lying
    };
    let huge = 3072 * 200_000;
    let plain = refusal(&mat(&[lying(x(1), huge), y(&[1])]));
    assert!(plain.starts_with("X of 614400000 bytes must be in the file; at most 3"), "{plain}");
    let mut outer = lying(x(1), huge);
    outer[4..8].copy_from_slice(&(huge + 1000).to_le_bytes());
    let inside = refusal(&mat(&[compressed(&outer), y(&[1])]));
    assert!(inside.starts_with("X of 614400000 bytes must be in the file; at most "), "{inside}");
}

/// A few hundred KiB of zeros compressed are hundreds of millions of labels; they aren't inflated to be refused.
#[test]
fn labels_beyond_any_set_are_refused_unread() {
    // The array ends after its description, so whoever reads on finds an error of another kind.
    let promise = [2_u32.to_le_bytes(), 200_000_000_u32.to_le_bytes()].concat();
    let message = refusal(&mat(&[x(1), compressed(&array("y", &[200_000_000, 1], promise))]));
    assert_eq!(message, "y must have at most 262144 values; its dimensions are 200000000x1");
}

#[test]
fn damage_anywhere_is_an_error_or_other_data_but_no_panic() {
    let whole = mat(&[compressed(&x(1)), y(&[5])]);
    for cut in [127, 130, 140, 300, whole.len() - 1, whole.len() - 20] {
        assert!(loaded(&whole[..cut]).is_err(), "cut at {cut}");
    }
    for at in 120..whole.len() {
        let mut changed = whole.clone();
        changed[at] ^= 0x55;
        // What a changed pixel would be is not known; that nothing panics is what counts.
        let _ = loaded(&changed);
    }
}
