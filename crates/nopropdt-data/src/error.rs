//! Everything that can go wrong with a dataset.

use std::io;
use std::path::{Path, PathBuf};

use crate::{DatasetName, ImageShape};

/// What went wrong, with the file or value it went wrong in; each message is one line that says how to mend it
/// where that is known.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// A name that is none of [`DatasetName::ALL`].
    #[error("dataset: name must be one of {}, folder:PATH; found {found:?}", known_names())]
    UnknownDataset {
        /// The text given.
        found: String,
    },
    /// An option for folders of pictures, given with a dataset of another kind.
    #[error("--{option}: is for folder:PATH only; {dataset} has a fixed form; leave it out")]
    FolderOption {
        /// The option's name.
        option: &'static str,
        /// The dataset it was given with.
        dataset: String,
    },
    /// A share to hold out for testing that is missing, needless or out of range for a folder of pictures.
    #[error("{}: {rule}; {found}", folder.display())]
    FolderSplit {
        /// The folder.
        folder: PathBuf,
        /// What must hold.
        rule: &'static str,
        /// What was found, and the remedy where there is one.
        found: String,
    },
    /// Pictures of a folder that can't be images of one size as they are: [`LoadOptions::image_size`](crate::LoadOptions) brings them to
    /// one.
    #[error("{}: {rule}; {found}; set --image-size", file.display())]
    PictureSize {
        /// The first picture of another size.
        file: PathBuf,
        /// What must hold.
        rule: String,
        /// The size found.
        found: String,
    },
    /// A dataset that only the program that made it can read.
    #[error("own:{name}: images must come from the program that makes them; this one can't read them")]
    NotReadable {
        /// The name that program gave.
        name: String,
    },
    /// A file or folder of a dataset that breaks a rule of its format.
    #[error("{file}: {rule}; {found}")]
    Format {
        /// The file or folder.
        file: String,
        /// What must hold.
        rule: String,
        /// What was found, and the remedy where there is one.
        found: String,
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

    /// A dataset's file is in its folder neither plain nor as `.gz`.
    #[error(
        "{}: file not found; run `cargo xtask fetch-data {}`, or use `--dataset digits`, which needs no file{beside}",
        path.display(),
        dataset.files()
    )]
    Missing {
        /// The dataset asked for.
        dataset: DatasetName,
        /// Where the plain file was expected.
        path: PathBuf,
        /// What is in its folder instead, and what can be done with it; empty when nothing is.
        beside: String,
    },
    /// A `.gz` file that is damaged or cut short.
    #[error("{}: file must be whole gzip data; {reason}; {}", path.display(), again(*dataset))]
    CorruptGzip {
        /// The compressed file.
        path: PathBuf,
        /// The dataset it belongs to.
        dataset: DatasetName,
        /// The decoder's complaint.
        reason: io::Error,
    },
    /// An IDX file too short for its own header.
    #[error("{file}: header takes {wanted} bytes; file holds {found}{}; {}", apposition(*kind), again(*dataset))]
    ShortHeader {
        /// The file's path.
        file: String,
        /// The dataset it belongs to.
        dataset: DatasetName,
        /// Bytes in a header of this kind.
        wanted: usize,
        /// Bytes in the file.
        found: usize,
        /// What they are, in words, where that can be told.
        kind: Option<&'static str>,
    },
    /// An IDX file of another kind, or no IDX file at all.
    #[error(
        "{file}: magic number must be {wanted:#010x}; found {found:#010x}{}; {}",
        apposition(*kind),
        again(*dataset)
    )]
    WrongMagic {
        /// The file's path.
        file: String,
        /// The dataset it belongs to.
        dataset: DatasetName,
        /// The number of this kind of file.
        wanted: u32,
        /// The first four bytes, big-endian.
        found: u32,
        /// What begins so, in words, where that can be told.
        kind: Option<&'static str>,
    },
    /// An IDX image file whose images have the wrong size.
    #[error("{file}: images must be 28x28; header says {height}x{width}; {}", again(*dataset))]
    WrongImageSize {
        /// The file's path.
        file: String,
        /// The dataset it belongs to.
        dataset: DatasetName,
        /// Rows in the header.
        height: u32,
        /// Columns in the header.
        width: u32,
    },
    /// An IDX file with a header count of zero or beyond the reader's limit.
    #[error("{file}: count must be 1 to {most}; header promises {found}; {}", again(*dataset))]
    WrongCount {
        /// The file's path.
        file: String,
        /// The dataset it belongs to.
        dataset: DatasetName,
        /// The largest count accepted.
        most: usize,
        /// The header's count.
        found: u32,
    },
    /// An IDX file longer or shorter than its header says.
    #[error(
        "{file}: header promises {promised} {unit}; file holds {}; {}",
        or_more(*found, *promised),
        again(*dataset)
    )]
    WrongLength {
        /// The file's path.
        file: String,
        /// The dataset it belongs to.
        dataset: DatasetName,
        /// What is counted: `labels` or `pixel bytes`.
        unit: &'static str,
        /// The count by the header.
        promised: u64,
        /// The count by the file; any number above `promised` means more, since reading may stop there.
        found: u64,
    },
    /// A label that names no class.
    #[error("{file}: labels must be below {classes}; label {index} is {found}")]
    LabelOutOfRange {
        /// Name of the file or split.
        file: String,
        /// Number of classes.
        classes: usize,
        /// Position of the first bad label, from 0.
        index: usize,
        /// The bad label.
        found: usize,
    },
    /// Images and labels that don't pair up.
    #[error(
        "{images_file}: there must be a label for each image; {images} images, {labels} labels in {labels_file}"
    )]
    CountMismatch {
        /// File of the images.
        images_file: String,
        /// Its count.
        images: usize,
        /// File of the labels.
        labels_file: String,
        /// Its count.
        labels: usize,
    },

    /// A split's pixels aren't shape × labels values, or there are too many images.
    #[error(
        "split: {labels} images of {shape} want that many pixels, at most 2^32 - 1 images and no empty dimension; found {pixels} pixels"
    )]
    SplitSize {
        /// Shape of an image.
        shape: ImageShape,
        /// Number of labels.
        labels: usize,
        /// Number of pixel values.
        pixels: usize,
    },
    /// A pixel above the full scale, or a full scale of zero.
    #[error(
        "split: full scale must be at least the largest pixel and not 0; full scale {full_scale}, largest pixel {largest}"
    )]
    FullScale {
        /// The value meant to become 1.0.
        full_scale: u8,
        /// The largest pixel found.
        largest: u8,
    },
    /// Means and deviations that can't normalise images.
    #[error(
        "normalisation: there must be a finite mean and a finite deviation above 0 for each of {channels} channels; found {found}"
    )]
    Normalisation {
        /// Channels of the images.
        channels: usize,
        /// Means and deviations.
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
    /// Parts of a dataset that don't fit together.
    #[error("{dataset}: {rule}; {found}")]
    Dataset {
        /// Name of the dataset.
        dataset: String,
        /// What must hold.
        rule: &'static str,
        /// What was found.
        found: String,
    },
}

impl DataError {
    /// An [`Io`](Self::Io) maker for `map_err`.
    pub(crate) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |reason| Self::Io { action, path, reason }
    }
}

impl DataError {
    /// A [`Format`](Self::Format) error about the file at `path`.
    pub(crate) fn format(path: &Path, rule: impl Into<String>, found: impl Into<String>) -> Self {
        Self::Format { file: path.display().to_string(), rule: rule.into(), found: found.into() }
    }
}

impl DataError {
    /// The same error with a way out where it is of the content of a file of `dataset`.
    pub(crate) fn with_way_out(self, dataset: DatasetName) -> Self {
        match self {
            Self::Format { file, rule, found } => {
                Self::Format { file, rule, found: format!("{found}; {}", again(dataset)) }
            }
            other => other,
        }
    }
}

/// What mends a file with the wrong content.
fn again(dataset: DatasetName) -> String {
    format!("delete it and run `cargo xtask fetch-data {}`", dataset.files())
}

/// A kind of content behind what was found: ", an HTML page".
pub(crate) fn apposition(kind: Option<&'static str>) -> String {
    kind.map(|kind| format!(", {kind}")).unwrap_or_default()
}

fn known_names() -> String {
    DatasetName::ALL.map(DatasetName::as_str).join(", ")
}

/// The number found, or "more" where the excess was not counted out.
fn or_more(found: u64, wanted: u64) -> String {
    if found > wanted { "more".to_owned() } else { found.to_string() }
}
