//! Where a run's images come from: a known dataset, a folder of pictures, a file, or the caller's own code.

use std::fmt;
use std::mem::discriminant;
use std::path::Path;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::DatasetName;
use crate::name::DatasetNameError;

/// Any dataset, as users write it: a name, `folder:PATH`, `npz:FILE`, or `own:NAME`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum DatasetSource {
    /// A dataset of [`DatasetName::ALL`].
    Known(DatasetName),
    /// A folder of pictures, a folder a class.
    Folder(String),
    /// A NumPy file (`.npz`) with the arrays `train_images`, `train_labels`, `test_images` and `test_labels`.
    Npz(String),
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

    /// The path of the folder or file, if it is one.
    #[must_use]
    pub fn place(&self) -> Option<&str> {
        match self {
            Self::Folder(path) | Self::Npz(path) => Some(path),
            Self::Known(_) | Self::Own(_) => None,
        }
    }

    /// Whether it is a folder or file that lies in a place of its own.
    #[must_use]
    pub fn has_place(&self) -> bool {
        self.place().is_some()
    }

    /// The same kind of folder or file at another path; what has no place stays as it is.
    #[must_use]
    pub fn with_place(&self, path: String) -> Self {
        match self {
            Self::Folder(_) => Self::Folder(path),
            Self::Npz(_) => Self::Npz(path),
            Self::Known(_) | Self::Own(_) => self.clone(),
        }
    }

    /// The folder or file by its short name alone: what is kept of it where its place does not matter.
    #[must_use]
    pub fn without_place(&self) -> Self {
        self.with_place(self.short_name())
    }

    /// Whether both are folders, or both files of one kind, so that the same images may have moved from one to the other.
    #[must_use]
    pub fn may_have_moved_to(&self, other: &Self) -> bool {
        self.has_place() && discriminant(self) == discriminant(other)
    }

    /// How a source of this kind is written: `folder:PATH`, `npz:FILE`.
    #[must_use]
    pub const fn form(&self) -> &'static str {
        match self {
            Self::Known(_) => "NAME",
            Self::Folder(_) => "folder:PATH",
            Self::Npz(_) => "npz:FILE",
            Self::Own(_) => "own:NAME",
        }
    }

    /// A short name fit for a file: that of the dataset, the last part of the folder's path, or the file's name without `.npz`.
    #[must_use]
    pub fn short_name(&self) -> String {
        let text = match self {
            Self::Known(name) => return name.to_string(),
            Self::Folder(path) => {
                Path::new(path).file_name().map_or_else(|| "folder".into(), |name| name.to_string_lossy())
            }
            Self::Npz(path) => {
                let name =
                    Path::new(path).file_name().map_or_else(|| "npz".into(), |name| name.to_string_lossy());
                // All of them, so that a short name has no shorter one.
                name.trim_end_matches(".npz").to_owned().into()
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
            Self::Npz(path) => write!(f, "npz:{path}"),
            Self::Own(name) => write!(f, "own:{name}"),
        }
    }
}

impl FromStr for DatasetSource {
    type Err = DatasetNameError;

    fn from_str(text: &str) -> Result<Self, DatasetNameError> {
        match text.split_once(':') {
            Some(("folder", path)) if !path.is_empty() => Ok(Self::Folder(path.to_owned())),
            Some(("npz", path)) if !path.is_empty() => Ok(Self::Npz(path.to_owned())),
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
        for text in [
            "digits",
            "cifar100-coarse",
            "folder:/a b/c",
            "folder:c:\\pictures",
            "npz:/a b/c.npz",
            "own:blobs",
        ] {
            assert_eq!(text.parse::<DatasetSource>().unwrap().to_string(), text);
        }
        for text in ["", "folder:", "npz:", "own:", "dogs", "Folder:x", "a.npz"] {
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
        assert_eq!(
            (short("npz:/a/breast.npz"), short("npz:b/path.v2.npz")),
            ("breast".into(), "path.v2".into())
        );
        assert_eq!((short("npz:a.npz.npz"), short("npz:..")), ("a".to_owned(), "npz".to_owned()));
    }

    #[test]
    fn a_place_is_known_changed_and_left_out() {
        let source = |text: &str| text.parse::<DatasetSource>().unwrap();
        for (text, elsewhere, kept) in [
            ("folder:/a/flowers", "folder:x", "folder:flowers"),
            ("npz:/a/path.v2.npz", "npz:x", "npz:path.v2"),
            ("mnist", "mnist", "mnist"),
            ("own:a/b", "own:a/b", "own:a/b"),
        ] {
            assert_eq!(source(text).with_place("x".into()).to_string(), elsewhere);
            let without = source(text).without_place();
            assert_eq!((without.to_string(), without.without_place()), (kept.to_owned(), source(kept)));
            assert_eq!(source(text).has_place(), text.contains(":/"), "{text}");
        }
        assert!(source("npz:a").may_have_moved_to(&source("npz:b")));
        assert!(source("folder:a").may_have_moved_to(&source("folder:b")));
        for (one, other) in
            [("npz:a", "folder:a"), ("mnist", "mnist"), ("own:a", "own:b"), ("npz:a", "mnist")]
        {
            assert!(!source(one).may_have_moved_to(&source(other)), "{one} {other}");
        }
    }
}
