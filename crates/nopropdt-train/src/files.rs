//! Files that appear whole: written beside their place, synced, then renamed.
//!
//! A reader, or a resumed run, finds the old file or the new one and never a torn one. A file that can't be written leaves the
//! old one as it was.

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;
use thiserror::Error;

/// How the name of a temporary file begins; one is left behind only by a kill.
pub(crate) const TEMPORARY: &str = ".writing-";

/// Why a file could not be written. What was there before is as it was.
#[derive(Debug, Error)]
#[error("{}: {}", path.display(), self.problem())]
pub struct WriteError {
    /// The file.
    pub path: PathBuf,
    /// The system's answer.
    pub reason: io::Error,
    /// Bytes that the file takes, and bytes that its disk had free: where the disk is full.
    pub space: Option<(u64, u64)>,
}

impl WriteError {
    /// What went wrong, for a message that names the file itself.
    #[must_use]
    pub fn problem(&self) -> String {
        match (self.reason.kind(), self.space) {
            (_, Some((needed, free))) if free > needed => {
                "the disk takes no further file, though it has room (inodes); remove some files".into()
            }
            (_, Some((needed, free))) => {
                let (needed, free) = (megabytes(needed), megabytes(free));
                format!("the disk is full: the file takes {needed} MB, {free} MB are free; make room")
            }
            (ErrorKind::QuotaExceeded, _) => "the disk quota is used up; make room".into(),
            (ErrorKind::FileTooLarge, _) => {
                "the file is larger than the system lets this program write; raise the limit (ulimit -f)"
                    .into()
            }
            (ErrorKind::ReadOnlyFilesystem, _) => "the disk can only be read; choose another folder".into(),
            (ErrorKind::NotFound, _) => "can't be written: there is no such folder".into(),
            // A temporary file's name, which such an error of tempfile's holds, tells nobody anything.
            (ErrorKind::Other, _) => format!("can't be written: {}; check the folder", self.reason),
            (kind, _) => format!("can't be written: {kind}; check the folder and its permissions"),
        }
    }
}

/// With two decimals, since small files can fill a small disk.
fn megabytes(bytes: u64) -> String {
    format!("{:.2}", bytes as f64 / 1e6)
}

/// Replaces the file at `path` by `bytes`, which are on the disk when this returns.
///
/// # Errors
/// [`WriteError`]; the old file is then as it was.
pub fn replace_file(path: &Path, bytes: &[u8]) -> Result<(), WriteError> {
    replace_file_with(path, &|| bytes.len() as u64, |file| file.write_all(bytes))
}

/// As [`replace_file`], for content of `length` bytes that `write` writes piece by piece. The length is asked for only when the
/// disk is full.
///
/// # Errors
/// [`WriteError`]; the old file is then as it was.
pub(crate) fn replace_file_with(
    path: &Path,
    length: &dyn Fn() -> u64,
    write: impl FnOnce(&mut File) -> io::Result<()>,
) -> Result<(), WriteError> {
    place(path, write, |file| file.persist(path).map_err(|error| error.error))
        .map_err(|reason| failed(path, reason, length))
}

/// As [`replace_file`], but the system brings the bytes to the disk when it likes: for a file that is written again and again, and can
/// be made again from one that is on the disk. [`settle`] brings it there at the end.
///
/// # Errors
/// [`WriteError`]; the old file is then as it was.
pub(crate) fn refresh_file(path: &Path, bytes: &[u8]) -> Result<(), WriteError> {
    let written = temporary(path).and_then(|mut file| {
        file.write_all(bytes)?;
        file.persist(path).map(drop).map_err(|error| error.error)
    });
    written.map_err(|reason| failed(path, reason, &|| bytes.len() as u64))
}

/// Removes the file at `path`, if there is one; it stays gone after a power cut.
///
/// # Errors
/// [`WriteError`] when the system refuses it.
pub(crate) fn remove_file(path: &Path) -> Result<(), WriteError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(reason) => Err(failed(path, reason, &|| 0)),
        Ok(()) => sync_folder(path).map_err(|reason| failed(path, reason, &|| 0)),
    }
}

/// Waits until the files, all of one folder, are on the disk.
///
/// # Errors
/// [`WriteError`] of the first that the disk refuses.
pub(crate) fn settle(paths: &[&Path]) -> Result<(), WriteError> {
    for path in paths {
        let settled = File::options().write(true).open(path).and_then(|file| file.sync_all());
        settled.and_then(|()| sync_folder(path)).map_err(|reason| failed(path, reason, &|| 0))?;
    }
    Ok(())
}

/// Writes `bytes` to a file at `path` where none may be; of two programs that try it at once, one does.
///
/// # Errors
/// [`WriteError`], of the kind [`ErrorKind::AlreadyExists`] when there is a file.
pub(crate) fn create_file(path: &Path, bytes: &[u8]) -> Result<(), WriteError> {
    create_file_with(path, &|| bytes.len() as u64, |file| file.write_all(bytes))
}

/// As [`create_file`], for content of `length` bytes that `write` writes piece by piece. The length is asked for only when the disk is
/// full.
///
/// # Errors
/// As `create_file`.
pub(crate) fn create_file_with(
    path: &Path,
    length: &dyn Fn() -> u64,
    write: impl FnOnce(&mut File) -> io::Result<()>,
) -> Result<(), WriteError> {
    place(path, write, |file| file.persist_noclobber(path).map_err(|error| error.error))
        .map_err(|reason| failed(path, reason, length))
}

/// Why a file could not be written, with the room that is left where the disk is full.
pub(crate) fn failed(path: &Path, reason: io::Error, length: &dyn Fn() -> u64) -> WriteError {
    let full = reason.kind() == ErrorKind::StorageFull;
    let free = full.then(|| fs4::available_space(folder_of(path)).ok()).flatten();
    WriteError { path: path.to_owned(), reason, space: free.map(|free| (length(), free)) }
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn place(
    path: &Path,
    write: impl FnOnce(&mut File) -> io::Result<()>,
    name: impl FnOnce(NamedTempFile) -> io::Result<File>,
) -> io::Result<()> {
    let mut file = temporary(path)?;
    write(file.as_file_mut())?;
    file.as_file().sync_all()?;
    name(file)?;
    sync_folder(path)
}

/// A temporary file beside `path`.
fn temporary(path: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(TEMPORARY);
    // Temporary files are private by default; a result is as readable as any other file of the user.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder_of(path))
}

/// A rename survives a power cut only once the folder is synced, which only Unix allows.
fn sync_folder(path: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(folder_of(path))?.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        replace_file(&path, b"old").unwrap();
        let half = |file: &mut File| {
            file.write_all(b"half of the n")?;
            Err(io::Error::other("a reason"))
        };
        let error = replace_file_with(&path, &|| 26, half).unwrap_err();
        assert_eq!(error.problem(), "can't be written: a reason; check the folder");
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        replace_file(&path, b"new").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "a temporary file was left");
    }

    #[test]
    fn a_refreshed_file_is_whole_too() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        for bytes in [b"old", b"new"] {
            refresh_file(&path, bytes).unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), bytes);
        }
        settle(&[&path]).unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "a temporary file was left");
        let absent = folder.path().join("absent/file");
        for error in [refresh_file(&absent, b""), settle(&[&absent])] {
            let message = error.unwrap_err().to_string();
            assert!(message.contains("absent/file: can't be written: "), "{message}");
        }
    }

    #[test]
    fn a_file_that_is_there_is_not_created() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        create_file(&path, b"first").unwrap();
        let error = create_file(&path, b"second").unwrap_err();
        assert_eq!(error.reason.kind(), ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read(&path).unwrap(), b"first");
    }

    #[test]
    fn the_systems_refusals_are_told_in_words() {
        let error = |kind: ErrorKind, space| WriteError { path: "a".into(), reason: kind.into(), space };
        assert_eq!(
            error(ErrorKind::StorageFull, Some((3_456_789, 12_000))).to_string(),
            "a: the disk is full: the file takes 3.46 MB, 0.01 MB are free; make room"
        );
        assert!(error(ErrorKind::StorageFull, Some((10, 11))).to_string().contains("takes no further file"));
        for (kind, words) in [
            (ErrorKind::QuotaExceeded, "a: the disk quota is used up"),
            (ErrorKind::FileTooLarge, "ulimit -f"),
            (ErrorKind::ReadOnlyFilesystem, "can only be read"),
            (ErrorKind::PermissionDenied, "a: can't be written: permission denied; check the folder"),
        ] {
            let message = error(kind, None).to_string();
            assert!(message.contains(words), "{message}");
        }
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let message = replace_file(&folder.path().join("absent/file"), b"").unwrap_err().to_string();
        assert!(message.ends_with("absent/file: can't be written: there is no such folder"), "{message}");
    }

    #[cfg(unix)]
    #[test]
    fn a_written_file_is_as_readable_as_any_other() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (plain, ours) = (folder.path().join("plain"), folder.path().join("ours"));
        std::fs::write(&plain, b"x").unwrap();
        replace_file(&ours, b"x").unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&ours), mode(&plain));
    }
}
