//! Making what was unpacked outlast a power cut.

use std::fs::File;
use std::path::Path;

use crate::FetchError;
use crate::contents::Entry;

/// Returns when the files below `folder` are on the disk, whole.
///
/// One call for the whole file system: one a file takes minutes for 100,000 of them.
#[cfg(target_os = "linux")]
pub(super) fn sync(folder: &Path, _files: &[Entry]) -> Result<(), FetchError> {
    let opened = File::open(folder).map_err(FetchError::io("open", folder))?;
    rustix::fs::syncfs(opened).map_err(|error| FetchError::io("write", folder)(error.into()))
}

/// Returns when the files below `folder` are on the disk, whole.
#[cfg(not(target_os = "linux"))]
pub(super) fn sync(folder: &Path, files: &[Entry]) -> Result<(), FetchError> {
    for Entry { path, .. } in files {
        let path = folder.join(path);
        // Some systems want the right to write for this.
        let file = File::options().write(true).open(&path).map_err(FetchError::io("open", &path))?;
        file.sync_all().map_err(FetchError::io("write", &path))?;
    }
    Ok(())
}
