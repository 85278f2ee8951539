//! Where a run's images come from: a known dataset, a folder of pictures, or the caller's own code.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::DatasetName;
use crate::name::DatasetNameError;

/// Any dataset, as users write it: a name, `folder:PATH`, or `own:NAME`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum DatasetSource {
    /// A dataset of [`DatasetName::ALL`].
    Known(DatasetName),
    /// A folder of pictures, a folder a class.
    Folder(String),
    /// Images that a program makes itself, by the name it gives them; [`load`](crate::load) can't read these.
    Own(String),
}

impl DatasetSource {
    /// The known dataset's name, if it is one.
    #[must_use]
    pub const fn known(&self) -> Option<DatasetName> {
        match self {
            Self::Known(name) => Some(*name),
            _ => None,
        }
    }

    /// A short name fit for a file: that of the dataset, or the last part of the folder's path.
    #[must_use]
    pub fn short_name(&self) -> String {
        let text = match self {
            Self::Known(name) => return name.to_string(),
            Self::Folder(path) => {
                Path::new(path).file_name().map_or_else(|| "folder".into(), |name| name.to_string_lossy())
            }
            Self::Own(name) => name.into(),
        };
        let plain = |c: char| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '-' };
        let name: String = text.trim_start_matches('.').chars().map(plain).collect();
        if name.is_empty() { "folder".to_owned() } else { name }
    }
}

impl From<DatasetName> for DatasetSource {
    fn from(name: DatasetName) -> Self {
        Self::Known(name)
    }
}

impl fmt::Display for DatasetSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(name) => name.fmt(f),
            Self::Folder(path) => write!(f, "folder:{path}"),
            Self::Own(name) => write!(f, "own:{name}"),
        }
    }
}

impl FromStr for DatasetSource {
    type Err = DatasetNameError;

    fn from_str(text: &str) -> Result<Self, DatasetNameError> {
        match text.split_once(':') {
            Some(("folder", path)) if !path.is_empty() => Ok(Self::Folder(path.to_owned())),
            Some(("own", name)) if !name.is_empty() => Ok(Self::Own(name.to_owned())),
            _ => text.parse().map(Self::Known),
        }
    }
}

impl TryFrom<String> for DatasetSource {
    type Error = DatasetNameError;

    fn try_from(text: String) -> Result<Self, DatasetNameError> {
        text.parse()
    }
}

impl From<DatasetSource> for String {
    fn from(source: DatasetSource) -> Self {
        source.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_survive_the_round_trip() {
        for text in ["digits", "cifar100-coarse", "folder:/a b/c", "folder:c:\\pictures", "own:blobs"] {
            assert_eq!(text.parse::<DatasetSource>().unwrap().to_string(), text);
        }
        for text in ["", "folder:", "own:", "dogs", "Folder:x"] {
            assert!(text.parse::<DatasetSource>().is_err(), "{text}");
        }
    }

    #[test]
    fn short_names_are_fit_for_files() {
        let short = |text: &str| text.parse::<DatasetSource>().unwrap().short_name();
        assert_eq!(short("mnist"), "mnist");
        assert_eq!(short("folder:/a/my flowers"), "my-flowers");
        assert_eq!(short("folder:/a/cifar/"), "cifar");
        assert_eq!((short("folder:/"), short("folder:..")), ("folder".to_owned(), "folder".to_owned()));
        assert_eq!(short("own:../x"), "-x");
    }
}
