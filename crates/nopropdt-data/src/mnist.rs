//! MNIST, and the sets made in its form, from four IDX files.
//!
//! `idx` reads them, plain or compressed, into the pixels' own memory and nothing beside it. The `mnist` crate takes twice that, panics
//! on a file it doesn't like and knows no size but the full one; the tests hold this reader against it.

use std::path::Path;

use crate::class_names::{DIGITS, FASHION, KANA, owned};
use crate::idx::{IdxFile, SIDE};
use crate::{DataError, Dataset, DatasetName, ImageShape, Split};

const SHAPE: ImageShape = ImageShape { height: SIDE, width: SIDE, channels: 1 };

/// Reads the training and test images of `name`, a set of MNIST's form, in `folder`.
pub(crate) fn load(folder: &Path, name: DatasetName) -> Result<Dataset, DataError> {
    let find = |images, labels| CheckedPair::find(folder, images, labels, name);
    let train = find("train-images-idx3-ubyte", "train-labels-idx1-ubyte")?;
    let test = find("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")?;
    let class_names = match name {
        DatasetName::FashionMnist => FASHION,
        DatasetName::Kmnist => KANA,
        _ => DIGITS,
    };
    Dataset::new(name.as_str(), owned(class_names), train.read()?, test.read()?)
}

/// An image file and its label file that agree in number; labels read and checked.
struct CheckedPair {
    images: IdxFile,
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
        Ok(Self { images, labels })
    }

    fn read(self) -> Result<Split, DataError> {
        Split::new(SHAPE, self.images.read_images()?, self.labels.into_iter().map(u16::from).collect())
    }
}

#[cfg(test)]
mod tests;
