//! What reading a folder decided and passed over, for people.

use std::fmt;

/// Names and kinds of files told in one line.
const MOST_TOLD: usize = 4;

/// Something about a dataset that its user should know before it is trained or tested on. Its text is one line.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Note {
    /// Which folders the pictures are from, where others could be meant.
    Parts {
        /// Folder of the training pictures.
        training: Option<String>,
        /// Folder of the test pictures.
        test: Option<String>,
        /// Folders that are left out, each with the reason.
        left_out: Vec<(String, &'static str)>,
    },
    /// Folders that are called like parts but are taken for classes: they hold pictures, and lie beside classes.
    PartsAsClasses {
        /// Their names.
        folders: Vec<String>,
    },
    /// Files that are left out.
    LeftOut {
        /// Why.
        reason: LeftOutReason,
        /// What they are, the most frequent kind first.
        files: Vec<FileKind>,
    },
    /// Classes whose names are as good as the same.
    NearNames {
        /// One of them.
        one: String,
        /// The other.
        other: String,
        /// In what they differ.
        difference: String,
    },
    /// Classes that hold folders of the same names: perhaps these are the classes.
    SameFolders {
        /// Names of the folders inside.
        inside: Vec<String>,
    },
    /// The dataset comes with images for validation.
    Validation {
        /// How many there are.
        images: usize,
        /// Whether they are read.
        used: bool,
    },
}

/// Why a file is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum LeftOutReason {
    /// It is no picture, or one of another format.
    NoPicture,
    /// It does not lie in the folder of a class.
    OutsideClasses,
    /// It can't be read, and its name is not that of a picture.
    Unreadable,
}

/// Files with the same ending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileKind {
    /// The ending, in lower case; empty for none.
    pub extension: String,
    /// How many there are.
    pub count: usize,
    /// The first of them, as a path below the dataset's folder.
    pub example: String,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Parts { training, test, left_out } => {
                let used = [("training", training), ("test", test)];
                let used = used.into_iter().filter_map(|(part, folder)| Some((part, folder.as_ref()?)));
                let used = used.map(|(part, folder)| format!("{part} pictures: {folder}"));
                let more = left_out.len().saturating_sub(MOST_TOLD);
                let told = left_out.iter().take(MOST_TOLD);
                let told = told.map(|(folder, why)| format!("{folder} {why} and is left out"));
                let more = (more > 0).then(|| format!("{more} more folders are left out"));
                f.write_str(&used.chain(told).chain(more).collect::<Vec<_>>().join("; "))
            }
            Self::PartsAsClasses { folders } => {
                let names = shown_names(folders);
                match folders.len() {
                    1 => write!(f, "{names} is taken for a class; move it away if it is none"),
                    _ => write!(f, "{names} are taken for classes; move them away if they are none"),
                }
            }
            Self::LeftOut { reason, files } => {
                let count: usize = files.iter().map(|kind| kind.count).sum();
                let plural = if count == 1 { "" } else { "s" };
                write!(f, "left out: {count} file{plural} {}: {}", reason.words(count), Shown(files))
            }
            Self::NearNames { one, other, difference } => {
                write!(
                    f,
                    "classes {one:?} and {other:?} differ in {difference} alone; if they are one class, merge their folders"
                )
            }
            Self::SameFolders { inside } => write!(
                f,
                "every class holds the same folders ({}); if these are the classes, take a folder that holds them alone",
                shown_names(inside)
            ),
            Self::Validation { images, used: true } => {
                write!(f, "validation images: {images}, from the file")
            }
            Self::Validation { images, used: false } => {
                write!(f, "left out: the file's validation images ({images})")
            }
        }
    }
}

impl LeftOutReason {
    fn words(self, count: usize) -> &'static str {
        match (self, count) {
            (Self::NoPicture, 1) => "that is no PNG, JPEG, BMP or WebP picture",
            (Self::NoPicture, _) => "that are no PNG, JPEG, BMP or WebP pictures",
            (Self::OutsideClasses, _) => "outside class folders",
            (Self::Unreadable, _) => "that can't be read",
        }
    }
}

/// Kinds of files as text: `5 .tif (dog/1.tif, …), 1 .txt (dog/notes.txt)`.
pub(crate) struct Shown<'a>(pub(crate) &'a [FileKind]);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(kinds) = self;
        for (index, FileKind { extension, count, example }) in kinds.iter().take(MOST_TOLD).enumerate() {
            let comma = if index > 0 { ", " } else { "" };
            let more = if *count > 1 { ", …" } else { "" };
            let extension = match extension.as_str() {
                "" => "without an ending".to_owned(),
                extension => format!(".{extension}"),
            };
            write!(f, "{comma}{count} {extension} ({example}{more})")?;
        }
        match kinds.get(MOST_TOLD..) {
            Some(rest) if !rest.is_empty() => {
                write!(f, ", {} others", rest.iter().map(|kind| kind.count).sum::<usize>())
            }
            _ => Ok(()),
        }
    }
}

/// The first few names: `cat, cow, dog, hen, …`.
fn shown_names(names: &[String]) -> String {
    let more = if names.len() > MOST_TOLD { ", …" } else { "" };
    format!("{}{more}", names[..names.len().min(MOST_TOLD)].join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(extension: &str, count: usize, example: &str) -> FileKind {
        FileKind { extension: extension.into(), count, example: example.into() }
    }

    #[test]
    fn files_left_out_are_told_by_kind() {
        let note = |reason, files: &[FileKind]| Note::LeftOut { reason, files: files.to_vec() }.to_string();
        assert_eq!(
            note(LeftOutReason::NoPicture, &[kind("tif", 5, "train/dog/1.tif"), kind("", 1, "test/x")]),
            "left out: 6 files that are no PNG, JPEG, BMP or WebP pictures: 5 .tif (train/dog/1.tif, …), 1 without an ending (test/x)"
        );
        assert_eq!(
            note(LeftOutReason::OutsideClasses, &[kind("csv", 1, "labels.csv")]),
            "left out: 1 file outside class folders: 1 .csv (labels.csv)"
        );
        let many: Vec<FileKind> = ["a", "b", "c", "d", "e", "f"].map(|e| kind(e, 2, "x")).into();
        let text = note(LeftOutReason::Unreadable, &many);
        assert!(text.ends_with("2 .d (x, …), 4 others"), "{text}");
    }

    #[test]
    fn parts_are_told_with_what_is_left_out() {
        let note = Note::Parts {
            training: None,
            test: Some("val".into()),
            left_out: vec![("test".into(), "has no class folders")],
        };
        assert_eq!(note.to_string(), "test pictures: val; test has no class folders and is left out");
        let left_out = (0..9).map(|number| (number.to_string(), "is none")).collect();
        let note = Note::Parts { training: Some("train".into()), test: None, left_out };
        let text = note.to_string();
        assert!(text.starts_with("training pictures: train; 0 is none and is left out; "), "{text}");
        assert!(text.ends_with("3 is none and is left out; 5 more folders are left out"), "{text}");
    }
}
