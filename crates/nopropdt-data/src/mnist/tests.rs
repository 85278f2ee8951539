use std::fs;
use std::io::{BufReader, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::TempDir;

use super::*;
use crate::gunzip::Gunzip;
use crate::test_data::original;

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

/// The pairs of a folder, checked.
fn pairs(folder: &Path) -> (CheckedPair, CheckedPair) {
    let find = |images, labels| CheckedPair::find(folder, images, labels, DatasetName::Mnist).unwrap();
    (
        find("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
        find("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
    )
}

/// Asserts that the `mnist` crate takes the folder's files and makes of them what our reader does.
#[track_caller]
fn assert_same_by_both(folder: &Path) {
    let (train, test) = pairs(folder);
    let files = FullSet::of(&train, &test).unwrap().expect("the files are a full set");
    let theirs = files.read(&train, &test).unwrap();
    let ours = (train.read().unwrap(), test.read().unwrap());
    assert!(theirs == ours && (ours.0.len(), ours.1.len()) == (60_000, 10_000));
}

#[test]
fn a_full_set_is_read_the_same_whatever_reads_it() {
    let folder = set((60_000, 60_000), (10_000, 10_000));
    assert_same_by_both(folder.path());
    let dataset = load(folder.path(), DatasetName::Mnist).unwrap();
    assert_eq!((dataset.train.label(59_999), dataset.test.label(9_998)), (9, 8));
    assert_eq!((dataset.train.pixels(300), dataset.test.pixels(9_999)), (&[44; 784][..], &[15; 784][..]));
    // Its names need not be the right ones, nor its path one from here.
    for name in ["train-images-idx3-ubyte", "t10k-labels-idx1-ubyte"] {
        let near = folder.path().join(name.replace("-idx", ".idx"));
        fs::rename(folder.path().join(name), near).unwrap();
    }
    assert_same_by_both(folder.path());
}

#[test]
fn compressed_files_and_parts_of_a_set_are_not_for_the_mnist_crate() {
    let folder = set((60_000, 60_000), (9_999, 9_999));
    let (train, test) = pairs(folder.path());
    assert!(FullSet::of(&train, &test).unwrap().is_none());
    let folder = set((60_000, 60_000), (10_000, 10_000));
    let labels = folder.path().join("t10k-labels-idx1-ubyte");
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(&fs::read(&labels).unwrap()).unwrap();
    // Under the name of a plain file, too.
    fs::write(&labels, gzip.finish().unwrap()).unwrap();
    let (train, test) = pairs(folder.path());
    assert!(FullSet::of(&train, &test).unwrap().is_none());
    assert_eq!(load(folder.path(), DatasetName::Mnist).unwrap().test.len(), 10_000);
}

/// What happens between the checks and the reading is an error, never a panic.
#[test]
fn files_that_change_while_they_are_read_are_an_error() {
    let folder = set((60_000, 60_000), (10_000, 10_000));
    let (train, test) = pairs(folder.path());
    let files = FullSet::of(&train, &test).unwrap().unwrap();
    let told = || {
        let message = files.read(&train, &test).unwrap_err().to_string();
        let end = ": images and labels must stay as they are while they are read; they changed";
        assert!(message.ends_with(end), "{message}");
    };
    let labels = folder.path().join("t10k-labels-idx1-ubyte");
    let mut bytes = fs::read(&labels).unwrap();
    bytes[20] = 3;
    fs::write(&labels, &bytes).unwrap();
    told();
    let images = fs::File::options().write(true).open(folder.path().join("train-images-idx3-ubyte")).unwrap();
    images.set_len(10).unwrap();
    told();
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
    let beside = || match load(folder.path(), DatasetName::Mnist).unwrap_err() {
        DataError::Missing { beside, .. } => beside,
        other => panic!("{other}"),
    };
    assert_eq!(beside(), None);
    fs::write(folder.path().join("mnist.zip"), "").unwrap();
    assert_eq!(beside().as_deref(), Some("holds mnist.zip"));
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
        let error = load(folder.path(), DatasetName::Mnist).unwrap_err();
        assert!(matches!(error, DataError::Missing { dataset: DatasetName::Mnist, .. }), "{error:?}");
        assert!(error.to_string().ends_with(&format!("{name}: file not found")), "{error}");
    }
}

#[test]
fn the_original_files_read_the_same_whatever_reads_them() {
    let Some(original) = original("mnist/train-images-idx3-ubyte.gz") else { return };
    let original = original.parent().unwrap();
    let data = TempDir::new().unwrap();
    for part in ["train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"] {
        let compressed = fs::File::open(original.join(format!("{part}-ubyte.gz"))).unwrap();
        let mut plain = fs::File::create(data.path().join(format!("{part}-ubyte"))).unwrap();
        std::io::copy(&mut Gunzip::new(BufReader::new(compressed)), &mut plain).unwrap();
    }
    assert_same_by_both(data.path());

    let plain = load(data.path(), DatasetName::Mnist).unwrap();
    let compressed = load(original, DatasetName::Mnist).unwrap();
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
