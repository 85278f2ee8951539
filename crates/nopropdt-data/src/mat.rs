//! A strict reader of MATLAB 5 files (`.mat`), as far as SVHN uses them: little-endian, numeric arrays, plain or
//! compressed.
//!
//! A file is a header of 128 bytes and then elements: a tag of type and length, and the data. Sizes in it are believed
//! only when the file is long enough for them; compressed ones, when zlib could ever make that much of it.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use flate2::read::ZlibDecoder;

use crate::error::apposition;
use crate::gunzip::is_corruption;
use crate::idx::MOST_INFLATION;
use crate::{DataError, content, plain_file};

/// Element types.
const INT8: u32 = 1;
const UINT8: u32 = 2;
const INT16: u32 = 3;
const UINT16: u32 = 4;
const INT32: u32 = 5;
const UINT32: u32 = 6;
const SINGLE: u32 = 7;
const DOUBLE: u32 = 9;
const MATRIX: u32 = 14;
const COMPRESSED: u32 = 15;

/// In the flags of an array: it has an imaginary part.
const COMPLEX: u32 = 0x0800;
const HEADER: u64 = 128;
/// The longest variable name MATLAB allows is 63.
const MOST_NAME: u64 = 64;
const MOST_DIMENSIONS: u64 = 8;
/// Elements in a file: far above the two or three there are.
const MOST_ELEMENTS: usize = 1000;

/// A numeric array, first dimension innermost.
pub(crate) struct Array {
    pub(crate) dimensions: Vec<u64>,
    /// The type of its values.
    kind: u32,
    /// The values as they are stored.
    data: Vec<u8>,
}

impl Array {
    /// The values, if they are stored as bytes.
    pub(crate) fn into_bytes(self) -> Option<Vec<u8>> {
        (self.kind == UINT8).then_some(self.data)
    }

    /// The values, one after the other, whatever they are stored as.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = f64> {
        let size = size_of(self.kind).unwrap_or(1) as usize;
        self.data.chunks_exact(size).map(|bytes| number(self.kind, bytes))
    }
}

/// An array to look for.
#[derive(Clone, Copy)]
pub(crate) struct Wanted {
    pub(crate) name: &'static str,
    /// The most values it may have: a file of a few KiB may inflate to gigabytes.
    pub(crate) most: u64,
}

/// Reads the arrays that are wanted; the others are passed over.
pub(crate) fn read<const N: usize>(
    path: &Path,
    wanted: [Wanted; N],
) -> Result<[Option<Array>; N], DataError> {
    let (file, length) = plain_file::open(path)?;
    let mut reader = Reader { path, file: BufReader::with_capacity(1 << 18, file), length };
    reader.header()?;
    let mut found = wanted.map(|_| None);
    let (mut at, mut elements) = (HEADER, 0);
    while at < length {
        elements += 1;
        if elements > MOST_ELEMENTS {
            return Err(reader.wrong("must hold few arrays", format!("there are more than {MOST_ELEMENTS}")));
        }
        let (next, array) = reader.element(at, &wanted)?;
        if let Some((index, array)) = array
            && found[index].replace(array).is_some()
        {
            return Err(
                reader.wrong("must hold each array once", format!("{} is there twice", wanted[index].name))
            );
        }
        at = next;
    }
    Ok(found)
}

struct Reader<'a> {
    path: &'a Path,
    file: BufReader<File>,
    length: u64,
}

/// An element's tag.
struct Tag {
    kind: u32,
    bytes: u64,
    /// The data of a small element, which lies in the tag itself.
    inside: Option<[u8; 4]>,
}

impl Reader<'_> {
    fn wrong(&self, rule: impl Into<String>, found: impl Into<String>) -> DataError {
        DataError::format(self.path, rule, found)
    }

    fn header(&mut self) -> Result<(), DataError> {
        let rule = "must be a MATLAB 5 file, little-endian, with a header of 128 bytes";
        if self.length < HEADER {
            let kind = apposition(content::kind_of_file(self.path));
            return Err(self.wrong(rule, format!("found {} bytes{kind}", self.length)));
        }
        let mut header = [0; HEADER as usize];
        self.file.read_exact(&mut header).map_err(DataError::io("read", self.path))?;
        match &header[124..] {
            [0, 1, b'I', b'M'] => Ok(()),
            found => {
                let kind = apposition(content::kind(&header));
                Err(self.wrong(rule, format!("its last four bytes are {found:02x?}{kind}")))
            }
        }
    }

    /// Reads the element at `at`; returns where the next begins and, with its place in `wanted`, an array that is.
    fn element(&mut self, at: u64, wanted: &[Wanted]) -> Result<(u64, Option<(usize, Array)>), DataError> {
        let path = self.path;
        self.file.seek(SeekFrom::Start(at)).map_err(DataError::io("read", path))?;
        let rule = "must be whole";
        if self.length - at < 8 {
            return Err(self.wrong(rule, format!("{} bytes follow the last array", self.length - at)));
        }
        let mut tag = [0; 8];
        self.file.read_exact(&mut tag).map_err(DataError::io("read", path))?;
        let [kind, bytes] = [&tag[..4], &tag[4..]].map(little_endian);
        let (begin, bytes) = (at + 8, u64::from(bytes));
        if bytes > self.length - begin {
            let found = format!("an array of {bytes} bytes begins at byte {at} of {}", self.length);
            return Err(self.wrong(rule, found));
        }
        let data = (&mut self.file).take(bytes);
        let array = match kind {
            MATRIX => Source { path, reader: data, left: bytes }.matrix(wanted, bytes)?,
            COMPRESSED => {
                let mut inflated = ZlibDecoder::new(data);
                let most = bytes.saturating_mul(MOST_INFLATION);
                let mut source = Source { path, reader: &mut inflated, left: most };
                let tag = source.tag()?;
                if tag.kind != MATRIX {
                    let found = format!("found an element of type {}", tag.kind);
                    return Err(source.wrong("compressed data must be an array", found));
                }
                source.matrix(wanted, tag.bytes)?
            }
            _ => None,
        };
        // Only compressed elements are followed at once, without padding.
        let padding = if kind == COMPRESSED { 0 } else { bytes.wrapping_neg() % 8 };
        Ok((begin + bytes + padding, array))
    }
}

/// The data of an array, plain or inflated.
struct Source<'a, R> {
    path: &'a Path,
    reader: R,
    /// The most bytes that can still come.
    left: u64,
}

impl<R: Read> Source<'_, R> {
    fn wrong(&self, rule: impl Into<String>, found: impl Into<String>) -> DataError {
        DataError::format(self.path, rule, found)
    }

    /// Reads `bytes` bytes, which must all be there. Memory grows with what comes, not with what was promised.
    fn bytes(&mut self, bytes: u64, what: &str) -> Result<Vec<u8>, DataError> {
        if bytes > self.left {
            let found = format!("at most {} can follow", self.left);
            return Err(self.wrong(format!("{what} of {bytes} bytes must be in the file"), found));
        }
        let mut data = Vec::new();
        self.reader.by_ref().take(bytes).read_to_end(&mut data).map_err(|reason| {
            if is_corruption(&reason) {
                self.wrong("must be whole zlib data", reason.to_string())
            } else {
                DataError::io("read", self.path)(reason)
            }
        })?;
        self.left -= data.len() as u64;
        if data.len() as u64 != bytes {
            let found = format!("{} are there", data.len());
            return Err(self.wrong(format!("{what} of {bytes} bytes must be in the file"), found));
        }
        Ok(data)
    }

    fn tag(&mut self) -> Result<Tag, DataError> {
        let tag = self.bytes(8, "a tag")?;
        let [first, second] = [&tag[..4], &tag[4..]].map(little_endian);
        let small = first >> 16;
        if small == 0 {
            return Ok(Tag { kind: first, bytes: u64::from(second), inside: None });
        }
        if small > 4 {
            return Err(self.wrong("a small element must have at most 4 bytes", format!("found {small}")));
        }
        let inside = [tag[4], tag[5], tag[6], tag[7]];
        Ok(Tag { kind: first & 0xffff, bytes: u64::from(small), inside: Some(inside) })
    }

    /// The data that belongs to a tag, and the padding behind it.
    fn data(&mut self, tag: &Tag, what: &str) -> Result<Vec<u8>, DataError> {
        if let Some(inside) = tag.inside {
            return Ok(inside[..tag.bytes as usize].to_vec());
        }
        let data = self.bytes(tag.bytes, what)?;
        // The last element of a file may lack its padding.
        let padding = tag.bytes.wrapping_neg() % 8;
        let mut ignored = [0; 8];
        let mut rest = self.reader.by_ref().take(padding);
        match read_up_to(&mut rest, &mut ignored) {
            Ok(read) => self.left = self.left.saturating_sub(read as u64),
            Err(reason) if is_corruption(&reason) => {
                return Err(self.wrong("must be whole zlib data", reason.to_string()));
            }
            Err(reason) => return Err(DataError::io("read", self.path)(reason)),
        }
        Ok(data)
    }

    /// A small part of an array's description.
    fn part(&mut self, kind: u32, most: u64, what: &str) -> Result<Vec<u8>, DataError> {
        let tag = self.tag()?;
        if tag.kind != kind || tag.bytes > most {
            let rule = format!("{what} must be of type {kind} and at most {most} bytes");
            return Err(self.wrong(rule, format!("found type {} and {} bytes", tag.kind, tag.bytes)));
        }
        self.data(&tag, what)
    }

    /// An array of `bytes` bytes, whose tag has been read.
    fn matrix(mut self, wanted: &[Wanted], bytes: u64) -> Result<Option<(usize, Array)>, DataError> {
        self.left = self.left.min(bytes);
        let flags = self.part(UINT32, 8, "the flags of an array")?;
        let dimensions = self.part(INT32, 4 * MOST_DIMENSIONS, "the dimensions of an array")?;
        let dimensions: Vec<u64> =
            dimensions.chunks_exact(4).map(|four| u64::from(little_endian(four))).collect();
        let name = self.part(INT8, MOST_NAME, "the name of an array")?;
        let Some(index) = wanted.iter().position(|wanted| wanted.name.as_bytes() == name) else {
            return Ok(None);
        };
        let Wanted { name, most } = wanted[index];
        if flags.len() < 4 || little_endian(&flags) & COMPLEX != 0 || dimensions.len() < 2 {
            return Err(self.wrong(format!("{name} must be a real array"), "found another kind"));
        }
        let count = dimensions.iter().try_fold(1_u64, |product, &size| product.checked_mul(size));
        if count.is_none_or(|count| count > most) {
            let found = format!("its dimensions are {}", shown(&dimensions));
            return Err(self.wrong(format!("{name} must have at most {most} values"), found));
        }
        let tag = self.tag()?;
        let size = size_of(tag.kind).ok_or_else(|| {
            self.wrong(format!("{name} must be an array of numbers"), format!("found type {}", tag.kind))
        })?;
        if count.and_then(|count| count.checked_mul(size)) != Some(tag.bytes) {
            let rule = format!("{name} must hold {} values", shown(&dimensions));
            return Err(self.wrong(rule, format!("found {} bytes of {size} a value", tag.bytes)));
        }
        let data = self.data(&tag, name)?;
        Ok(Some((index, Array { dimensions, kind: tag.kind, data })))
    }
}

/// The sizes in the form 32x32x3x100.
pub(crate) fn shown(dimensions: &[u64]) -> String {
    dimensions.iter().map(u64::to_string).collect::<Vec<_>>().join("x")
}

fn size_of(kind: u32) -> Option<u64> {
    Some(match kind {
        INT8 | UINT8 => 1,
        INT16 | UINT16 => 2,
        INT32 | UINT32 | SINGLE => 4,
        DOUBLE => 8,
        _ => return None,
    })
}

/// A value of a type that [`size_of`] knows, of that many bytes.
fn number(kind: u32, bytes: &[u8]) -> f64 {
    let mut eight = [0; 8];
    eight[..bytes.len()].copy_from_slice(bytes);
    let [one, two, three, four, ..] = eight;
    match kind {
        INT8 => f64::from(one as i8),
        INT16 => f64::from(i16::from_le_bytes([one, two])),
        UINT16 => f64::from(u16::from_le_bytes([one, two])),
        INT32 => f64::from(i32::from_le_bytes([one, two, three, four])),
        UINT32 => f64::from(u32::from_le_bytes([one, two, three, four])),
        SINGLE => f64::from(f32::from_le_bytes([one, two, three, four])),
        DOUBLE => f64::from_le_bytes(eight),
        _ => f64::from(one),
    }
}

fn little_endian(bytes: &[u8]) -> u32 {
    bytes.iter().take(4).rev().fold(0, |sum, &byte| sum << 8 | u32::from(byte))
}

/// Reads until `into` is full or nothing more comes.
fn read_up_to(reader: &mut dyn Read, into: &mut [u8]) -> io::Result<usize> {
    let mut done = 0;
    while done < into.len() {
        match reader.read(&mut into[done..])? {
            0 => break,
            read => done += read,
        }
    }
    Ok(done)
}
