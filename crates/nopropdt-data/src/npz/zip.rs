//! A strict reader of zip archives, as far as NumPy and Python write them: one file, members stored or deflated, sizes of 32 or 64 bits.
//!
//! An archive ends in a directory of its members. Sizes in it are believed only when the file is long enough for them; inflated ones,
//! when deflate could ever make that much.

use std::fs::File;
use std::io::{BufReader, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use flate2::Crc;
use flate2::bufread::DeflateDecoder;

use super::fields::Fields;
use crate::error::apposition;
use crate::gunzip::{MOST_INFLATION, is_corruption};
use crate::{DataError, content, plain_file};

const END: u32 = 0x0605_4b50;
const END_BYTES: usize = 22;
const LOCATOR_64: u32 = 0x0706_4b50;
const LOCATOR_64_BYTES: u64 = 20;
const END_64: u32 = 0x0606_4b50;
const END_64_BYTES: u64 = 56;
const ENTRY: u32 = 0x0201_4b50;
const LOCAL: u32 = 0x0403_4b50;
const LOCAL_BYTES: u64 = 30;
/// The kind of an extra field with sizes of 64 bits.
const EXTRA_64: u16 = 1;
/// What stands for a number that such a field has.
const IN_EXTRA: u64 = 0xffff_ffff;

const STORED: u16 = 0;
const DEFLATED: u16 = 8;
/// In the flags of a member.
const ENCRYPTED: u16 = 1;

/// Far above the six arrays that are read.
const MOST_MEMBERS: u64 = 1000;
const MOST_DIRECTORY_BYTES: u64 = 1 << 20;
const WHOLE: &str = "must be a whole zip archive, as numpy.savez writes it";

/// An archive whose directory was read.
#[derive(Clone, Debug)]
pub(super) struct Archive {
    path: PathBuf,
    members: Vec<Member>,
    /// Where the directory begins, and the members end.
    directory: u64,
}

/// A member, as the directory describes it.
#[derive(Clone, Debug)]
pub(super) struct Member {
    name: String,
    flags: u16,
    method: u16,
    checksum: u32,
    /// Bytes in the file.
    packed: u64,
    /// Bytes that come out.
    size: u64,
    /// Where it begins.
    begin: u64,
}

impl Archive {
    /// Reads the directory of the archive at `path`.
    pub(super) fn open(path: &Path) -> Result<Self, DataError> {
        let (file, length) = plain_file::open(path).map_err(|error| match error {
            DataError::Io { reason, path, .. } if reason.kind() == ErrorKind::NotFound => {
                DataError::NoFile { file: path }
            }
            other => other,
        })?;
        let mut reader = Reader { path, file, length };
        let End { begin, bytes, members } = reader.end()?;
        let directory = reader.bytes(begin, bytes, "its directory")?;
        let mut fields = Fields(&directory);
        let entries = (0..members).map(|_| entry(&mut fields)).collect::<Option<Vec<_>>>();
        let members = entries.ok_or_else(|| reader.wrong(WHOLE, "its directory is damaged"))?;
        Ok(Self { path: path.to_owned(), members, directory: begin })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Names of all members.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.members.iter().map(|member| member.name.as_str())
    }

    /// The member of that name.
    pub(super) fn member(&self, name: &str) -> Result<Option<&Member>, DataError> {
        let mut found = self.members.iter().filter(|member| member.name == name);
        let first = found.next();
        if found.next().is_some() {
            let rule = "must hold each array once";
            return Err(DataError::in_file(&self.path, rule, format!("{name} is there twice")));
        }
        Ok(first)
    }

    /// Opens a member.
    pub(super) fn read(&self, member: &Member) -> Result<Content, DataError> {
        let Member { name, method, packed, size, begin, .. } = member;
        let (file, length) = plain_file::open(&self.path)?;
        let mut reader = Reader { path: &self.path, file, length };
        if member.flags & ENCRYPTED != 0 {
            return Err(reader.wrong("must not be encrypted", format!("{name} is")));
        }
        let fits = match *method {
            STORED => packed == size,
            DEFLATED => *size <= packed.saturating_mul(MOST_INFLATION),
            other => {
                let found = format!("{name} is packed by method {other}");
                return Err(reader.wrong("its members must be stored or deflated", found));
            }
        };
        if !fits {
            return Err(reader.wrong(WHOLE, format!("{packed} bytes of {name} can't become {size}")));
        }
        let header = reader.bytes(*begin, LOCAL_BYTES, name)?;
        let skipped =
            local(&header).ok_or_else(|| reader.wrong(WHOLE, format!("{name} has no beginning")))?;
        let begin = begin + LOCAL_BYTES + skipped;
        if begin.checked_add(*packed).is_none_or(|end| end > self.directory) {
            let found = format!("{name} of {packed} bytes begins at byte {begin} of {length}");
            return Err(reader.wrong(WHOLE, found));
        }
        reader.file.seek(SeekFrom::Start(begin)).map_err(DataError::io("read", &self.path))?;
        let packed = BufReader::with_capacity(1 << 17, reader.file).take(*packed);
        let source: Box<dyn Read> =
            if *method == STORED { Box::new(packed) } else { Box::new(DeflateDecoder::new(packed)) };
        Ok(Content { path: self.path.clone(), member: member.clone(), source, crc: Crc::new(), done: 0 })
    }
}

/// A member being read.
pub(super) struct Content {
    path: PathBuf,
    member: Member,
    source: Box<dyn Read>,
    crc: Crc,
    /// Bytes that came out.
    done: u64,
}

impl Content {
    pub(super) fn wrong(&self, rule: impl Into<String>, found: impl Into<String>) -> DataError {
        DataError::in_file(&self.path, rule, found)
    }

    /// Bytes that are still to come.
    pub(super) fn left(&self) -> u64 {
        self.member.size - self.done
    }

    /// Reads `count` bytes, which must all be there, behind what `into` has. Memory grows with what comes, not with what was promised.
    pub(super) fn append(&mut self, count: u64, into: &mut Vec<u8>) -> Result<(), DataError> {
        let Member { name, size, .. } = &self.member;
        if count > self.left() {
            return Err(self.wrong(WHOLE, format!("{name} of {size} bytes ends too soon")));
        }
        let before = into.len();
        self.read(count, into)?;
        let read = &into[before..];
        self.crc.update(read);
        self.done += read.len() as u64;
        if (read.len() as u64) < count {
            let Member { name, size, .. } = &self.member;
            return Err(self.wrong(WHOLE, format!("{name} ends after {} of {size} bytes", self.done)));
        }
        Ok(())
    }

    /// Checks that nothing more comes, and that what came was right.
    pub(super) fn end(mut self) -> Result<(), DataError> {
        let mut beyond = Vec::new();
        self.read(1, &mut beyond)?;
        let Member { name, size, checksum, .. } = &self.member;
        if self.done != *size || !beyond.is_empty() {
            return Err(self.wrong(WHOLE, format!("{name} does not end after {} bytes", self.done)));
        }
        if self.crc.sum() != *checksum {
            let found = format!("the checksum of {name} is {:08x}, not {checksum:08x}", self.crc.sum());
            return Err(self.wrong(WHOLE, found));
        }
        Ok(())
    }

    /// Reads up to `count` bytes.
    fn read(&mut self, count: u64, into: &mut Vec<u8>) -> Result<(), DataError> {
        self.source.by_ref().take(count).read_to_end(into).map(drop).map_err(|reason| {
            if is_corruption(&reason) {
                self.wrong(WHOLE, format!("{} is damaged: {reason}", self.member.name))
            } else {
                DataError::io("read", &self.path)(reason)
            }
        })
    }
}

struct Reader<'a> {
    path: &'a Path,
    file: File,
    length: u64,
}

/// Where the directory lies.
struct End {
    begin: u64,
    bytes: u64,
    members: u64,
}

impl Reader<'_> {
    fn wrong(&self, rule: impl Into<String>, found: impl Into<String>) -> DataError {
        DataError::in_file(self.path, rule, found)
    }

    /// The `count` bytes from `begin`, if the file has them.
    fn bytes(&mut self, begin: u64, count: u64, what: &str) -> Result<Vec<u8>, DataError> {
        if begin.checked_add(count).is_none_or(|end| end > self.length) {
            return Err(self.wrong(WHOLE, format!("{what} lies beyond its {} bytes", self.length)));
        }
        let mut bytes = Vec::new();
        let mut read = || -> std::io::Result<()> {
            self.file.seek(SeekFrom::Start(begin))?;
            (&mut self.file).take(count).read_to_end(&mut bytes).map(drop)
        };
        read().map_err(DataError::io("read", self.path))?;
        Ok(bytes)
    }

    /// Finds the end of the directory, behind which only a comment may lie.
    fn end(&mut self) -> Result<End, DataError> {
        let most = (END_BYTES + usize::from(u16::MAX)) as u64;
        let tail_begin = self.length.saturating_sub(most);
        let tail = self.bytes(tail_begin, self.length - tail_begin, "its end")?;
        let places = (0..(tail.len() + 1).saturating_sub(END_BYTES)).rev();
        let Some((at, end)) = places.filter_map(|at| Some((at, end_at(&tail[at..])?))).next() else {
            let kind = content::kind_of_file(self.path);
            return Err(self.wrong(
                WHOLE,
                match kind {
                    Some("a zip archive") => "its end is missing".to_owned(),
                    kind => format!("found {} bytes{}", self.length, apposition(kind)),
                },
            ));
        };
        let at = tail_begin + at as u64;
        let (end, at) = match end {
            Some(end) => (end, at),
            None => self.end_64(at)?,
        };
        if end.begin.checked_add(end.bytes).is_none_or(|end| end > at) {
            return Err(self.wrong(WHOLE, "its directory does not lie before its end"));
        }
        if end.members > MOST_MEMBERS || end.bytes > MOST_DIRECTORY_BYTES {
            let found = format!("there are {} in a directory of {} bytes", end.members, end.bytes);
            return Err(self.wrong(format!("must have at most {MOST_MEMBERS} members"), found));
        }
        Ok(end)
    }

    /// The end with numbers of 64 bits that lies before the plain one at `at`, and its place.
    fn end_64(&mut self, at: u64) -> Result<(End, u64), DataError> {
        let found = "its directory of 64 bits is damaged";
        let locator = at.checked_sub(LOCATOR_64_BYTES).ok_or_else(|| self.wrong(WHOLE, found))?;
        let locator = self.bytes(locator, LOCATOR_64_BYTES, "its directory")?;
        let begin = locator_64(&locator).ok_or_else(|| self.wrong(WHOLE, found))?;
        let end = self.bytes(begin, END_64_BYTES, "its directory")?;
        let end = parsed_end_64(&end).ok_or_else(|| self.wrong(WHOLE, found))?;
        Ok((end, begin))
    }
}

/// The end of a directory that begins here and, with its comment, ends where `tail` does; in it none when its numbers have 64 bits and
/// stand elsewhere.
fn end_at(tail: &[u8]) -> Option<Option<End>> {
    let mut fields = Fields(tail);
    if fields.u32()? != END {
        return None;
    }
    let [disk, of_disk, on_this, members] = [fields.u16()?, fields.u16()?, fields.u16()?, fields.u16()?];
    let (bytes, begin) = (u64::from(fields.u32()?), u64::from(fields.u32()?));
    let comment = usize::from(fields.u16()?);
    if fields.0.len() != comment || disk != 0 || of_disk != 0 || on_this != members {
        return None;
    }
    if members == u16::MAX || bytes == IN_EXTRA || begin == IN_EXTRA {
        return Some(None);
    }
    Some(Some(End { begin, bytes, members: members.into() }))
}

/// Where the end with numbers of 64 bits begins.
fn locator_64(bytes: &[u8]) -> Option<u64> {
    let mut fields = Fields(bytes);
    let (mark, disk, begin, disks) = (fields.u32()?, fields.u32()?, fields.u64()?, fields.u32()?);
    (mark == LOCATOR_64 && disk == 0 && disks == 1).then_some(begin)
}

fn parsed_end_64(bytes: &[u8]) -> Option<End> {
    let mut fields = Fields(bytes);
    let mark = fields.u32()?;
    // Its own length, and versions.
    fields.bytes(8 + 2 + 2)?;
    let disks = (fields.u32()?, fields.u32()?);
    let (on_this, members, bytes, begin) = (fields.u64()?, fields.u64()?, fields.u64()?, fields.u64()?);
    (mark == END_64 && disks == (0, 0) && on_this == members).then_some(End { begin, bytes, members })
}

/// An entry of the directory.
fn entry(fields: &mut Fields<'_>) -> Option<Member> {
    if fields.u32()? != ENTRY {
        return None;
    }
    // Versions of who wrote it and of what can read it.
    fields.bytes(2 + 2)?;
    let (flags, method) = (fields.u16()?, fields.u16()?);
    // Time and date.
    fields.bytes(2 + 2)?;
    let checksum = fields.u32()?;
    let [packed, size] = [fields.u32()?, fields.u32()?];
    let lengths = [fields.u16()?, fields.u16()?, fields.u16()?];
    // The disk it begins on, and attributes.
    fields.bytes(2 + 2 + 4)?;
    let begin = fields.u32()?;
    let [name, extra, _comment] = lengths.map(|length| fields.bytes(length.into()));
    // What is saturated here stands in the extra field, in this order.
    let mut extra = extra_64(extra?).unwrap_or(Fields(&[]));
    let mut number = |short: u32| match u64::from(short) {
        IN_EXTRA => extra.u64(),
        short => Some(short),
    };
    let (size, packed, begin) = (number(size)?, number(packed)?, number(begin)?);
    let name = String::from_utf8_lossy(name?).into_owned();
    Some(Member { name, flags, method, checksum, packed, size, begin })
}

/// The extra field with numbers of 64 bits.
fn extra_64(extra: &[u8]) -> Option<Fields<'_>> {
    let mut fields = Fields(extra);
    loop {
        let (kind, length) = (fields.u16()?, fields.u16()?);
        let data = fields.bytes(length.into())?;
        if kind == EXTRA_64 {
            return Some(Fields(data));
        }
    }
}

/// Bytes between the header in front of a member and its data: its name and extra fields. The numbers are those of the directory.
fn local(header: &[u8]) -> Option<u64> {
    let mut fields = Fields(header);
    let mark = fields.u32()?;
    fields.bytes(22)?;
    let (name, extra) = (fields.u16()?, fields.u16()?);
    (mark == LOCAL).then_some(u64::from(name) + u64::from(extra))
}

#[cfg(test)]
mod tests;
