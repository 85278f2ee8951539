//! Tar archives, compressed with gzip.

use std::fs::File;
use std::io::{self, BufReader, Read};

use nopropdt_data::files::Gunzip;
use tar::{Archive, EntryType, PaxExtensions};

use super::sink::Sink;
use crate::FetchError;

/// Longest extended header: names in it are of 255 bytes a part at most.
const MOST_EXTENSION: u64 = 64 * 1024;
/// Blocks of an entry beside its content: its header, padding, and one extended header with its own.
const OVERHEAD: u64 = 4 * 512 + MOST_EXTENSION;

pub(super) fn unpack(file: File, sink: &mut Sink<'_>) -> Result<(), FetchError> {
    let limits = sink.limits();
    // Whatever is inflated only to be passed over counts too.
    let most = limits.bytes.saturating_add(limits.entries.saturating_mul(OVERHEAD)).saturating_add(1 << 20);
    let mut archive = Archive::new(Gunzip::new(BufReader::new(file)).take(most));
    let damaged =
        |sink: &Sink<'_>, error: io::Error| sink.refuse(format!("must be a whole tar.gz archive; {error}"));
    let entries = archive.entries().map_err(|error| damaged(sink, error))?;
    let mut long_name: Option<Vec<u8>> = None;
    // Raw: the tar crate would read an extended header of any length into memory.
    for entry in entries.raw(true) {
        let mut entry = entry.map_err(|error| damaged(sink, error))?;
        let kind = entry.header().entry_type();
        match kind {
            EntryType::Regular | EntryType::Continuous => {
                let name = long_name.take().unwrap_or_else(|| entry.path_bytes().into_owned());
                // Old archives mark a folder by its name only.
                if name.ends_with(b"/") {
                    sink.directory(&name)?;
                } else {
                    sink.file(&name, &mut entry)?;
                }
            }
            EntryType::Directory => {
                let name = long_name.take().unwrap_or_else(|| entry.path_bytes().into_owned());
                sink.directory(&name)?;
            }
            EntryType::GNULongName => {
                let mut name = extension(sink, &mut entry)?;
                while name.last() == Some(&0) {
                    name.pop();
                }
                long_name = Some(name);
            }
            EntryType::XHeader => {
                if let Some(name) = extended_path(sink, &extension(sink, &mut entry)?)? {
                    long_name = Some(name);
                }
            }
            EntryType::XGlobalHeader => drop(extension(sink, &mut entry)?),
            _ => {
                let name = long_name.take().unwrap_or_else(|| entry.path_bytes().into_owned());
                let name: String = String::from_utf8_lossy(&name).escape_debug().take(200).collect();
                return Err(sink
                    .refuse(format!("must hold only files and folders; \"{name}\" is {}", described(kind))));
            }
        }
    }
    // To the end, where the checksum is.
    io::copy(&mut archive.into_inner(), &mut io::sink()).map_err(|error| damaged(sink, error))?;
    Ok(())
}

fn described(kind: EntryType) -> &'static str {
    match kind {
        EntryType::Symlink => "a symbolic link",
        EntryType::Link => "a hard link",
        EntryType::Char | EntryType::Block => "a device",
        EntryType::Fifo => "a pipe",
        EntryType::GNUSparse => "a sparse file",
        _ => "of a kind of its own",
    }
}

fn extension(sink: &Sink<'_>, content: &mut dyn Read) -> Result<Vec<u8>, FetchError> {
    let mut bytes = Vec::new();
    content
        .take(MOST_EXTENSION + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| sink.refuse(format!("must be a whole tar.gz archive; {error}")))?;
    if bytes.len() as u64 > MOST_EXTENSION {
        return Err(
            sink.refuse(format!("an extended header must have at most {MOST_EXTENSION} bytes; one has more"))
        );
    }
    Ok(bytes)
}

/// The path in a pax header. What would change where or how much is written otherwise is refused; times and owners are
/// passed over.
fn extended_path(sink: &Sink<'_>, header: &[u8]) -> Result<Option<Vec<u8>>, FetchError> {
    let mut path = None;
    for record in PaxExtensions::new(header) {
        let record =
            record.map_err(|error| sink.refuse(format!("must be a whole tar.gz archive; {error}")))?;
        match record.key_bytes() {
            b"path" => path = Some(record.value_bytes().to_vec()),
            key if key == b"linkpath" || key == b"size" || key.starts_with(b"GNU.sparse") => {
                let key = String::from_utf8_lossy(key);
                return Err(sink.refuse(format!("must be plain; an extended header sets {key}")));
            }
            _ => {}
        }
    }
    Ok(path)
}
