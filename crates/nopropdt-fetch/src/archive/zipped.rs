//! Zip archives.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use zip::ZipArchive;

use super::sink::Sink;
use crate::FetchError;

/// The file type in a Unix mode, and its value for a file and a folder.
const TYPE: u32 = 0o170_000;
const FILE: u32 = 0o100_000;
const FOLDER: u32 = 0o040_000;
/// Bytes of the shortest entry in a central directory.
const LEAST_ENTRY: u64 = 46;

pub(super) fn unpack(file: File, path: &Path, sink: &mut Sink<'_>) -> Result<(), FetchError> {
    let length = file.metadata().map_err(FetchError::io("read", path))?.len();
    let damaged = |sink: &Sink<'_>, error: zip::result::ZipError| {
        sink.refuse(format!("must be a whole zip archive; {error}"))
    };
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(|error| damaged(sink, error))?;
    let count = archive.len() as u64;
    if count > sink.limits().entries || count > length / LEAST_ENTRY {
        let most = sink.limits().entries;
        return Err(sink.refuse(format!("must hold at most {most} files and folders; it promises {count}")));
    }
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).map_err(|error| damaged(sink, error))?;
        let name = entry.name_raw().to_vec();
        // Archives from other systems have no mode, or one without a type.
        let kind = entry.unix_mode().map_or(0, |mode| mode & TYPE);
        if ![0, FILE, FOLDER].contains(&kind) || entry.is_symlink() {
            let name: String = String::from_utf8_lossy(&name).escape_debug().take(200).collect();
            return Err(
                sink.refuse(format!("must hold only files and folders; \"{name}\" is a link or a device"))
            );
        }
        if entry.is_dir() || kind == FOLDER {
            sink.directory(&name)?;
        } else {
            sink.file(&name, &mut entry)?;
        }
    }
    Ok(())
}
