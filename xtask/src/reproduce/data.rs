//! What is learned from, and where it lies.

use nopropdt_data::{DatasetName, DatasetSource};
use nopropdt_train::experiments::Place;
use std::path::PathBuf;

/// What is learned from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Data {
    Digits,
    Mnist,
    Cifar10,
    Cifar100,
    /// CIFAR-10 encoded again as JPEG: not the paper's images to the bit.
    Cifar10Jpeg,
}

impl Data {
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Digits => "digits",
            Self::Mnist => "MNIST",
            Self::Cifar10 => "CIFAR-10",
            Self::Cifar100 => "CIFAR-100",
            Self::Cifar10Jpeg => "CIFAR-10 (JPEG)",
        }
    }

    /// The name in folders; of a dataset that is fetched, its own.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Digits => "digits",
            Self::Mnist => "mnist",
            Self::Cifar10 => "cifar10",
            Self::Cifar100 => "cifar100",
            Self::Cifar10Jpeg => "cifar10-jpeg",
        }
    }

    /// The dataset as settings name it; where a folder lies decides nothing.
    pub(super) fn source(self) -> DatasetSource {
        match self {
            Self::Digits => DatasetName::Digits.into(),
            Self::Mnist => DatasetName::Mnist.into(),
            Self::Cifar10 => DatasetName::Cifar10.into(),
            Self::Cifar100 => DatasetName::Cifar100.into(),
            Self::Cifar10Jpeg => DatasetSource::Folder(self.key().to_owned()),
        }
    }
}

/// Where datasets lie on this machine.
pub(super) struct Places {
    pub(super) data_dir: PathBuf,
    /// The folder of CIFAR-10 as JPEG pictures, if it is there.
    pub(super) cifar10_jpeg: Option<PathBuf>,
}

impl Places {
    /// Where a dataset lies, or why it is not there.
    pub(super) fn of(&self, data: Data) -> Result<Place, String> {
        match (data, &self.cifar10_jpeg) {
            (Data::Digits, _) => Ok(Place::default()),
            (Data::Cifar10Jpeg, Some(folder)) => {
                Ok(Place { images: Some(folder.clone()), ..Place::default() })
            }
            (Data::Cifar10Jpeg, None) => Err("say where it is with --cifar10-jpeg".into()),
            (known, _) if self.data_dir.join(known.key()).is_dir() => {
                Ok(Place { data_dir: Some(self.data_dir.clone()), ..Place::default() })
            }
            (known, _) => Err(format!("fetch it with `cargo xtask fetch-data {}`", known.key())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_told_with_the_way_to_get_it() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("cifar100")).unwrap();
        let places = Places { data_dir: folder.path().to_owned(), cifar10_jpeg: None };
        assert_eq!(places.of(Data::Digits), Ok(Place::default()));
        for (data, remedy) in [(Data::Cifar10Jpeg, "--cifar10-jpeg"), (Data::Mnist, "fetch-data mnist")] {
            assert!(places.of(data).unwrap_err().contains(remedy));
        }
        let found = places.of(Data::Cifar100).unwrap();
        assert_eq!(found.data_dir.as_deref(), Some(folder.path()));
        let places = Places { cifar10_jpeg: Some("pictures".into()), ..places };
        assert_eq!(places.of(Data::Cifar10Jpeg).unwrap().images, Some("pictures".into()));
    }
}
