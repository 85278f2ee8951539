//! Opening the files of a dataset.

use std::fs::File;
use std::path::Path;

use crate::DataError;

/// Opens a plain file; returns its length too. Whatever else has a file's name, such as a pipe, could be waited on for ever.
///
/// # Errors
/// When it is no plain file, or can't be opened.
pub fn open(path: &Path) -> Result<(File, u64), DataError> {
    let kind = path.metadata().map_err(DataError::io("open", path))?.file_type();
    if !kind.is_file() {
        let found = if kind.is_dir() { "it is a folder" } else { "it is a pipe or a device" };
        return Err(DataError::format(path, "must be a plain file", found));
    }
    let file = File::open(path).map_err(DataError::io("open", path))?;
    let length = file.metadata().map_err(DataError::io("read", path))?.len();
    Ok((file, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_no_files() {
        let folder = tempfile::tempdir().unwrap();
        let message = open(folder.path()).unwrap_err().to_string();
        assert!(message.ends_with(": must be a plain file; it is a folder"), "{message}");
        std::fs::write(folder.path().join("three"), b"abc").unwrap();
        assert_eq!(open(&folder.path().join("three")).unwrap().1, 3);
    }

    /// A socket is refused as a pipe is, and can be made without unsafe code.
    #[cfg(unix)]
    #[test]
    fn what_might_never_end_is_not_opened() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        let _socket = std::os::unix::net::UnixListener::bind(&path).unwrap();
        let message = open(&path).unwrap_err().to_string();
        assert!(message.ends_with("a.png: must be a plain file; it is a pipe or a device"), "{message}");
    }
}
