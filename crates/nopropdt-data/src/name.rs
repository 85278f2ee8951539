//! The datasets this crate knows.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{DataError, ImageShape};

/// A dataset by name; written in kebab-case on command lines and in files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum DatasetName {
    /// 1,797 grey 8×8 digits, embedded in the program.
    Digits,
    /// 70,000 grey 28×28 digits, fetched once.
    Mnist,
}

impl DatasetName {
    /// Every dataset, in the order shown to users.
    pub const ALL: [Self; 2] = [Self::Digits, Self::Mnist];

    /// The name as users write it; also the name of its folder.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Digits => "digits",
            Self::Mnist => "mnist",
        }
    }

    /// Shape of its images.
    #[must_use]
    pub const fn image_shape(self) -> ImageShape {
        match self {
            Self::Digits => ImageShape { height: 8, width: 8, channels: 1 },
            Self::Mnist => ImageShape { height: 28, width: 28, channels: 1 },
        }
    }

    /// Number of its classes.
    #[must_use]
    pub const fn classes(self) -> usize {
        match self {
            Self::Digits | Self::Mnist => 10,
        }
    }
}

impl fmt::Display for DatasetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for DatasetName {
    type Err = DataError;

    fn from_str(text: &str) -> Result<Self, DataError> {
        Self::ALL
            .into_iter()
            .find(|name| name.as_str() == text)
            .ok_or_else(|| DataError::UnknownDataset { found: text.to_owned() })
    }
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
        assert_eq!(error.to_string(), "dataset: name must be one of digits, mnist; found \"Mnist\"");
    }
}
