//! Unpacking archives that may be hostile: no path leaves the folder, nothing but plain files and folders, and bounds on
//! what comes out, whatever the archive says of itself.

mod durable;
mod path;
mod sink;
mod tar_gz;
mod zipped;

use std::fs::{self, File, Metadata};
use std::path::Path;

use crate::hash::{ContentHash, hash_file};
use crate::{DataError, plain_file};

use sink::Sink;

/// The kinds of archive that can be unpacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArchiveKind {
    /// A tar archive, compressed with gzip.
    TarGz,
    /// A zip archive.
    Zip,
}

/// The most that may come out of an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArchiveLimits {
    /// Bytes of all files together.
    pub bytes: u64,
    /// Files and folders.
    pub entries: u64,
}

/// What came out of an archive, or lies in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unpacked {
    /// Names of the files and folders at the top, sorted.
    pub roots: Vec<String>,
    /// Number of files.
    pub files: u64,
    /// Bytes of all files together.
    pub bytes: u64,
    /// SHA-256 over every file's path, length and SHA-256, in the order of the paths.
    pub sha256: String,
}

/// Unpacks an archive into `folder`, which must be there and empty; what systems add by themselves (`__MACOSX`, `Thumbs.db`, `@eaDir`, …) is left
/// out.
///
/// # Errors
/// [`DataError::Archive`] when the archive is damaged, holds a path that leads out of the folder, a link or anything else
/// than files and folders, a file twice, more than the limits allow, more than 2,000 names at its top, or no file;
/// [`DataError::Io`] when the disk fails. What came out before stays in `folder`.
pub fn unpack(
    kind: ArchiveKind,
    archive: &Path,
    folder: &Path,
    limits: ArchiveLimits,
) -> Result<Unpacked, DataError> {
    unpack_opened(kind, plain_file::open(archive)?.0, archive, folder, limits)
}

/// The same with a file that is open already, at its beginning; `archive` names it in errors.
pub(crate) fn unpack_opened(
    kind: ArchiveKind,
    opened: File,
    archive: &Path,
    folder: &Path,
    limits: ArchiveLimits,
) -> Result<Unpacked, DataError> {
    let mut sink = Sink::new(archive, folder, limits);
    match kind {
        ArchiveKind::TarGz => tar_gz::unpack(opened, &mut sink)?,
        ArchiveKind::Zip => zipped::unpack(opened, archive, &mut sink)?,
    }
    sink.finish()
}

/// Looks at what was unpacked before: the files below `roots` in `folder`.
///
/// # Errors
/// [`DataError::Io`] when something can't be read, a root that is missing included.
pub(crate) fn survey(folder: &Path, roots: &[String]) -> Result<Unpacked, DataError> {
    let mut files = Vec::new();
    for root in roots {
        let path = folder.join(root);
        // The user may have moved it to a bigger disk, and left a link.
        let path = path.canonicalize().map_err(DataError::io("look at", &path))?;
        survey_below(&path, root, &mut files)?;
    }
    Ok(summary(files))
}

/// A hash of a file's content, or of all names and contents in a folder.
///
/// # Errors
/// [`DataError::Io`] when something can't be read.
pub(crate) fn fingerprint(path: &Path) -> Result<String, DataError> {
    let mut files = Vec::new();
    survey_below(path, "", &mut files)?;
    Ok(summary(files).sha256)
}

/// A file that was unpacked.
struct Entry {
    path: String,
    bytes: u64,
    sha256: String,
}

/// Files and folders that systems and their tools add, in lower case, in which they are compared: Windows has no other case.
const NOISE: [&str; 24] = [
    // macOS: in zip archives, in folders that are looked at, at the top of volumes.
    "__macosx",
    ".ds_store",
    ".appledouble",
    ".fseventsd",
    ".spotlight-v100",
    ".temporaryitems",
    ".trashes",
    "icon\r",
    "network trash folder",
    "temporary items",
    // Windows.
    "$recycle.bin",
    "recycler",
    "system volume information",
    "thumbs.db",
    "ehthumbs.db",
    "desktop.ini",
    // Linux: at the top of ext file systems.
    "lost+found",
    // Network storage by Synology and QNAP.
    "@eadir",
    "#recycle",
    "@recycle",
    "@recently-snapshot",
    "#snapshot",
    "@tmp",
    // Python.
    "__pycache__",
];

/// Whether a file or folder of this name is one that a system adds by itself: thumbnails, icons, what was thrown away. It is no part
/// of a dataset: in an archive it would look like a class of pictures or a picture, in a folder like a change.
pub(crate) fn is_noise(name: &str) -> bool {
    let name = name.to_lowercase();
    // What Windows' chkdsk finds goes to found.000 and so on.
    let is_found = |name: &str| {
        name.strip_prefix("found.")
            .is_some_and(|number| number.len() == 3 && number.bytes().all(|b| b.is_ascii_digit()))
    };
    // `._NAME` is where macOS puts what other file systems can't hold of NAME.
    name.starts_with("._") || is_found(&name) || NOISE.contains(&name.as_str())
}

fn survey_below(path: &Path, name: &str, files: &mut Vec<Entry>) -> Result<(), DataError> {
    walk(path, name, &mut |path, name, _| {
        let (bytes, sha256) = hash_file(path)?;
        files.push(Entry { path: name.to_owned(), bytes, sha256 });
        Ok(())
    })
}

/// What is done with a file: its path, its name from the top, what the system knows of it.
type Visit<'v> = dyn FnMut(&Path, &str, &Metadata) -> Result<(), DataError> + 'v;

/// Visits the file at `path`, or all files below it, in no particular order. Links are passed over, and what systems add.
pub(crate) fn walk(path: &Path, name: &str, visit: &mut Visit<'_>) -> Result<(), DataError> {
    let metadata = fs::symlink_metadata(path).map_err(DataError::io("look at", path))?;
    if metadata.is_file() {
        return visit(path, name, &metadata);
    }
    if metadata.is_dir() {
        for entry in fs::read_dir(path).map_err(DataError::io("read", path))? {
            let entry = entry.map_err(DataError::io("read", path))?;
            let below = entry.file_name().to_string_lossy().into_owned();
            if !is_noise(&below) {
                walk(&entry.path(), &format!("{name}/{below}"), visit)?;
            }
        }
    }
    Ok(())
}

fn summary(mut files: Vec<Entry>) -> Unpacked {
    files.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    let mut hash = ContentHash::default();
    let mut roots: Vec<String> = Vec::new();
    for Entry { path, bytes, sha256 } in &files {
        hash.update(format!("{path}\t{bytes}\t{sha256}\n").as_bytes());
        let root = path.split('/').next().unwrap_or(path);
        if roots.last().is_none_or(|last| last != root) {
            roots.push(root.to_owned());
        }
    }
    let bytes = files.iter().map(|file| file.bytes).sum();
    Unpacked { roots, files: files.len() as u64, bytes, sha256: hash.hex() }
}

#[cfg(test)]
mod tests;
