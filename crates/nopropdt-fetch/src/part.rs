//! An interrupted download, kept for the next attempt or the next run.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use nopropdt_data::files;

use crate::FetchError;
use crate::disk::{remove_if_there, with_suffix};

/// `NAME.part`, NAME as it is sent, with `NAME.part.source` beside it: the address and, on a second line, the validator (ETag or
/// date) of the bytes. Mirrors compress differently, so bytes are only ever added to those of the same source.
pub(crate) struct Part {
    path: PathBuf,
    source: PathBuf,
}

/// Where an interrupted download can go on.
pub(crate) struct Resume {
    /// Bytes there, at least 1.
    pub(crate) done: u64,
    /// For `If-Range`; `None` when the server gave none.
    pub(crate) validator: Option<String>,
}

impl Part {
    /// The part of a file that is sent under the last name of `path`.
    pub(crate) fn beside(path: &Path) -> Self {
        Self { path: with_suffix(path, ".part"), source: with_suffix(path, ".part.source") }
    }

    /// What is there from this address; `None` when nothing is or it came from elsewhere.
    pub(crate) fn resume(&self, url: &str) -> Option<Resume> {
        // Whatever can't be read here is simply downloaded again.
        let source = io::read_to_string(files::open(&self.source).ok()?.0).ok()?;
        let done = files::open(&self.path).ok()?.1;
        let mut lines = source.lines();
        if lines.next() != Some(url) || done == 0 {
            return None;
        }
        Some(Resume { done, validator: lines.next().filter(|line| !line.is_empty()).map(str::to_owned) })
    }

    /// Bytes there; 0 when nothing is.
    pub(crate) fn len(&self) -> u64 {
        fs::metadata(&self.path).map_or(0, |metadata| metadata.len())
    }

    /// Opens the part to add bytes at its end.
    pub(crate) fn append(&self) -> Result<File, FetchError> {
        File::options().append(true).open(&self.path).map_err(FetchError::io("open", &self.path))
    }

    /// Begins anew, with bytes from `url`.
    pub(crate) fn restart(&self, url: &str, validator: Option<&str>) -> Result<File, FetchError> {
        // The old bytes go first: a crash in between must not leave them beside a new source. So does what is no file.
        self.discard()?;
        let file = File::create(&self.path).map_err(FetchError::io("create", &self.path))?;
        let source = format!("{url}\n{}\n", validator.unwrap_or_default());
        fs::write(&self.source, source).map_err(FetchError::io("write", &self.source))?;
        Ok(file)
    }

    /// Removes the part.
    pub(crate) fn discard(&self) -> Result<(), FetchError> {
        remove_if_there(&self.path)?;
        remove_if_there(&self.source)
    }

    /// Where the bytes are.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}
