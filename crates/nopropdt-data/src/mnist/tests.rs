use std::fs;
use std::io::{BufReader, Write};
use std::path::PathBuf;

use tempfile::TempDir;

use super::*;
use crate::gunzip::Gunzip;

/// A folder with `train` and `test` images; image i is filled with i, its label is i mod 10.
fn set(train: (u32, u32), test: (u32, u32)) -> TempDir {
    let folder = TempDir::new().unwrap();
    let words = |words: &[u32]| words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<u8>>();
    for (name, (images, labels)) in [("train", train), ("t10k", test)] {
        let pixels = (0..images).flat_map(|index| vec![index as u8; 784]);
        let file = words(&[0x0803, images, 28, 28]).into_iter().chain(pixels).collect::<Vec<_>>();
        fs::write(folder.path().join(format!("{name}-images-idx3-ubyte")), file).unwrap();
        let classes = (0..labels).map(|index| (index % 10) as u8);
        let file = words(&[0x0801, labels]).into_iter().chain(classes).collect::<Vec<_>>();
        fs::write(folder.path().join(format!("{name}-labels-idx1-ubyte")), file).unwrap();
    }
    folder
}

#[test]
fn a_slice_of_the_set_is_read() {
    let dataset = load(set((12, 12), (1, 1)).path(), DatasetName::Mnist).unwrap();
    assert_eq!((dataset.train.len(), dataset.test.len(), dataset.name.as_str()), (12, 1, "mnist"));
    assert_eq!((dataset.train.label(11), dataset.train.pixels(11)), (1, &[11; 784][..]));
}

#[test]
fn the_full_set_is_read_as_the_mnist_crate_reads_it() {
    let folder = set((60_000, 60_000), (10_000, 10_000));
    let ours = load(folder.path(), DatasetName::Mnist).unwrap();
    let theirs = ::mnist::MnistBuilder::new()
        .base_path(folder.path().to_str().unwrap())
        .training_set_length(60_000)
        .validation_set_length(0)
        .test_set_length(10_000)
        .finalize();
    let splits = [(ours.train, theirs.trn_img, theirs.trn_lbl), (ours.test, theirs.tst_img, theirs.tst_lbl)];
    for (ours, images, labels) in splits {
        assert_eq!(ours.len(), labels.len());
        assert!(images.chunks_exact(784).enumerate().all(|(index, pixels)| ours.pixels(index) == pixels));
        assert!(labels.iter().zip(ours.labels()).all(|(&theirs, &ours)| u16::from(theirs) == ours));
    }
}

#[test]
fn images_and_labels_must_pair_up() {
    let folder = set((5, 5), (4, 3));
    let error = load(folder.path(), DatasetName::Mnist).unwrap_err();
    let folder = folder.path().display();
    let images = format!("{folder}/t10k-images-idx3-ubyte: there must be a label for each image");
    let labels = format!("4 images, 3 labels in {folder}/t10k-labels-idx1-ubyte");
    assert_eq!(error.to_string(), format!("{images}; {labels}"));
}

/// As 7-Zip unpacks them, and as an archive on Kaggle has them.
#[test]
fn dotted_names_are_read() {
    let folder = set((3, 3), (2, 2));
    for name in ["train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"] {
        let dotted = format!("{}-ubyte", name.replace("-idx", ".idx"));
        fs::rename(folder.path().join(format!("{name}-ubyte")), folder.path().join(dotted)).unwrap();
    }
    let dataset = load(folder.path(), DatasetName::Mnist).unwrap();
    assert_eq!((dataset.train.len(), dataset.test.len(), dataset.train.pixels(2)), (3, 2, &[2; 784][..]));
}

#[test]
fn what_is_there_instead_is_told() {
    let folder = TempDir::new().unwrap();
    let message = || load(folder.path(), DatasetName::Mnist).unwrap_err().to_string();
    assert!(message().ends_with("`--dataset digits`, which needs no file"), "{}", message());
    fs::write(folder.path().join("mnist.zip"), "").unwrap();
    let told = "; its folder holds mnist.zip; `--from DIR` takes files that you have";
    assert!(message().ends_with(told), "{}", message());
}

#[test]
fn each_file_is_needed() {
    for name in [
        "train-images-idx3-ubyte",
        "train-labels-idx1-ubyte",
        "t10k-images-idx3-ubyte",
        "t10k-labels-idx1-ubyte",
    ] {
        let folder = set((2, 2), (2, 2));
        fs::remove_file(folder.path().join(name)).unwrap();
        let error = load(folder.path(), DatasetName::Mnist).unwrap_err().to_string();
        assert!(
            error.contains(&format!("{name}: file not found; run `cargo xtask fetch-data mnist`")),
            "{error}"
        );
        assert!(error.contains("--dataset digits"), "{error}");
    }
}

/// The folder with the original MNIST files that `NOPROPDT_TEST_DATA` names, or `None` after saying that the test can't run.
fn original_files() -> Option<PathBuf> {
    let Some(folder) = std::env::var_os("NOPROPDT_TEST_DATA") else {
        // Not `eprintln!`, which the test runner keeps to itself when a test passes.
        let note = b"NOTE: NOPROPDT_TEST_DATA is not set; the test on the original MNIST files was not run\n";
        std::io::stderr().write_all(note).unwrap();
        return None;
    };
    let folder = PathBuf::from(folder).join("mnist");
    let file = folder.join("train-images-idx3-ubyte.gz");
    assert!(file.exists(), "{}: NOPROPDT_TEST_DATA promises this file", file.display());
    Some(folder)
}

#[test]
fn the_original_files_read_the_same_plain_and_compressed() {
    let Some(original) = original_files() else { return };
    let data = TempDir::new().unwrap();
    for part in ["train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"] {
        let compressed = fs::File::open(original.join(format!("{part}-ubyte.gz"))).unwrap();
        let mut plain = fs::File::create(data.path().join(format!("{part}-ubyte"))).unwrap();
        std::io::copy(&mut Gunzip::new(BufReader::new(compressed)), &mut plain).unwrap();
    }

    let plain = load(data.path(), DatasetName::Mnist).unwrap();
    let compressed = load(&original, DatasetName::Mnist).unwrap();
    assert!(plain.train == compressed.train && plain.test == compressed.test);

    assert_eq!((plain.train.len(), plain.test.len()), (60_000, 10_000));
    assert_eq!(plain.train.labels()[..8], [5, 0, 4, 1, 9, 2, 1, 3]);
    assert_eq!(plain.test.labels()[..8], [7, 2, 1, 0, 4, 1, 4, 9]);
    let ink: u64 =
        (0..60_000).flat_map(|index| plain.train.pixels(index)).map(|&pixel| u64::from(pixel)).sum();
    // The well-known mean of the training pixels, 0.1307 of full scale.
    let mean = ink as f64 / (60_000.0 * 784.0 * 255.0);
    assert!((mean - 0.130_66).abs() < 1e-5, "{mean}");
}
