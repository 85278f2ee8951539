//! What lies in a folder, by names, lengths and hashes.

use std::fs::{self, Metadata};
use std::path::Path;

use nopropdt_data::files::is_noise;
use serde::{Deserialize, Serialize};

use crate::FetchError;
use crate::hash::{ContentHash, hash_file};

/// What came out of an archive, or lies in a folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contents {
    /// Names of the files and folders at the top, sorted.
    pub roots: Vec<String>,
    /// Number of files.
    pub files: u64,
    /// Bytes of all files together.
    pub bytes: u64,
    /// SHA-256 over every file's path, length and SHA-256, in the order of the paths.
    pub sha256: String,
}

/// Looks at what was unpacked before: the files below `roots` in `folder`.
///
/// # Errors
/// [`FetchError::Io`] when something can't be read, a root that is missing included.
pub(crate) fn survey(folder: &Path, roots: &[String]) -> Result<Contents, FetchError> {
    let mut files = Vec::new();
    for root in roots {
        let path = folder.join(root);
        // The user may have moved it to a bigger disk, and left a link.
        let path = path.canonicalize().map_err(FetchError::io("look at", &path))?;
        survey_below(&path, root, &mut files)?;
    }
    Ok(summary(files))
}

/// A hash of a file's content, or of all names and contents in a folder.
///
/// # Errors
/// [`FetchError::Io`] when something can't be read.
pub(crate) fn fingerprint(path: &Path) -> Result<String, FetchError> {
    let mut files = Vec::new();
    survey_below(path, "", &mut files)?;
    Ok(summary(files).sha256)
}

/// A file that was unpacked.
pub(crate) struct Entry {
    pub(crate) path: String,
    pub(crate) bytes: u64,
    pub(crate) sha256: String,
}

fn survey_below(path: &Path, name: &str, files: &mut Vec<Entry>) -> Result<(), FetchError> {
    walk(path, name, &mut |path, name, _| {
        let (bytes, sha256) = hash_file(path)?;
        files.push(Entry { path: name.to_owned(), bytes, sha256 });
        Ok(())
    })
}

/// What is done with a file: its path, its name from the top, what the system knows of it.
type Visit<'v> = dyn FnMut(&Path, &str, &Metadata) -> Result<(), FetchError> + 'v;

/// Visits the file at `path`, or all files below it, in no particular order. Links are passed over, and what systems add.
pub(crate) fn walk(path: &Path, name: &str, visit: &mut Visit<'_>) -> Result<(), FetchError> {
    let metadata = fs::symlink_metadata(path).map_err(FetchError::io("look at", path))?;
    if metadata.is_file() {
        return visit(path, name, &metadata);
    }
    if metadata.is_dir() {
        for entry in fs::read_dir(path).map_err(FetchError::io("read", path))? {
            let entry = entry.map_err(FetchError::io("read", path))?;
            let below = entry.file_name().to_string_lossy().into_owned();
            if !is_noise(&below) {
                walk(&entry.path(), &format!("{name}/{below}"), visit)?;
            }
        }
    }
    Ok(())
}

/// All files together.
pub(crate) fn summary(mut files: Vec<Entry>) -> Contents {
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
    Contents { roots, files: files.len() as u64, bytes, sha256: hash.hex() }
}
