//! From a stream of bytes to a checked file under its final name.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

use super::FetchEvent;
use crate::hash::ContentHash;
use crate::idx::is_corruption;
use crate::{DataError, ManifestFile};

/// Bytes moved at a time.
pub(super) const CHUNK: usize = 64 * 1024;

/// Whether the file is there with the length and hash of the manifest.
pub(super) fn is_right(path: &Path, wanted: &ManifestFile) -> Result<bool, DataError> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() && metadata.len() == wanted.bytes => {}
        Ok(_) => return Ok(false),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(reason) => return Err(DataError::io("look at", path)(reason)),
    }
    let mut file = File::open(path).map_err(DataError::io("open", path))?;
    let mut hash = ContentHash::default();
    let mut chunk = vec![0; CHUNK];
    loop {
        match file.read(&mut chunk).map_err(DataError::io("read", path))? {
            0 => return Ok(hash.hex() == wanted.sha256),
            read => hash.update(&chunk[..read]),
        }
    }
}

/// Renames whatever lies at `path` to `NAME.wrong`, so that nothing wrong stays under a final name and nothing
/// of the user's is lost.
pub(super) fn set_aside(
    path: &Path,
    file: &str,
    on_event: &mut dyn FnMut(FetchEvent<'_>),
) -> Result<(), DataError> {
    let to = with_suffix(path, ".wrong");
    match fs::rename(path, &to) {
        Ok(()) => {
            on_event(FetchEvent::SetAside { file, to: &to });
            Ok(())
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(reason) => Err(DataError::io("rename", path)(reason)),
    }
}

/// Writes the content of `source`, decompressed where it is gzip data, to `destination`, if it is what the
/// manifest wants; otherwise `destination` is not touched. `origin` names the source in errors.
pub(super) fn install(
    source: &mut dyn Read,
    origin: &str,
    wanted: &ManifestFile,
    destination: &Path,
) -> Result<(), DataError> {
    let temporary = with_suffix(destination, ".tmp");
    let written = write_checked(source, origin, wanted, &temporary)
        .and_then(|()| fs::rename(&temporary, destination).map_err(DataError::io("rename", &temporary)));
    match written {
        Ok(()) => sync_folder(destination),
        Err(error) => {
            remove_if_there(&temporary)?;
            Err(error)
        }
    }
}

fn write_checked(
    source: &mut dyn Read,
    origin: &str,
    wanted: &ManifestFile,
    path: &Path,
) -> Result<(), DataError> {
    let read_error = |reason| {
        let (origin, file) = (origin.to_owned(), wanted.name.clone());
        if is_corruption(&reason) {
            DataError::ContentGzip { origin, file, reason }
        } else {
            DataError::Io { action: "read", path: PathBuf::from(origin), reason }
        }
    };
    let mut content = decompressed(source).map_err(read_error)?;
    let mut file = File::create(path).map_err(DataError::io("create", path))?;
    let mut hash = ContentHash::default();
    let mut chunk = vec![0; CHUNK];
    // One byte too many proves the content wrong; a bomb's other gigabytes are never decompressed.
    while hash.bytes() <= wanted.bytes {
        let most = CHUNK.min(usize::try_from(wanted.bytes - hash.bytes()).unwrap_or(CHUNK).saturating_add(1));
        let read = content.read(&mut chunk[..most]).map_err(read_error)?;
        if read == 0 {
            break;
        }
        hash.update(&chunk[..read]);
        file.write_all(&chunk[..read]).map_err(DataError::io("write", path))?;
    }
    compare(hash, origin, wanted)?;
    file.sync_all().map_err(DataError::io("write", path))
}

fn compare(hash: ContentHash, origin: &str, wanted: &ManifestFile) -> Result<(), DataError> {
    let (origin, file) = (origin.to_owned(), wanted.name.clone());
    if hash.bytes() != wanted.bytes {
        return Err(DataError::ContentLength { origin, file, wanted: wanted.bytes, found: hash.bytes() });
    }
    let found = hash.hex();
    if found != wanted.sha256 {
        return Err(DataError::ContentHash { origin, file, wanted: wanted.sha256.clone(), found });
    }
    Ok(())
}

/// The content of a stream that may or may not be gzip data: told by the first two bytes, not by the name,
/// since some servers decompress on the way.
fn decompressed<'a>(source: &'a mut dyn Read) -> io::Result<Box<dyn Read + 'a>> {
    let mut source = BufReader::with_capacity(CHUNK, source);
    Ok(if source.fill_buf()?.starts_with(&[0x1f, 0x8b]) {
        Box::new(MultiGzDecoder::new(source))
    } else {
        Box::new(source)
    })
}

/// Makes a rename outlast a power cut.
#[cfg(unix)]
fn sync_folder(file: &Path) -> Result<(), DataError> {
    let folder = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(DataError::io("write", folder))
}

/// Other systems can't open a folder for this.
#[cfg(not(unix))]
fn sync_folder(_file: &Path) -> Result<(), DataError> {
    Ok(())
}

/// Removes a file; that it isn't there is fine.
pub(super) fn remove_if_there(path: &Path) -> Result<(), DataError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(DataError::io("remove", path)(error)),
        _ => Ok(()),
    }
}

/// The path with `suffix` added to its last part.
pub(super) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
