//! The datasets this crate knows.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{ImageShape, class_names};

/// A dataset by name; written in kebab-case on command lines and in files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum DatasetName {
    /// 1,797 grey 8×8 digits, embedded in the program.
    Digits,
    /// 70,000 grey 28×28 digits.
    Mnist,
    /// 70,000 grey 28×28 pictures of clothes.
    FashionMnist,
    /// 70,000 grey 28×28 characters of cursive Japanese.
    Kmnist,
    /// 60,000 colour 32×32 photographs of animals and vehicles.
    Cifar10,
    /// 60,000 colour 32×32 photographs in 100 classes.
    Cifar100,
    /// The photographs of CIFAR-100 by its 20 coarse labels.
    Cifar100Coarse,
    /// 99,289 colour 32×32 house-number digits.
    Svhn,
    /// 110,000 colour 64×64 photographs in 200 classes.
    TinyImagenet,
}

impl DatasetName {
    /// Every dataset, in the order shown to users.
    pub const ALL: [Self; 9] = [
        Self::Digits,
        Self::Mnist,
        Self::FashionMnist,
        Self::Kmnist,
        Self::Cifar10,
        Self::Cifar100,
        Self::Cifar100Coarse,
        Self::Svhn,
        Self::TinyImagenet,
    ];

    /// The name as users write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Digits => "digits",
            Self::Mnist => "mnist",
            Self::FashionMnist => "fashion-mnist",
            Self::Kmnist => "kmnist",
            Self::Cifar10 => "cifar10",
            Self::Cifar100 => "cifar100",
            Self::Cifar100Coarse => "cifar100-coarse",
            Self::Svhn => "svhn",
            Self::TinyImagenet => "tiny-imagenet",
        }
    }

    /// The manifest entry with its files, also the name of its folder: its own name, but for the second set of labels of
    /// the same files.
    #[must_use]
    pub const fn files(self) -> &'static str {
        match self {
            Self::Cifar100Coarse => Self::Cifar100.as_str(),
            _ => self.as_str(),
        }
    }

    /// Shape of its images.
    #[must_use]
    pub const fn image_shape(self) -> ImageShape {
        match self {
            Self::Digits => ImageShape { height: 8, width: 8, channels: 1 },
            Self::Mnist | Self::FashionMnist | Self::Kmnist => {
                ImageShape { height: 28, width: 28, channels: 1 }
            }
            Self::Cifar10 | Self::Cifar100 | Self::Cifar100Coarse | Self::Svhn => {
                ImageShape { height: 32, width: 32, channels: 3 }
            }
            Self::TinyImagenet => ImageShape { height: 64, width: 64, channels: 3 },
        }
    }

    /// Number of its training and of its test images.
    #[must_use]
    pub const fn counts(self) -> (usize, usize) {
        match self {
            Self::Digits => (1437, 360),
            Self::Mnist | Self::FashionMnist | Self::Kmnist => (60_000, 10_000),
            Self::Cifar10 | Self::Cifar100 | Self::Cifar100Coarse => (50_000, 10_000),
            Self::Svhn => (73_257, 26_032),
            Self::TinyImagenet => (100_000, 10_000),
        }
    }

    /// Names of its classes, label k the k-th; none where only its files have them.
    #[must_use]
    pub const fn class_names(self) -> Option<&'static [&'static str]> {
        match self {
            Self::Digits | Self::Mnist | Self::Svhn => Some(class_names::DIGITS),
            Self::FashionMnist => Some(class_names::FASHION),
            Self::Kmnist => Some(class_names::KANA),
            Self::Cifar10 => Some(class_names::CIFAR10),
            Self::Cifar100 => Some(class_names::CIFAR100),
            Self::Cifar100Coarse => Some(class_names::CIFAR100_COARSE),
            Self::TinyImagenet => None,
        }
    }

    /// Number of its classes.
    #[must_use]
    pub const fn classes(self) -> usize {
        match self {
            Self::Digits | Self::Mnist | Self::FashionMnist | Self::Kmnist | Self::Cifar10 | Self::Svhn => 10,
            Self::Cifar100Coarse => 20,
            Self::Cifar100 => 100,
            Self::TinyImagenet => 200,
        }
    }
}

impl fmt::Display for DatasetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for DatasetName {
    type Err = DatasetNameError;

    fn from_str(text: &str) -> Result<Self, DatasetNameError> {
        Self::ALL
            .into_iter()
            .find(|name| name.as_str() == text)
            .ok_or_else(|| DatasetNameError { found: text.to_owned() })
    }
}

/// A name that is none of [`DatasetName::ALL`], nor that of a folder or file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("dataset: name must be one of {}, folder:PATH, npz:FILE; found {found:?}", DatasetName::ALL.map(DatasetName::as_str).join(", "))]
pub struct DatasetNameError {
    /// The text given.
    pub found: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_survive_the_round_trip() {
        for name in DatasetName::ALL {
            assert_eq!(name.to_string().parse::<DatasetName>().unwrap(), name);
        }
    }

    #[test]
    fn serde_and_display_agree() {
        #[derive(Serialize, Deserialize)]
        struct Holder {
            name: DatasetName,
        }
        for name in DatasetName::ALL {
            assert_eq!(toml::to_string(&Holder { name }).unwrap(), format!("name = \"{name}\"\n"));
        }
    }

    #[test]
    fn an_unknown_name_lists_the_known_ones() {
        let error = "Mnist".parse::<DatasetName>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "dataset: name must be one of digits, mnist, fashion-mnist, kmnist, cifar10, cifar100, \
             cifar100-coarse, svhn, tiny-imagenet, folder:PATH, npz:FILE; found \"Mnist\""
        );
    }
}
