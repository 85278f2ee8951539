use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::TempDir;

use super::*;

const LABELS: &str = "train-labels-idx1-ubyte";
const IMAGES: &str = "train-images-idx3-ubyte";

fn header(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

fn labels(count: u32, labels: &[u8]) -> Vec<u8> {
    [header(&[LABELS_MAGIC, count]), labels.to_vec()].concat()
}

fn images(count: u32, pixel_bytes: usize) -> Vec<u8> {
    [header(&[IMAGES_MAGIC, count, 28, 28]), vec![3; pixel_bytes]].concat()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// What reading `name` gives where there is `bytes` as file `stored`; messages begin with the file's whole path, which is taken off.
fn read(name: &str, stored: &str, bytes: &[u8]) -> Result<Vec<u8>, String> {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join(stored);
    std::fs::write(&path, bytes).unwrap();
    let file = IdxFile::find(folder.path(), name, DatasetName::Mnist).unwrap();
    let read = if name == LABELS { file.read_labels() } else { file.read_images() };
    read.map_err(|error| {
        // Whoever is told can fetch the file again.
        assert!(matches!(error, DataError::Damaged { dataset: DatasetName::Mnist, .. }), "{error:?}");
        let message = error.to_string();
        let begin = format!("{}: ", path.display());
        message.strip_prefix(&begin).unwrap_or_else(|| panic!("{message} must begin with {begin}")).to_owned()
    })
}

/// What reading `bytes` as file `name` gives, once plain and once compressed.
fn read_both(name: &str, bytes: &[u8]) -> [Result<Vec<u8>, String>; 2] {
    [read(name, name, bytes), read(name, &format!("{name}.gz"), &gzip(bytes))]
}

/// Asserts the message of both forms, in which only the file name differs.
#[track_caller]
fn assert_refused(name: &str, bytes: &[u8], message: &str) {
    for found in read_both(name, bytes).map(Result::unwrap_err) {
        assert_eq!(found, message);
    }
}

#[test]
fn good_files_are_read_whatever_their_count() {
    for read in read_both(LABELS, &labels(3, &[9, 0, 4])) {
        assert_eq!(read.unwrap(), [9, 0, 4]);
    }
    for read in read_both(IMAGES, &images(2, 2 * 784)) {
        assert_eq!(read.unwrap(), [3; 2 * 784]);
    }
}

#[test]
fn a_missing_file_is_that_of_a_dataset() {
    let folder = TempDir::new().unwrap();
    let error = IdxFile::find(folder.path(), IMAGES, DatasetName::Kmnist).unwrap_err();
    assert!(matches!(error, DataError::Missing { dataset: DatasetName::Kmnist, .. }), "{error:?}");
    let path = folder.path().join(IMAGES).display().to_string();
    assert_eq!(error.to_string(), format!("{path}: file not found"));
}

#[test]
fn plain_comes_before_compressed() {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join(LABELS), labels(1, &[1])).unwrap();
    std::fs::write(folder.path().join(format!("{LABELS}.gz")), gzip(&labels(1, &[2]))).unwrap();
    let file = IdxFile::find(folder.path(), LABELS, DatasetName::Mnist).unwrap();
    assert_eq!(file.read_labels().unwrap(), [1]);
}

#[test]
fn truncated_files_are_refused() {
    assert_refused(LABELS, &labels(3, &[1, 2]), "header promises 3 labels; file holds 2");
    assert_refused(IMAGES, &images(2, 1567), "header promises 1568 pixel bytes; file holds 1567");
    assert_refused(LABELS, &[], "header takes 8 bytes; file holds 0, an empty file");
    assert_refused(LABELS, &labels(3, &[])[..7], "header takes 8 bytes; file holds 7, an IDX file of labels");
    let short = "header takes 16 bytes; file holds 12, an IDX file of images";
    assert_refused(IMAGES, &images(2, 0)[..12], short);
}

#[test]
fn oversized_files_are_refused() {
    assert_refused(LABELS, &labels(1, &[1, 2]), "header promises 1 labels; file holds more");
    assert_refused(IMAGES, &images(1, 785), "header promises 784 pixel bytes; file holds more");
}

#[test]
fn other_kinds_of_file_are_refused() {
    let message = "magic number must be 0x00000801; found 0x00000803, an IDX file of images";
    assert_refused(LABELS, &images(1, 784), message);
    let message = "magic number must be 0x00000803; found 0x00000801, an IDX file of labels";
    assert_refused(IMAGES, &labels(1, &[1]), message);
    assert_refused(IMAGES, b"<html>", "magic number must be 0x00000803; found 0x3c68746d, an HTML page");
    assert_refused(IMAGES, &[9; 20], "magic number must be 0x00000803; found 0x09090909");
}

/// What people save in place of a file is named, whatever the name says of compression.
#[test]
fn a_page_or_a_pointer_is_told_in_words() {
    for (content, words) in [
        (&b"<!DOCTYPE html><html><title>Sign in</title></html>"[..], "found 0x3c21444f, an HTML page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\n", "a Git LFS pointer, not the file"),
        (b"{\"message\": \"Not Found\"}", "found 0x7b226d65, JSON text"),
        (b"PK\x03\x04 and so on", "found 0x504b0304, a zip archive"),
        (b"", "header takes 8 bytes; file holds 0, an empty file"),
        (b"not gzip at all", "found 0x6e6f7420, text"),
    ] {
        for stored in [LABELS.to_owned(), format!("{LABELS}.gz")] {
            let message = read(LABELS, &stored, content).unwrap_err();
            assert!(message.contains(words), "{message}");
            assert_eq!(message.lines().count(), 1);
        }
    }
}

#[test]
fn content_tells_what_is_compressed() {
    let bytes = labels(3, &[9, 0, 4]);
    assert_eq!(read(LABELS, LABELS, &gzip(&bytes)).unwrap(), [9, 0, 4]);
    assert_eq!(read(LABELS, &format!("{LABELS}.gz"), &bytes).unwrap(), [9, 0, 4]);
}

#[test]
fn names_that_tools_make_are_read() {
    let bytes = labels(3, &[9, 0, 4]);
    for stored in [
        "train-labels.idx1-ubyte",
        "TRAIN-LABELS-IDX1-UBYTE",
        "train-labels-idx1-ubyte (1)",
        "train_labels.idx1.ubyte",
    ] {
        assert_eq!(read(LABELS, stored, &bytes).unwrap(), [9, 0, 4], "{stored}");
        assert_eq!(read(LABELS, &format!("{stored}.gz"), &gzip(&bytes)).unwrap(), [9, 0, 4], "{stored}");
    }
}

#[test]
fn members_of_gzip_data_are_one_file() {
    let bytes = images(2, 2 * 784);
    let gz = format!("{IMAGES}.gz");
    for at in [0, 3, 16, 800, bytes.len()] {
        let (first, second) = bytes.split_at(at);
        let joined = [gzip(first), gzip(second)].concat();
        assert_eq!(read(IMAGES, &gz, &joined).unwrap(), [3; 2 * 784], "{at}");
        assert_eq!(read(IMAGES, &gz, &[joined, vec![0; 600]].concat()).unwrap(), [3; 2 * 784], "{at}");
    }
    // What follows the last member is looked at, and a further one counts.
    let rubbish = read(IMAGES, &gz, &[&gzip(&bytes)[..], b"rubbish"].concat()).unwrap_err();
    assert!(rubbish.starts_with("file must be whole gzip data; only another member or zeros"), "{rubbish}");
    let longer = read(IMAGES, &gz, &[gzip(&bytes), gzip(b"x")].concat()).unwrap_err();
    assert_eq!(longer, "header promises 1568 pixel bytes; file holds more");
    let mut second = gzip(&bytes[800..]);
    second.truncate(second.len() - 3);
    let cut = read(IMAGES, &gz, &[gzip(&bytes[..800]), second].concat()).unwrap_err();
    assert!(cut.starts_with("file must be whole gzip data; "), "{cut}");
}

/// However many members there are, memory is bounded by the file's length.
#[test]
fn members_do_not_make_promises_true() {
    let many = std::iter::repeat_n(gzip(b""), 100).collect::<Vec<_>>().concat();
    let bytes = [gzip(&header(&[IMAGES_MAGIC, 1 << 20, 28, 28])), many].concat();
    let message = read(IMAGES, &format!("{IMAGES}.gz"), &bytes).unwrap_err();
    assert!(message.starts_with("header promises 822083584 pixel bytes; file holds "), "{message}");
}

#[test]
fn labels_beyond_nine_are_refused() {
    for found in read_both(LABELS, &labels(3, &[9, 10, 11])) {
        assert_eq!(found.unwrap_err(), "labels must be below 10; label 1 is 10");
    }
}

#[test]
fn other_image_sizes_are_refused() {
    let bytes = [header(&[IMAGES_MAGIC, 1, 28, 27]), vec![0; 28 * 27]].concat();
    assert_refused(IMAGES, &bytes, "images must be 28x28; header says 28x27");
}

#[test]
fn counts_of_zero_and_monstrous_counts_are_refused() {
    assert_refused(LABELS, &labels(0, &[]), "count must be 1 to 1048576; header promises 0");
    assert_refused(IMAGES, &images(0, 0), "count must be 1 to 1048576; header promises 0");
    assert_refused(IMAGES, &images(u32::MAX, 784), "count must be 1 to 1048576; header promises 4294967295");
}

#[test]
fn damaged_compression_is_one_clear_error() {
    let whole = gzip(&labels(500, &[7; 500]));
    let mut flipped = whole.clone();
    let checksum = flipped.len() - 6;
    flipped[checksum] ^= 1;
    for bytes in [&whole[..whole.len() - 9], &flipped, &whole[..5]] {
        let folder = TempDir::new().unwrap();
        std::fs::write(folder.path().join(format!("{LABELS}.gz")), bytes).unwrap();
        let file = IdxFile::find(folder.path(), LABELS, DatasetName::Mnist).unwrap();
        let error = file.read_labels().unwrap_err();
        assert!(matches!(error, DataError::Damaged { dataset: DatasetName::Mnist, .. }), "{error}");
        assert!(error.to_string().contains("train-labels-idx1-ubyte.gz: file must be whole gzip data; "));
    }
}

#[test]
fn a_folder_in_place_of_a_file_is_an_error() {
    let folder = TempDir::new().unwrap();
    std::fs::create_dir(folder.path().join(LABELS)).unwrap();
    let file = IdxFile::find(folder.path(), LABELS, DatasetName::Mnist).unwrap();
    let message = file.read_labels().unwrap_err().to_string();
    assert!(message.ends_with("train-labels-idx1-ubyte: must be a plain file; it is a folder"), "{message}");
}
