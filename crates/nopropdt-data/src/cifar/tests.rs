//! Files made here, from the format's description: https://www.cs.toronto.edu/~kriz/cifar.html

use std::fs;

use tempfile::TempDir;

use super::*;

/// A record whose plane c holds the bytes c, c + 1, … (with wrap-around).
fn record(labels: &[u8]) -> Vec<u8> {
    let plane = |first: u8| (0..PLANE).map(move |at| (at as u8).wrapping_add(first));
    labels.iter().copied().chain((0..3).flat_map(plane)).collect()
}

/// A CIFAR-10 folder with `label`s in each training file, and those of the test file.
fn ten(train: &[u8], test: &[u8]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for (name, labels) in TEN.train.iter().map(|&name| (name, train)).chain([(TEN.test, test)]) {
        let content: Vec<u8> = labels.iter().flat_map(|&label| record(&[label])).collect();
        fs::write(folder.path().join(name), content).unwrap();
    }
    folder
}

fn refusal(folder: &TempDir, name: DatasetName) -> String {
    let message = load(folder.path(), name).unwrap_err().to_string();
    message.strip_prefix(&format!("{}/", folder.path().display())).unwrap().to_owned()
}

#[test]
fn ten_classes_from_six_files() {
    let folder = ten(&[9, 3], &[0]);
    let dataset = load(folder.path(), DatasetName::Cifar10).unwrap();
    assert_eq!(dataset.train.labels(), [9, 3, 9, 3, 9, 3, 9, 3, 9, 3]);
    assert_eq!((dataset.test.labels(), dataset.shape()), (&[0][..], &SHAPE.into()));
    assert_eq!(dataset.class_names[9], "truck");
    // Pixel 5 of the first row, red, green, blue; then the first of the second row.
    assert_eq!(dataset.train.pixels(0)[15..18], [5, 6, 7]);
    assert_eq!(dataset.train.pixels(9)[96..99], [32, 33, 34]);
}

#[test]
fn the_archives_folder_is_found() {
    let outer = TempDir::new().unwrap();
    let inner = ten(&[1], &[2]);
    fs::rename(inner.path(), outer.path().join("cifar-10-batches-bin")).unwrap();
    assert_eq!(load(outer.path(), DatasetName::Cifar10).unwrap().train.len(), 5);
}

#[test]
fn a_folder_of_the_archives_name_and_other_cases_are_found() {
    let (outer, inner) = (TempDir::new().unwrap(), ten(&[1], &[2]));
    for name in ["data_batch_2.bin", "test_batch.bin"] {
        fs::rename(inner.path().join(name), inner.path().join(name.to_uppercase())).unwrap();
    }
    fs::create_dir(outer.path().join("cifar-10-binary")).unwrap();
    fs::rename(inner.path(), outer.path().join("cifar-10-binary/cifar-10-batches-bin")).unwrap();
    assert_eq!(load(outer.path(), DatasetName::Cifar10).unwrap().train.len(), 5);
    let (outer, inner) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    for name in ["train.bin", "test.bin"] {
        fs::write(inner.path().join(name), record(&[19, 99])).unwrap();
    }
    fs::create_dir(outer.path().join("cifar-100-binary")).unwrap();
    fs::rename(inner.path(), outer.path().join("cifar-100-binary/cifar-100-binary")).unwrap();
    assert_eq!(load(outer.path(), DatasetName::Cifar100).unwrap().train.len(), 1);
}

#[test]
fn an_archive_that_was_not_unpacked_is_told() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("cifar-10-binary.tar.gz"), "").unwrap();
    fs::create_dir(folder.path().join("cifar-10-batches-py")).unwrap();
    let error = load(folder.path(), DatasetName::Cifar10).unwrap_err();
    let DataError::Missing { beside, path, .. } = error else { panic!("{error}") };
    assert_eq!(path, folder.path().join("data_batch_1.bin"));
    assert_eq!(beside.as_deref(), Some("holds cifar-10-batches-py, cifar-10-binary.tar.gz"));
}

#[test]
fn a_hundred_classes_have_two_labels() {
    let folder = TempDir::new().unwrap();
    for name in ["train.bin", "test.bin"] {
        fs::write(folder.path().join(name), record(&[19, 99])).unwrap();
    }
    let fine = load(folder.path(), DatasetName::Cifar100).unwrap();
    let coarse = load(folder.path(), DatasetName::Cifar100Coarse).unwrap();
    assert_eq!((fine.train.label(0), fine.classes(), fine.class_names[99].as_str()), (99, 100, "worm"));
    assert_eq!((coarse.train.label(0), coarse.classes()), (19, 20));
    assert_eq!(fine.train.pixels(0), coarse.train.pixels(0));
    assert_eq!((fine.name.as_str(), coarse.name.as_str()), ("cifar100", "cifar100-coarse"));
}

#[test]
fn labels_beyond_the_classes_are_refused() {
    let message = refusal(&ten(&[0, 10], &[0]), DatasetName::Cifar10);
    assert_eq!(message, "data_batch_1.bin: labels must be below 10; label 1 is 10");
}

#[test]
fn broken_lengths_are_refused() {
    let folder = ten(&[0], &[0]);
    let file = folder.path().join("data_batch_3.bin");
    let rule = "data_batch_3.bin: length must be a multiple of 3073 bytes, the size of a record";
    for (content, found) in [
        (&[0; 3073 * 2 - 1][..], "found 6145 bytes"),
        (b"", "found 0 bytes, an empty file"),
        (b"<html>Not found</html>", "found 22 bytes, an HTML page"),
        (b"\x1f\x8b\x08", "found 3 bytes, gzip data"),
    ] {
        fs::write(&file, content).unwrap();
        let error = load(folder.path(), DatasetName::Cifar10).unwrap_err();
        assert!(matches!(error, DataError::Damaged { dataset: DatasetName::Cifar10, .. }), "{error:?}");
        assert_eq!(refusal(&folder, DatasetName::Cifar10), format!("{rule}; {found}"));
    }
}

#[test]
fn monstrous_files_are_refused_before_they_are_read() {
    let folder = ten(&[0], &[0]);
    // A sparse file: it has the length of 2^30 records and takes no space.
    let file = fs::File::create(folder.path().join("test_batch.bin")).unwrap();
    file.set_len(3073 << 30).unwrap();
    let wanted = "test_batch.bin: must hold at most 1048576 images; its length is that of 1073741824";
    assert_eq!(refusal(&folder, DatasetName::Cifar10), wanted);
}

#[test]
fn each_file_is_needed() {
    let folder = ten(&[0], &[0]);
    fs::remove_file(folder.path().join("data_batch_5.bin")).unwrap();
    assert_eq!(refusal(&folder, DatasetName::Cifar10), "data_batch_5.bin: file not found");
    assert_eq!(refusal(&folder, DatasetName::Cifar100Coarse), "train.bin: file not found");
}
