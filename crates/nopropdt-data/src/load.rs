//! Reading the known datasets.

use std::path::Path;

use crate::{DataError, Dataset, DatasetName, cifar, digits, mnist, svhn, tiny_imagenet};

/// Reads a known dataset: digits from the program itself, the others from their folder in `data_dir`.
///
/// # Errors
/// [`DataError::Missing`] when a file has not been fetched; otherwise what is wrong with which file.
pub fn load(name: DatasetName, data_dir: &Path) -> Result<Dataset, DataError> {
    let folder = data_dir.join(name.files());
    match name {
        DatasetName::Digits => digits::load(),
        DatasetName::Mnist | DatasetName::FashionMnist | DatasetName::Kmnist => mnist::load(&folder, name),
        DatasetName::Cifar10 | DatasetName::Cifar100 | DatasetName::Cifar100Coarse => {
            cifar::load(&folder, name)
        }
        DatasetName::Svhn => svhn::load(&folder),
        DatasetName::TinyImagenet => tiny_imagenet::load(&folder),
    }
}
