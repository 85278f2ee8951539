//! MNIST, and the sets made in its form, from four IDX files.
//!
//! The checks of `idx` come first, whatever reads the pixels. Plain files of the full size are then read by the `mnist` crate, which panics
//! on any file that it doesn't like and knows no other size; compressed files and parts of a set are read by `idx`.

use std::path::Path;

use ::mnist::MnistBuilder;

use crate::class_names::{DIGITS, FASHION, KANA, owned};
use crate::decoding::caught;
use crate::idx::{IdxFile, SIDE};
use crate::{DataError, Dataset, DatasetName, ImageShape, Split};

const SHAPE: ImageShape = ImageShape { height: SIDE, width: SIDE, channels: 1 };
/// Training images of a full set.
const TRAINING: usize = 60_000;
/// Test images of a full set.
const TEST: usize = 10_000;

/// Reads the training and test images of `name`, a set of MNIST's form, in `folder`.
pub(crate) fn load(folder: &Path, name: DatasetName) -> Result<Dataset, DataError> {
    let find = |images, labels| CheckedPair::find(folder, images, labels, name);
    let train = find("train-images-idx3-ubyte", "train-labels-idx1-ubyte")?;
    let test = find("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")?;
    let (train, test) = match FullSet::of(&train, &test)? {
        Some(files) => files.read(&train, &test)?,
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
    labels_file: IdxFile,
    labels: Vec<u8>,
}

impl CheckedPair {
    fn find(folder: &Path, images: &str, labels: &str, name: DatasetName) -> Result<Self, DataError> {
        let images = IdxFile::find(folder, images, name)?;
        let labels_file = IdxFile::find(folder, labels, name)?;
        let image_count = images.check_images()?;
        let labels = labels_file.read_labels()?;
        if image_count != labels.len() {
            let found = format!("{image_count} images, {} labels in {}", labels.len(), labels_file.name());
            return Err(DataError::invalid(images.name(), "there must be a label for each image", found));
        }
        Ok(Self { images, labels_file, labels })
    }

    fn read(self) -> Result<Split, DataError> {
        split(self.images.read_images()?, self.labels)
    }

    /// The split of what the `mnist` crate has read, which must be what was checked: a file may change in between.
    fn read_as(&self, pixels: Vec<u8>, labels: Vec<u8>) -> Result<Split, DataError> {
        if labels != self.labels || pixels.len() != labels.len() * SHAPE.len() {
            return Err(self.changed());
        }
        split(pixels, labels)
    }

    fn changed(&self) -> DataError {
        DataError::invalid(
            self.images.name(),
            "images and labels must stay as they are while they are read",
            "they changed",
        )
    }
}

fn split(mut pixels: Vec<u8>, labels: Vec<u8>) -> Result<Split, DataError> {
    pixels.shrink_to_fit();
    Split::new(SHAPE, pixels, labels.into_iter().map(u16::from).collect())
}

/// The paths of four plain files that hold a full set: training images and labels, test images and labels.
struct FullSet<'a>([&'a str; 4]);

impl<'a> FullSet<'a> {
    /// The files of these pairs, if they are such a set and their paths are text, which the `mnist` crate wants.
    fn of(train: &'a CheckedPair, test: &'a CheckedPair) -> Result<Option<Self>, DataError> {
        if [train.labels.len(), test.labels.len()] != [TRAINING, TEST] {
            return Ok(None);
        }
        let mut paths = [""; 4];
        for (path, file) in
            paths.iter_mut().zip([&train.images, &train.labels_file, &test.images, &test.labels_file])
        {
            match file.path().to_str() {
                Some(text) if !file.is_compressed()? => *path = text,
                _ => return Ok(None),
            }
        }
        Ok(Some(Self(paths)))
    }

    /// Reads the files, whose checks are done.
    fn read(&self, train: &CheckedPair, test: &CheckedPair) -> Result<(Split, Split), DataError> {
        let Self([training_images, training_labels, test_images, test_labels]) = *self;
        let read = || {
            MnistBuilder::new()
                .base_path("")
                .training_images_filename(training_images)
                .training_labels_filename(training_labels)
                .test_images_filename(test_images)
                .test_labels_filename(test_labels)
                .training_set_length(TRAINING as u32)
                .validation_set_length(0)
                .test_set_length(TEST as u32)
                .finalize()
        };
        // It would panic on a file that became another one since it was checked.
        let read = caught(read).map_err(|_| train.changed())?;
        Ok((train.read_as(read.trn_img, read.trn_lbl)?, test.read_as(read.tst_img, read.tst_lbl)?))
    }
}

#[cfg(test)]
mod tests;
