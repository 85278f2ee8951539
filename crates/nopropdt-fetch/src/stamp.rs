//! Knowing a file again without reading it.

use std::collections::HashMap;
use std::fs::Metadata;
use std::path::Path;
use std::time::UNIX_EPOCH;

use crate::FetchError;
use crate::contents::walk;
use crate::hash::ContentHash;

/// What the system knows of a file, or of all files below some folders: names, lengths, times of the last change and, on Unix, numbers
/// of files. Content of the same stamp has not been changed, and need not be hashed again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stamp(String);

/// The files of a dataset that were found right, by name, with their stamps.
pub(crate) type Right = HashMap<String, Stamp>;

impl Stamp {
    /// Of the file at `path`, as it will be under the name `name`.
    pub(crate) fn of_renamed(path: &Path, name: &str) -> Result<Self, FetchError> {
        let metadata = path.metadata().map_err(FetchError::io("look at", path))?;
        Ok(Self::of_lines(vec![line(name, &metadata)]))
    }

    /// Of the files, and those below the folders, called `names` in `folder`.
    pub(crate) fn of<N: AsRef<str>>(folder: &Path, names: &[N]) -> Result<Self, FetchError> {
        let mut lines = Vec::new();
        for name in names {
            let path = folder.join(name.as_ref());
            // The user may have moved it to a bigger disk, and left a link.
            let path = path.canonicalize().map_err(FetchError::io("look at", &path))?;
            walk(&path, name.as_ref(), &mut |_, name, metadata| {
                lines.push(line(name, metadata));
                Ok(())
            })?;
        }
        Ok(Self::of_lines(lines))
    }

    fn of_lines(mut lines: Vec<String>) -> Self {
        lines.sort_unstable();
        let mut hash = ContentHash::default();
        lines.iter().for_each(|line| hash.update(line.as_bytes()));
        Self(hash.hex())
    }
}

fn line(name: &str, metadata: &Metadata) -> String {
    let changed = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    format!("{name}\t{}\t{}\t{}\n", metadata.len(), changed.unwrap_or_default().as_nanos(), number(metadata))
}

/// The file's number in its file system.
#[cfg(unix)]
fn number(metadata: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(metadata)
}

/// Other systems tell none.
#[cfg(not(unix))]
fn number(_metadata: &Metadata) -> u64 {
    0
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_change_changes_it_and_a_move_does_not() {
        let outer = tempfile::tempdir().unwrap();
        let (here, there) = (outer.path().join("here"), outer.path().join("there"));
        fs::create_dir_all(here.join("set/below")).unwrap();
        fs::create_dir(&there).unwrap();
        for name in ["a", "set/b", "set/below/c"] {
            fs::write(here.join(name), "12").unwrap();
        }
        let stamp = |folder: &Path| Stamp::of(folder, &["a", "set"]).unwrap();
        let before = stamp(&here);
        assert_eq!(stamp(&here), before);
        for name in ["a", "set"] {
            fs::rename(here.join(name), there.join(name)).unwrap();
        }
        assert_eq!(stamp(&there), before);
        // As long as before, and later.
        let changed = there.join("set/below/c");
        fs::write(&changed, "21").unwrap();
        let later = changed.metadata().unwrap().modified().unwrap() + Duration::from_millis(1);
        File::options().write(true).open(&changed).unwrap().set_modified(later).unwrap();
        assert_ne!(stamp(&there), before);
        assert!(Stamp::of(&here, &["a"]).is_err());
        let renamed = Stamp::of_renamed(&there.join("a"), "b").unwrap();
        fs::rename(there.join("a"), there.join("b")).unwrap();
        assert_eq!(Stamp::of(&there, &["b"]).unwrap(), renamed);
    }
}
