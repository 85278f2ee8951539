//! Listings of folders, each read from the disk once: what lays a folder out and what collects its pictures read the same.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

use crate::DataError;
use crate::noise::is_noise;

/// A name in a folder.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) name: OsString,
    pub(super) kind: EntryKind,
}

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EntryKind {
    Folder,
    LinkToFolder,
    /// A file, or a link to one or to nothing.
    File,
}

/// The listings read so far that nobody took.
#[derive(Debug, Default)]
pub(super) struct Scan {
    kept: RefCell<HashMap<PathBuf, Vec<Entry>>>,
}

impl Scan {
    /// What `folder` holds, but for what is passed over, in no order. It is kept for whoever takes it.
    pub(super) fn list(&self, folder: &Path) -> Result<Vec<Entry>, DataError> {
        let entries = self.take(folder)?;
        self.kept.borrow_mut().insert(folder.to_owned(), entries.clone());
        Ok(entries)
    }

    /// What `folder` holds, as [`list`](Self::list) has it, for the last that wants it.
    pub(super) fn take(&self, folder: &Path) -> Result<Vec<Entry>, DataError> {
        match self.kept.borrow_mut().remove(folder) {
            Some(entries) => Ok(entries),
            None => read(folder),
        }
    }
}

fn read(folder: &Path) -> Result<Vec<Entry>, DataError> {
    #[cfg(test)]
    tests::READ.with_borrow_mut(|read| read.push(folder.to_owned()));
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder).map_err(DataError::io("read", folder))? {
        let entry = entry.map_err(DataError::io("read", folder))?;
        let name = entry.file_name();
        if is_passed_over(&name) {
            continue;
        }
        let kind = entry.file_type().map_err(DataError::io("read", folder))?;
        let kind = match kind.is_dir() {
            true => EntryKind::Folder,
            false if kind.is_symlink() && entry.path().is_dir() => EntryKind::LinkToFolder,
            false => EntryKind::File,
        };
        entries.push(Entry { name, kind });
    }
    Ok(entries)
}

/// Whether a file or folder is hidden, or one that a system or a program adds everywhere.
fn is_passed_over(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".") || name.to_str().is_some_and(is_noise)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    thread_local! {
        /// The folders that were read from the disk on this thread.
        pub(in crate::folder) static READ: RefCell<Vec<PathBuf>> = const { RefCell::new(Vec::new()) };
    }

    #[test]
    fn a_listing_is_read_once_and_taken_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        fs::create_dir(path.join("inner")).unwrap();
        for name in ["a.png", ".hidden", "Thumbs.db"] {
            fs::write(path.join(name), "").unwrap();
        }
        let names = |mut entries: Vec<Entry>| {
            entries.sort_by(|one, other| one.name.cmp(&other.name));
            entries
                .into_iter()
                .map(|entry| (entry.name.into_string().unwrap(), entry.kind))
                .collect::<Vec<_>>()
        };
        let expected = [("a.png".to_owned(), EntryKind::File), ("inner".to_owned(), EntryKind::Folder)];
        let scan = Scan::default();
        assert_eq!(names(scan.list(path).unwrap()), expected);
        fs::write(path.join("late"), "").unwrap();
        assert_eq!(names(scan.list(path).unwrap()), expected);
        assert_eq!(names(scan.take(path).unwrap()), expected);
        assert_eq!(names(scan.take(path).unwrap()).len(), 3);
    }
}
