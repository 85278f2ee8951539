//! Everything that can go wrong with a dataset.

use std::fmt::Display;
use std::io;
use std::path::{Path, PathBuf};

use crate::DatasetName;
use crate::name::DatasetNameError;

/// What went wrong, with the file or value it went wrong in; each message is one line: `what: rule; what was found`.
///
/// A variant of its own has what a caller may want to act on: another option, a file to be fetched. All else is
/// [`Invalid`](Self::Invalid).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// A name that is none of [`DatasetName::ALL`].
    #[error(transparent)]
    UnknownDataset(#[from] DatasetNameError),
    /// An option for folders of pictures, given with a dataset of another kind.
    #[error("{option}: is for folders of pictures; {dataset} has a fixed form")]
    FolderOption {
        /// The option's name in [`LoadOptions`](crate::LoadOptions).
        option: &'static str,
        /// The dataset it was given with.
        dataset: String,
    },
    /// A share to hold out for testing that is missing, needless or out of range for a folder of pictures.
    #[error("{}: {}; {found}", folder.display(), fault.rule())]
    FolderSplit {
        /// The folder.
        folder: PathBuf,
        /// What is wrong with the share, or with the folder that it is of.
        fault: ShareFault,
        /// What was found.
        found: String,
    },
    /// Pictures of a folder that can't be images of one size as they are: [`LoadOptions::image_size`](crate::LoadOptions) brings them to
    /// one.
    #[error("{}: {rule}; {found}", file.display())]
    PictureSize {
        /// The first picture of another size.
        file: PathBuf,
        /// What must hold.
        rule: String,
        /// The size found.
        found: String,
    },
    /// A folder of pictures that is not there.
    #[error("{}: there is no such folder", folder.display())]
    NoFolder {
        /// The folder.
        folder: PathBuf,
    },
    /// A file with a whole dataset that is not there.
    #[error("{}: there is no such file", file.display())]
    NoFile {
        /// The file.
        file: PathBuf,
    },
    /// Images of a folder that this machine's memory can't hold; smaller ones may fit.
    #[error("folder: all images must fit in memory; {images} of {bytes} bytes do not")]
    TooManyPictures {
        /// Number of images.
        images: usize,
        /// Bytes of each.
        bytes: usize,
    },
    /// A dataset that only the program that made it can read.
    #[error("own:{name}: images must come from the program that makes them; this one can't read them")]
    NotReadable {
        /// The name that program gave.
        name: String,
    },
    /// Pictures, in a build without the feature `pictures`.
    #[error(
        "{dataset}: reading pictures wants the feature `pictures` of nopropdt-data; this program was built without it"
    )]
    PicturesLeftOut {
        /// The dataset asked for.
        dataset: String,
    },
    /// A known dataset's file is in its folder neither plain nor as `.gz`: it was not fetched.
    #[error("{}: file not found", path.display())]
    Missing {
        /// The dataset asked for.
        dataset: DatasetName,
        /// Where the plain file was expected.
        path: PathBuf,
        /// What its folder holds instead, as in "holds a, b and 3 more"; none when it is empty or not there.
        beside: Option<String>,
    },
    /// A known dataset's file with the wrong content: it has to be fetched again.
    #[error("{file}: {rule}; {found}")]
    Damaged {
        /// The dataset it belongs to.
        dataset: DatasetName,
        /// The file.
        file: String,
        /// What must hold.
        rule: String,
        /// What was found.
        found: String,
    },
    /// More images asked for validation than the split can spare.
    #[error("validation: count must be below the {available} training images; found {count}")]
    ValidationCount {
        /// Images asked for.
        count: usize,
        /// Images in the split.
        available: usize,
    },
    /// The operating system refused an operation on a file or folder.
    #[error("{}: can't {action}; {reason}", path.display())]
    Io {
        /// What was tried, as a verb: `open`, `read`, `write`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's answer.
        reason: io::Error,
    },
    /// Anything else that breaks a rule: a file or folder, or images and labels that a program made itself.
    #[error("{what}: {rule}; {found}")]
    Invalid {
        /// A file, a folder, or the name of a thing: `split`, `mnist`.
        what: String,
        /// What must hold.
        rule: String,
        /// What was found, and what mends it where that is a matter of files.
        found: String,
    },
}

/// What is wrong with the share of a folder's pictures that is to be held out for testing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ShareFault {
    /// None was given, and the folder has no test pictures beside its training pictures.
    Missing,
    /// None was given, and the folder is not divided, so that nobody knows which of its pictures are for testing.
    MissingForTest,
    /// One was given for a folder that has test pictures.
    Needless,
    /// It is not above 0 and below 1.
    OutOfRange,
    /// The folder has nothing but test pictures. A share of them can be held out when this folder inside it is taken.
    TestPicturesAlone(PathBuf),
    /// The folders of training and test pictures are not here but one folder further in.
    FurtherIn,
}

impl ShareFault {
    fn rule(&self) -> &'static str {
        match self {
            Self::Missing | Self::TestPicturesAlone(_) | Self::FurtherIn => {
                "must hold the folders train and test"
            }
            Self::MissingForTest => "must hold the folder test",
            Self::Needless => "a share to hold out is for a folder without test pictures",
            Self::OutOfRange => "the share held out for testing must be above 0 and below 1",
        }
    }
}

impl DataError {
    /// An [`Io`](Self::Io) maker for `map_err`.
    pub(crate) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |reason| Self::Io { action, path, reason }
    }

    /// An [`Invalid`](Self::Invalid) thing.
    pub(crate) fn invalid(what: impl Display, rule: impl Into<String>, found: impl Into<String>) -> Self {
        Self::Invalid { what: what.to_string(), rule: rule.into(), found: found.into() }
    }

    /// An [`Invalid`](Self::Invalid) file or folder.
    pub(crate) fn in_file(path: &Path, rule: impl Into<String>, found: impl Into<String>) -> Self {
        Self::invalid(path.display(), rule, found)
    }

    /// The error about label `index` of `what`, which is not below `classes`.
    pub(crate) fn label(what: impl Display, classes: usize, index: usize, found: usize) -> Self {
        Self::invalid(what, format!("labels must be below {classes}"), format!("label {index} is {found}"))
    }

    /// The same error as one about a fetched file of `dataset` where it is about content.
    pub(crate) fn in_dataset(self, dataset: DatasetName) -> Self {
        match self {
            Self::Invalid { what, rule, found } => Self::Damaged { dataset, file: what, rule, found },
            other => other,
        }
    }
}

/// A kind of content behind what was found: ", an HTML page".
pub(crate) fn apposition(kind: Option<&'static str>) -> String {
    kind.map(|kind| format!(", {kind}")).unwrap_or_default()
}
