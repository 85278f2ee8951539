//! A stream of bytes, held against what the manifest says of a file.

use std::io::{self, BufRead, BufReader, Read};

use nopropdt_data::files::{self, Gunzip, MAGIC, is_corruption};

use crate::disk::CHUNK;
use crate::hash::{ContentHash, WeakHash};
use crate::manifest::Unpack;
use crate::record::Fetched;
use crate::{FetchError, ManifestFile};

/// Bytes that tell a page or a message from data.
const BEGINNING: usize = 512;

/// Reads the content, gives it to `write` piece by piece, and fails when it was not what the manifest wants.
pub(crate) fn check(
    source: &mut dyn Read,
    origin: &str,
    wanted: &ManifestFile,
    write: &mut dyn FnMut(&[u8]) -> Result<(), FetchError>,
) -> Result<Fetched, FetchError> {
    let read_error = |reason: io::Error| match is_corruption(&reason) {
        true => {
            let rule = format!("content of {} must be whole gzip data", wanted.name);
            FetchError::invalid(origin, rule, reason.to_string())
        }
        false => FetchError::io("read", origin)(reason),
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
    compare(&fetched, wanted, files::message(&beginning))?;
    Ok(fetched)
}

/// Compares what came with what the manifest wants. `kind` is what came in words, where it is no data at all.
fn compare(fetched: &Fetched, wanted: &ManifestFile, kind: Option<&'static str>) -> Result<(), FetchError> {
    let refuse = |rule: String, found: String| {
        Err(FetchError::invalid(
            &fetched.origin,
            format!("content of {} must {rule}", wanted.name),
            format!("found {found}"),
        ))
    };
    if fetched.bytes != wanted.bytes {
        // Reading stops one byte past the right length.
        let found = if fetched.bytes > wanted.bytes { "more".to_owned() } else { fetched.bytes.to_string() };
        let kind = kind.map(|kind| format!(", {kind}")).unwrap_or_default();
        return refuse(format!("be {} bytes", wanted.bytes), format!("{found}{kind}"));
    }
    let (kind, wanted, found) = match (&wanted.sha256, &wanted.download_sha256, &wanted.md5) {
        (Some(sha256), ..) => ("SHA-256", sha256, &fetched.sha256),
        (None, Some(sha256), _) => ("SHA-256 (as sent)", sha256, &fetched.download_sha256),
        (None, None, Some(md5)) => ("MD5 (as sent)", md5, &fetched.md5),
        (None, None, None) => return Ok(()),
    };
    if wanted == found { Ok(()) } else { refuse(format!("have {kind} {wanted}"), found.clone()) }
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
