//! The event file of a run on the disk: records one after the other, added at its end.

use super::records::{framed, intact};
use crate::files::{WriteError, failed};
use std::fs::File;
use std::io::{self, ErrorKind, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// How names of event files begin, and how ours end.
const BEGINNING: &str = "events.out.tfevents.";
const END: &str = ".nopropdt";

/// An event file that is being written.
pub(super) struct EventFile {
    path: PathBuf,
    file: File,
    /// Where each of its records ends.
    ends: Vec<u64>,
}

/// The bytes of the event file that `folder` holds, and where it is; empty, under a name for this second, where there is none.
///
/// # Errors
/// When the folder or the file can't be read, or the folder not be made.
pub(super) fn found(folder: &Path, seconds: f64) -> Result<(PathBuf, Vec<u8>), WriteError> {
    let refused = |path: &Path| {
        let path = path.to_owned();
        move |reason| failed(&path, reason, &|| 0)
    };
    std::fs::create_dir_all(folder).map_err(refused(folder))?;
    let names = std::fs::read_dir(folder).and_then(|entries| {
        entries.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<Vec<_>>>()
    });
    let is_ours = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with(BEGINNING) && name.ends_with(END)
    };
    // Readers go by the names, which begin with a time.
    let last = names.map_err(refused(folder))?.into_iter().filter(is_ours).max();
    let path = last.unwrap_or_else(|| folder.join(format!("{BEGINNING}{:010}{END}", seconds as u64)));
    match std::fs::read(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok((path, Vec::new())),
        read => read.map_err(refused(&path)).map(|bytes| (path, bytes)),
    }
}

impl EventFile {
    /// The file at `path`, of which these records at its beginning are to stay: where they end.
    ///
    /// # Errors
    /// When it can't be written.
    pub(super) fn open(path: PathBuf, ends: Vec<u64>) -> Result<Self, WriteError> {
        let opened = File::options().write(true).create(true).truncate(false).open(&path);
        match opened {
            Ok(file) => Ok(Self { path, file, ends }),
            Err(reason) => Err(failed(&path, reason, &|| 0)),
        }
    }

    /// Number of its records.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Makes `data` its last record, number `index` from 0; what stands there and behind goes. A record is written in one piece, so that a
    /// kill leaves it whole, torn at the end of the file, or not there.
    ///
    /// # Errors
    /// When it can't be written.
    pub(super) fn put(&mut self, index: usize, data: &[u8]) -> Result<(), WriteError> {
        self.ends.truncate(index);
        let (start, record) = (self.ends.last().copied().unwrap_or(0), framed(data));
        self.write(start, &record)
            .map_err(|reason| failed(&self.path, reason, &|| start + record.len() as u64))?;
        self.ends.push(start + record.len() as u64);
        Ok(())
    }

    fn write(&mut self, start: u64, record: &[u8]) -> io::Result<()> {
        self.cut(start)?;
        self.file.write_all(record)
    }

    fn cut(&mut self, end: u64) -> io::Result<()> {
        self.file.set_len(end)?;
        self.file.seek(SeekFrom::Start(end)).map(drop)
    }

    /// Removes what stands behind its records, such as a torn one.
    ///
    /// # Errors
    /// When it can't be written.
    pub(super) fn trim(&mut self) -> Result<(), WriteError> {
        let end = self.ends.last().copied().unwrap_or(0);
        self.cut(end).map_err(|reason| failed(&self.path, reason, &|| 0))
    }

    /// Waits until it is on the disk.
    ///
    /// # Errors
    /// When the disk refuses it.
    pub(super) fn settle(&self) -> Result<(), WriteError> {
        self.file.sync_all().map_err(|reason| failed(&self.path, reason, &|| 0))
    }
}

/// Where the records of `bytes` end that are as they should be, from the first on. `is_right` is asked of each in turn.
pub(super) fn agreeing(bytes: &[u8], mut is_right: impl FnMut(usize, &[u8]) -> bool) -> Vec<u64> {
    let records = intact(bytes).into_iter().enumerate();
    records.take_while(|(index, (data, _))| is_right(*index, data)).map(|(_, (_, end))| end as u64).collect()
}

#[cfg(test)]
impl EventFile {
    /// One that nothing can be written to.
    pub(super) fn read_only(path: &Path) -> Self {
        Self { path: path.to_owned(), file: File::open(path).unwrap(), ends: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_takes_the_place_of_those_from_there_on() {
        let folder = tempfile::tempdir().unwrap();
        let (path, bytes) = found(&folder.path().join("events"), 5.7).unwrap();
        assert!(path.ends_with("events/events.out.tfevents.0000000005.nopropdt") && bytes.is_empty());
        let mut file = EventFile::open(path.clone(), Vec::new()).unwrap();
        for (index, data) in [(0, "a"), (1, "b"), (2, "c"), (1, "d")] {
            file.put(index, data.as_bytes()).unwrap();
        }
        assert_eq!(file.len(), 2);
        file.settle().unwrap();
        let again = found(&folder.path().join("events"), 9e9).unwrap();
        assert_eq!(again, (path.clone(), [framed(b"a"), framed(b"d")].concat()));
        let ends = agreeing(&again.1, |index, data| (index, data) == (0, &b"a"[..]));
        let mut file = EventFile::open(path.clone(), ends).unwrap();
        file.trim().unwrap();
        file.put(1, b"e").unwrap();
        assert_eq!(std::fs::read(path).unwrap(), [framed(b"a"), framed(b"e")].concat());
    }
}
