//! From a stream of bytes to a checked file under its final name.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Seek, Write};
use std::path::{Path, PathBuf};

use super::FetchEvent;
use super::dataset_folder::DatasetFolder;
use super::place::{place, sync_folder};
use super::record::{Fetched, Record};
use super::stamp::Stamp;
use super::unpacking::unpack_archive;
use crate::archive::survey;
use crate::content;
use crate::gunzip::{Gunzip, MAGIC};
use crate::hash::{ContentHash, WeakHash, hash_file};
use crate::idx::is_corruption;
use crate::manifest::Unpack;
use crate::{DataError, ManifestFile, plain_file};

/// Bytes moved at a time.
pub(super) const CHUNK: usize = 64 * 1024;
/// Bytes that tell a page or a message from data.
const BEGINNING: usize = 512;

/// The stamp of the file, or of what an archive held, if it is there as the manifest wants it. It is read unless it has the stamp that
/// it had when it was found `right` before.
pub(super) fn stamp_if_right(
    folder: &Path,
    wanted: &ManifestFile,
    record: &Record,
    right: Option<&Stamp>,
) -> Result<Option<Stamp>, DataError> {
    let known = record.of(wanted);
    if wanted.unpack().is_archive() {
        let contents = known.and_then(|known| known.unpacked.as_ref());
        let Some(contents) = contents else { return Ok(None) };
        if contents.roots.iter().any(|root| !folder.join(root).exists()) {
            return Ok(None);
        }
        // First, so that a change meanwhile is seen the next time.
        let stamp = Stamp::of(folder, &contents.roots)?;
        let is_right = right == Some(&stamp) || contents.sha256 == survey(folder, &contents.roots)?.sha256;
        return Ok(is_right.then_some(stamp));
    }
    let path = folder.join(&wanted.name);
    match fs::metadata(&path) {
        Ok(metadata) if metadata.is_file() && metadata.len() == wanted.bytes => {}
        Ok(_) => return Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(reason) => return Err(DataError::io("look at", path)(reason)),
    }
    let Some(sha256) = wanted.sha256.as_ref().or(known.map(|known| &known.sha256)) else { return Ok(None) };
    let stamp = Stamp::of(folder, &[&wanted.name])?;
    let is_right = right == Some(&stamp) || hash_file(&path)?.1 == *sha256;
    Ok(is_right.then_some(stamp))
}

/// Whether the file, or what an archive held, seems to be there, without reading it.
pub(super) fn is_present(folder: &Path, wanted: &ManifestFile, record: &Record) -> bool {
    if wanted.unpack().is_archive() {
        let contents = record.of(wanted).and_then(|known| known.unpacked.as_ref());
        return contents.is_some_and(|contents| contents.roots.iter().all(|root| folder.join(root).exists()));
    }
    fs::metadata(folder.join(&wanted.name)).is_ok_and(|metadata| metadata.len() == wanted.bytes)
}

/// Whether a file of the right length is there of whose content nothing is known: neither the manifest nor the record has
/// its hash.
pub(super) fn is_unknown(folder: &Path, wanted: &ManifestFile, record: &Record) -> bool {
    let known = wanted.unpack().is_archive() || wanted.sha256.is_some() || record.of(wanted).is_some();
    !known && is_present(folder, wanted, record)
}

/// What a file is taken from.
pub(super) struct Source<'a> {
    /// The file with its bytes, as they are sent or plain; it is left as it is.
    pub(super) path: &'a Path,
    /// The address or path to name in errors.
    pub(super) origin: &'a str,
}

/// Brings the content of `source` under its final name in `folder`, if it is what the manifest wants: decompressed, as it
/// is, or unpacked. Otherwise nothing under a final name is touched.
pub(super) fn install(
    source: &Source<'_>,
    wanted: &ManifestFile,
    folder: &DatasetFolder<'_>,
    on_event: &mut dyn FnMut(FetchEvent<'_>),
) -> Result<Fetched, DataError> {
    if wanted.unpack().is_archive() {
        return install_archive(source, wanted, folder, on_event);
    }
    let destination = folder.path.join(&wanted.name);
    let temporary = with_suffix(&destination, ".tmp");
    let installed = write_checked(source, wanted, &temporary).and_then(|mut fetched| {
        // Before it is placed, as for all that somebody else may reach.
        fetched.stamp = Some(Stamp::of_renamed(&temporary, &wanted.name)?);
        place(&temporary, &destination, &wanted.name, on_event)?;
        sync_folder(&destination)?;
        Ok(fetched)
    });
    remove_if_there(&temporary)?;
    installed
}

/// Unpacks straight from the source: the disk need not hold the archive twice. It is opened once, so that what is unpacked is
/// what was checked.
fn install_archive(
    source: &Source<'_>,
    wanted: &ManifestFile,
    folder: &DatasetFolder<'_>,
    on_event: &mut dyn FnMut(FetchEvent<'_>),
) -> Result<Fetched, DataError> {
    let mut file = plain_file::open(source.path)?.0;
    let mut fetched = check(&mut file, source.origin, wanted, &mut |_| Ok(()))?;
    file.rewind().map_err(DataError::io("read", source.path))?;
    on_event(FetchEvent::Unpacking { file: &wanted.name });
    let (unpacked, stamp) = unpack_archive(file, source.path, wanted, folder, on_event)?;
    (fetched.unpacked, fetched.stamp) = (Some(unpacked.into()), Some(stamp));
    sync_folder(&folder.path.join(&wanted.name))?;
    Ok(fetched)
}

/// Writes the content to `path` and checks it.
fn write_checked(source: &Source<'_>, wanted: &ManifestFile, path: &Path) -> Result<Fetched, DataError> {
    let mut sent = plain_file::open(source.path)?.0;
    let mut file = File::create(path).map_err(DataError::io("create", path))?;
    let fetched = check(&mut sent, source.origin, wanted, &mut |bytes| {
        file.write_all(bytes).map_err(DataError::io("write", path))
    })?;
    file.sync_all().map_err(DataError::io("write", path))?;
    Ok(fetched)
}

/// Reads the content, gives it to `write` piece by piece, and fails when it was not what the manifest wants.
fn check(
    source: &mut dyn Read,
    origin: &str,
    wanted: &ManifestFile,
    write: &mut dyn FnMut(&[u8]) -> Result<(), DataError>,
) -> Result<Fetched, DataError> {
    let read_error = |reason| {
        let (origin, file) = (origin.to_owned(), wanted.name.clone());
        if is_corruption(&reason) {
            DataError::ContentGzip { origin, file, reason }
        } else {
            DataError::Io { action: "read", path: PathBuf::from(origin), reason }
        }
    };
    let mut sent = Sent { source, sha256: ContentHash::default(), md5: WeakHash::default() };
    let mut content = decompressed(&mut sent, wanted.unpack()).map_err(read_error)?;
    let mut hash = ContentHash::default();
    let mut chunk = vec![0; CHUNK];
    let mut beginning = Vec::new();
    // One byte too many proves the content wrong; a bomb's other gigabytes are never decompressed.
    while hash.bytes() <= wanted.bytes {
        let most = CHUNK.min(usize::try_from(wanted.bytes - hash.bytes()).unwrap_or(CHUNK).saturating_add(1));
        let read = content.read(&mut chunk[..most]).map_err(read_error)?;
        if read == 0 {
            break;
        }
        hash.update(&chunk[..read]);
        beginning.extend_from_slice(&chunk[..read.min(BEGINNING - beginning.len())]);
        write(&chunk[..read])?;
    }
    drop(content);
    let fetched = Fetched {
        name: wanted.name.clone(),
        origin: origin.to_owned(),
        bytes: hash.bytes(),
        sha256: hash.hex(),
        download_sha256: sent.sha256.hex(),
        md5: sent.md5.hex(),
        unpacked: None,
        stamp: None,
    };
    compare(&fetched, wanted, content::message(&beginning))?;
    Ok(fetched)
}

/// Compares what came with what the manifest wants. `kind` is what came in words, where it is no data at all.
fn compare(fetched: &Fetched, wanted: &ManifestFile, kind: Option<&'static str>) -> Result<(), DataError> {
    let (origin, file) = (fetched.origin.clone(), wanted.name.clone());
    if fetched.bytes != wanted.bytes {
        let (wanted, found) = (wanted.bytes, fetched.bytes);
        return Err(DataError::ContentLength { origin, file, wanted, found, kind });
    }
    let (kind, wanted, found) = match (&wanted.sha256, &wanted.download_sha256, &wanted.md5) {
        (Some(sha256), ..) => ("SHA-256", sha256, &fetched.sha256),
        (None, Some(sha256), _) => ("SHA-256 (as sent)", sha256, &fetched.download_sha256),
        (None, None, Some(md5)) => ("MD5 (as sent)", md5, &fetched.md5),
        (None, None, None) => return Ok(()),
    };
    if wanted != found {
        return Err(DataError::ContentHash {
            origin,
            file,
            kind,
            wanted: wanted.clone(),
            found: found.clone(),
        });
    }
    Ok(())
}

/// Hashes what is read, as it was sent.
struct Sent<'a> {
    source: &'a mut dyn Read,
    sha256: ContentHash,
    md5: WeakHash,
}

impl Read for Sent<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(into)?;
        self.sha256.update(&into[..read]);
        self.md5.update(&into[..read]);
        Ok(read)
    }
}

/// The content of a stream that may or may not be gzip data: told by the first two bytes, not by the name,
/// since some servers decompress on the way. What is to stay as it is, stays.
fn decompressed<'a>(source: &'a mut dyn Read, how: Unpack) -> io::Result<Box<dyn Read + 'a>> {
    let mut source = BufReader::with_capacity(CHUNK, source);
    Ok(if how == Unpack::Gzip && source.fill_buf()?.starts_with(&MAGIC) {
        Box::new(Gunzip::new(source))
    } else {
        Box::new(source)
    })
}

/// Removes a file; that it isn't there is fine.
pub(super) fn remove_if_there(path: &Path) -> Result<(), DataError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(DataError::io("remove", path)(error)),
        _ => Ok(()),
    }
}

/// Removes a folder with all that is in it; that it isn't there is fine.
pub(super) fn remove_tree(path: &Path) -> Result<(), DataError> {
    match fs::remove_dir_all(path) {
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
