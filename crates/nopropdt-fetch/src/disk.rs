//! Small steps on files and folders, with errors that name them.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::FetchError;

/// Bytes moved at a time.
pub(crate) const CHUNK: usize = 64 * 1024;

/// Removes a file; that it isn't there is fine.
pub(crate) fn remove_if_there(path: &Path) -> Result<(), FetchError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(FetchError::io("remove", path)(error)),
        _ => Ok(()),
    }
}

/// Removes a folder with all that is in it; that it isn't there is fine.
pub(crate) fn remove_tree(path: &Path) -> Result<(), FetchError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(FetchError::io("remove", path)(error)),
        _ => Ok(()),
    }
}

/// The path with `suffix` added to its last part.
pub(crate) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Writes a file that appears whole, or not at all.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), FetchError> {
    let temporary = with_suffix(path, ".tmp");
    let mut file = File::create(&temporary).map_err(FetchError::io("create", &temporary))?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(FetchError::io("write", &temporary))?;
    fs::rename(&temporary, path).map_err(FetchError::io("rename", &temporary))?;
    sync_folder(path)
}

/// Makes a rename outlast a power cut.
#[cfg(unix)]
pub(crate) fn sync_folder(file: &Path) -> Result<(), FetchError> {
    let folder = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(FetchError::io("write", folder))
}

/// Other systems can't open a folder for this.
#[cfg(not(unix))]
pub(crate) fn sync_folder(_file: &Path) -> Result<(), FetchError> {
    Ok(())
}
