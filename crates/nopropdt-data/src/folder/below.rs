//! All pictures below a folder, whatever its layout.

use std::path::{Path, PathBuf};

use super::kind::Kind;
use super::left_out::LeftOut;
use super::tree::every_file;
use crate::note::LeftOutReason;
use crate::{DataError, Note};

/// What lies below a folder.
#[derive(Clone, Debug, PartialEq)]
pub struct PicturesBelow {
    /// Its PNG, JPEG, BMP and WebP pictures, by their names or their contents, in the order of their paths.
    pub pictures: Vec<PathBuf>,
    /// What was left out.
    pub notes: Vec<Note>,
}

/// Finds the pictures in a folder and in the folders inside it. Hidden files are passed over.
///
/// # Errors
/// [`DataError::NoFolder`] when there is no such folder; other variants when a folder can't be read, is a link, or lies too deep.
pub fn pictures_below(folder: &Path) -> Result<PicturesBelow, DataError> {
    if !folder.is_dir() {
        return Err(DataError::NoFolder { folder: folder.to_owned() });
    }
    let (mut pictures, mut left_out) = (Vec::new(), LeftOut::default());
    every_file(folder, |file, kind| {
        let reason = match kind {
            Kind::Picture => return pictures.push(file),
            Kind::Other => LeftOutReason::NoPicture,
            Kind::Unreadable => LeftOutReason::Unreadable,
        };
        left_out.add(reason, file.strip_prefix(folder).unwrap_or(&file));
    })?;
    pictures.sort_unstable();
    Ok(PicturesBelow { pictures, notes: left_out.notes() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_found_at_any_depth_and_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir_all(at("b/deep")).unwrap();
        for name in ["c.PNG", "b/deep/a.jpg", "b/x.txt", ".hidden.png", "a.bmp"] {
            std::fs::write(at(name), "").unwrap();
        }
        // A picture by its content alone.
        std::fs::write(at("b/plain"), b"\x89PNG\r\n\x1a\n").unwrap();
        let found = pictures_below(folder.path()).unwrap();
        assert_eq!(found.pictures, ["a.bmp", "b/deep/a.jpg", "b/plain", "c.PNG"].map(at));
        assert_eq!(found.notes.len(), 1, "{:?}", found.notes);
        assert!(found.notes[0].to_string().contains("b/x.txt"), "{}", found.notes[0]);
        let missing = pictures_below(&at("gone")).unwrap_err().to_string();
        assert!(missing.ends_with("gone: there is no such folder"), "{missing}");
    }
}
