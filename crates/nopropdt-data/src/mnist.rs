//! MNIST, and the sets made in its form, from four IDX files.
//!
//! The `mnist` crate panics on any file it doesn't like, so every file is checked first. It reads nothing but
//! the full set of 60,000 and 10,000 images, from plain files under a UTF-8 path; what it can't read (slices of the
//! set, `.gz` files, other paths) is read by `idx`, to the same bytes.

use std::path::Path;

use crate::class_names::{DIGITS, FASHION, KANA, owned};
use crate::idx::{IdxFile, SIDE};
use crate::{DataError, Dataset, DatasetName, ImageShape, Split};

const SHAPE: ImageShape = ImageShape { height: SIDE, width: SIDE, channels: 1 };
/// The only sizes the `mnist` crate reads.
const FULL_TRAIN: usize = 60_000;
const FULL_TEST: usize = 10_000;

/// Reads the training and test images of `name`, a set of MNIST's form, in `folder`.
pub(crate) fn load(folder: &Path, name: DatasetName) -> Result<Dataset, DataError> {
    let find = |images, labels| CheckedPair::find(folder, images, labels, name);
    let train = find("train-images-idx3-ubyte", "train-labels-idx1-ubyte")?;
    let test = find("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")?;
    let full = train.is_plain_of(FULL_TRAIN) && test.is_plain_of(FULL_TEST);
    let (train, test) = match folder.to_str().filter(|_| full) {
        Some(folder) => read_full(folder)?,
        None => (train.read()?, test.read()?),
    };
    let class_names = match name {
        DatasetName::FashionMnist => FASHION,
        DatasetName::Kmnist => KANA,
        _ => DIGITS,
    };
    Dataset::new(name.as_str(), owned(class_names), train, test)
}

/// An image file and its label file that agree in number; labels read and checked.
struct CheckedPair {
    images: IdxFile,
    labels_are_plain: bool,
    labels: Vec<u8>,
}

impl CheckedPair {
    fn find(folder: &Path, images: &str, labels: &str, name: DatasetName) -> Result<Self, DataError> {
        let images = IdxFile::find(folder, images, name)?;
        let labels_file = IdxFile::find(folder, labels, name)?;
        let image_count = images.check_images()?;
        let labels = labels_file.read_labels()?;
        if image_count != labels.len() {
            return Err(DataError::CountMismatch {
                images_file: images.name(),
                images: image_count,
                labels_file: labels_file.name(),
                labels: labels.len(),
            });
        }
        Ok(Self { images, labels_are_plain: !labels_file.is_compressed(), labels })
    }

    fn is_plain_of(&self, count: usize) -> bool {
        !self.images.is_compressed() && self.labels_are_plain && self.labels.len() == count
    }

    fn read(self) -> Result<Split, DataError> {
        split(self.images.read_images()?, self.labels)
    }
}

/// Reads the full set with the `mnist` crate; the files have been checked, so it finds nothing to panic about.
fn read_full(folder: &str) -> Result<(Split, Split), DataError> {
    let read = ::mnist::MnistBuilder::new()
        .base_path(folder)
        .label_format_digit()
        .training_set_length(FULL_TRAIN as u32)
        .validation_set_length(0)
        .test_set_length(FULL_TEST as u32)
        .finalize();
    let mut train_images = read.trn_img;
    // The crate joins and parts the sets, which leaves room for 20,000 images more.
    train_images.shrink_to_fit();
    Ok((split(train_images, read.trn_lbl)?, split(read.tst_img, read.tst_lbl)?))
}

fn split(images: Vec<u8>, labels: Vec<u8>) -> Result<Split, DataError> {
    Split::new(SHAPE, images, labels.into_iter().map(u16::from).collect())
}

#[cfg(test)]
mod tests;
