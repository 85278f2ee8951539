//! Where the files of an archive go, and where the bounds are kept.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

use nopropdt_data::files::is_noise;

use super::durable;
use super::path::{joined, safe};
use crate::FetchError;
use crate::contents::{Contents, Entry, summary};
use crate::disk::CHUNK;
use crate::hash::ContentHash;

/// A dataset has one folder at its top, or one for each class. Each is moved and put on record by itself.
const MOST_ROOTS: usize = 2000;

/// The most that may come out of an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArchiveLimits {
    /// Bytes of all files together.
    pub bytes: u64,
    /// Files and folders.
    pub entries: u64,
}

pub(super) struct Sink<'a> {
    archive: &'a Path,
    folder: &'a Path,
    limits: ArchiveLimits,
    entries: u64,
    bytes: u64,
    files: Vec<Entry>,
}

impl<'a> Sink<'a> {
    pub(super) fn new(archive: &'a Path, folder: &'a Path, limits: ArchiveLimits) -> Self {
        Self { archive, folder, limits, entries: 0, bytes: 0, files: Vec::new() }
    }

    pub(super) fn limits(&self) -> ArchiveLimits {
        self.limits
    }

    /// An error about the archive.
    pub(super) fn refuse(&self, problem: impl Into<String>) -> FetchError {
        let problem: String = problem.into();
        let problem = problem.split_whitespace().collect::<Vec<_>>().join(" ");
        FetchError::Archive { path: self.archive.to_owned(), problem }
    }

    fn count(&mut self) -> Result<(), FetchError> {
        self.entries += 1;
        if self.entries > self.limits.entries {
            return Err(self.refuse(format!(
                "must hold at most {} files and folders; it holds more",
                self.limits.entries
            )));
        }
        Ok(())
    }

    /// The parts of a path; none of one to pass over.
    fn parts<'n>(&self, name: &'n [u8]) -> Result<Option<Vec<&'n str>>, FetchError> {
        let noise = |part: &[u8]| std::str::from_utf8(part).is_ok_and(is_noise);
        let parts = || name.split(|&byte| byte == b'/').filter(|part| !part.is_empty());
        if !parts().any(noise) {
            return safe(name).map(Some).map_err(|problem| self.refuse(problem));
        }
        // macOS calls the icon of a folder by a name that is not safe, so only the rest of the path is looked at.
        let rest = parts().filter(|part| !noise(part)).collect::<Vec<_>>().join(&b'/');
        if !rest.is_empty() {
            safe(&rest).map_err(|problem| self.refuse(problem))?;
        }
        Ok(None)
    }

    /// Makes a folder.
    pub(super) fn directory(&mut self, name: &[u8]) -> Result<(), FetchError> {
        self.count()?;
        // The folder itself.
        if matches!(name, b"." | b"./") {
            return Ok(());
        }
        let Some(parts) = self.parts(name)? else { return Ok(()) };
        let path = self.folder.join(joined(&parts));
        fs::create_dir_all(&path).map_err(|reason| self.made(&path, reason))
    }

    /// Writes a file. No link is ever made in the folder, so none can be followed out of it.
    pub(super) fn file(&mut self, name: &[u8], content: &mut dyn Read) -> Result<(), FetchError> {
        self.count()?;
        let Some(parts) = self.parts(name)? else { return Ok(()) };
        let path = self.folder.join(joined(&parts));
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(|reason| self.made(parent, reason))?;
        }
        let mut file = File::options()
            .write(true)
            .create_new(true)
            .open(&path)
            .map_err(|reason| self.made(&path, reason))?;
        let mut hash = ContentHash::default();
        let mut chunk = vec![0; CHUNK];
        loop {
            let read =
                content.read(&mut chunk).map_err(|reason| self.refuse(format!("must be whole; {reason}")))?;
            if read == 0 {
                break;
            }
            self.bytes += read as u64;
            if self.bytes > self.limits.bytes {
                let most = self.limits.bytes;
                return Err(self.refuse(format!("must unpack to at most {most} bytes; it holds more")));
            }
            hash.update(&chunk[..read]);
            file.write_all(&chunk[..read]).map_err(FetchError::io("write", &path))?;
        }
        self.files.push(Entry { path: parts.join("/"), bytes: hash.bytes(), sha256: hash.hex() });
        Ok(())
    }

    /// That something is there already, or a file where a folder must be, is the archive's fault.
    fn made(&self, path: &Path, reason: io::Error) -> FetchError {
        match reason.kind() {
            io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => {
                let name = path.strip_prefix(self.folder).unwrap_or(path).display();
                self.refuse(format!("must hold each name once; {name} is there twice"))
            }
            _ => FetchError::io("create", path)(reason),
        }
    }

    /// What came out; it is on the disk, so that it can get its final name.
    pub(super) fn finish(mut self) -> Result<Contents, FetchError> {
        if self.files.is_empty() {
            return Err(self.refuse("must hold files; it holds none"));
        }
        durable::sync(self.folder, &self.files)?;
        let unpacked = summary(std::mem::take(&mut self.files));
        if unpacked.roots.len() > MOST_ROOTS {
            let rule = format!("must hold at most {MOST_ROOTS} names at its top; it holds more");
            return Err(self.refuse(format!("{rule}: put all in one folder")));
        }
        Ok(unpacked)
    }
}
