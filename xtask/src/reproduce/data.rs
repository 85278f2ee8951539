//! What is learned from, and where it lies.

use nopropdt_data::{DatasetName, DatasetSource};
use nopropdt_train::experiments::Place;
use std::path::PathBuf;

/// What is learned from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Data {
    Digits,
    Mnist,
    FashionMnist,
    Cifar10,
    Cifar100,
    /// CIFAR-10 encoded again as JPEG: not the paper's images to the bit.
    Cifar10Jpeg,
}

impl Data {
    pub(super) const ALL: [Self; 6] =
        [Self::Digits, Self::Mnist, Self::FashionMnist, Self::Cifar10, Self::Cifar100, Self::Cifar10Jpeg];

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Digits => "digits",
            Self::Mnist => "MNIST",
            Self::FashionMnist => "Fashion-MNIST",
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
            Self::FashionMnist => "fashion-mnist",
            Self::Cifar10 => "cifar10",
            Self::Cifar100 => "cifar100",
            Self::Cifar10Jpeg => "cifar10-jpeg",
        }
    }

    /// The dataset as settings name it; where a folder lies decides nothing.
    pub(super) fn source(self) -> DatasetSource {
        self.known().map_or_else(|| DatasetSource::Folder(self.key().to_owned()), DatasetSource::from)
    }

    /// The dataset that is fetched by name, if it is one.
    pub(super) fn known(self) -> Option<DatasetName> {
        match self {
            Self::Digits => Some(DatasetName::Digits),
            Self::Mnist => Some(DatasetName::Mnist),
            Self::FashionMnist => Some(DatasetName::FashionMnist),
            Self::Cifar10 => Some(DatasetName::Cifar10),
            Self::Cifar100 => Some(DatasetName::Cifar100),
            Self::Cifar10Jpeg => None,
        }
    }

    /// The dataset that settings name.
    ///
    /// # Errors
    /// When it is none of those that are reproduced.
    pub(super) fn of(source: &DatasetSource) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|data| data.source() == *source);
        let known = || Self::ALL.map(|data| data.source().to_string()).join(", ");
        found.ok_or_else(|| format!("dataset: must be one of {}; found {source}", known()))
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
