//! Strict reading of IDX files, MNIST's format: a big-endian header of a magic number and the dimensions, then bytes.
//!
//! A header is believed only when the file's length bears it out, so no memory is taken on its word.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use crate::gunzip::{Gunzip, MAGIC, is_corruption};
use crate::{DataError, DatasetName, content, near_name, plain_file};

/// Rows and columns of every image.
pub(crate) const SIDE: usize = 28;
/// Labels are below this.
pub(crate) const CLASSES: usize = 10;
/// The most images a file may promise: far above any set in this format, and a bound on what a small
/// compressed file can make the reader allocate (784 MiB).
const MOST_IMAGES: usize = 1 << 20;

/// Deflate makes at most this many bytes of one, so a compressed file's length bounds its content too.
pub(crate) const MOST_INFLATION: u64 = 1032;

const LABELS_MAGIC: u32 = 0x0801;
const IMAGES_MAGIC: u32 = 0x0803;

/// An IDX file found on disk, plain or compressed.
#[derive(Debug)]
pub(crate) struct IdxFile {
    path: PathBuf,
    dataset: DatasetName,
}

/// A file whose header is being read.
struct Opened {
    reader: Box<dyn Read>,
    /// By its content, whatever its name.
    compressed: bool,
}

impl IdxFile {
    /// Finds `name` or, where only that exists, `name.gz`, or a file whose name a tool has made of them.
    pub(crate) fn find(folder: &Path, name: &str, dataset: DatasetName) -> Result<Self, DataError> {
        let compressed = format!("{name}.gz");
        if let Some(path) = near_name::find(folder, &[name, &compressed])? {
            return Ok(Self { path, dataset });
        }
        // What has the name and is no file is told when it is opened.
        for path in [folder.join(name), folder.join(compressed)] {
            if path.try_exists().map_err(DataError::io("look for", &path))? {
                return Ok(Self { path, dataset });
            }
        }
        Err(near_name::missing(dataset, folder.join(name)))
    }

    /// The file's path, for messages.
    pub(crate) fn name(&self) -> String {
        self.path.display().to_string()
    }

    /// Reads a label file whole, every label checked to be below [`CLASSES`].
    pub(crate) fn read_labels(&self) -> Result<Vec<u8>, DataError> {
        let (mut opened, [count]) = self.open(LABELS_MAGIC)?;
        let count = self.checked_count(count)?;
        self.check_length(&opened, 4 * 2, count, "labels")?;
        let labels = self.read_exactly(&mut opened.reader, count, "labels")?;
        match labels.iter().position(|&label| usize::from(label) >= CLASSES) {
            Some(index) => Err(DataError::LabelOutOfRange {
                file: self.name(),
                classes: CLASSES,
                index,
                found: usize::from(labels[index]),
            }),
            None => Ok(labels),
        }
    }

    /// Number of images by a header that is right in itself and, in a plain file, agrees with the file's length.
    pub(crate) fn check_images(&self) -> Result<usize, DataError> {
        self.open_images().map(|(_, count)| count)
    }

    /// Reads an image file whole: count × 28 × 28 bytes.
    pub(crate) fn read_images(&self) -> Result<Vec<u8>, DataError> {
        let (mut opened, count) = self.open_images()?;
        self.read_exactly(&mut opened.reader, count * SIDE * SIDE, "pixel bytes")
    }

    fn open_images(&self) -> Result<(Opened, usize), DataError> {
        let (opened, [count, height, width]) = self.open(IMAGES_MAGIC)?;
        if [height as usize, width as usize] != [SIDE, SIDE] {
            let (file, dataset) = (self.name(), self.dataset);
            return Err(DataError::WrongImageSize { file, dataset, height, width });
        }
        let count = self.checked_count(count)?;
        self.check_length(&opened, 4 * 4, count * SIDE * SIDE, "pixel bytes")?;
        Ok((opened, count))
    }

    /// Opens the file and reads its header: the magic number, checked, and `DIMENSIONS` sizes.
    fn open<const DIMENSIONS: usize>(&self, magic: u32) -> Result<(Opened, [u32; DIMENSIONS]), DataError> {
        let mut file = BufReader::new(plain_file::open(&self.path)?.0);
        let beginning = file.fill_buf().map_err(DataError::io("read", &self.path))?;
        let (compressed, kind) = (beginning.starts_with(&MAGIC), content::kind(beginning));
        let mut reader: Box<dyn Read> = if compressed { Box::new(Gunzip::new(file)) } else { Box::new(file) };
        let wanted = 4 * (1 + DIMENSIONS);
        let mut header = Vec::with_capacity(wanted);
        self.read(&mut reader, wanted, &mut header)?;
        // Of compressed content the header is all that is looked at.
        let kind = if compressed { content::kind(&header) } else { kind };
        let (file, dataset) = (self.name(), self.dataset);
        let mut words =
            header.chunks_exact(4).map(|word| word.iter().fold(0, |sum, &byte| sum << 8 | u32::from(byte)));
        // The magic number first: a short file of another kind is better called another kind.
        if let Some(found) = words.next().filter(|&found| found != magic) {
            return Err(DataError::WrongMagic { file, dataset, wanted: magic, found, kind });
        }
        let mut sizes = [0; DIMENSIONS];
        for size in &mut sizes {
            let found = header.len();
            let Some(word) = words.next() else {
                return Err(DataError::ShortHeader { file, dataset, wanted, found, kind });
            };
            *size = word;
        }
        Ok((Opened { reader, compressed }, sizes))
    }

    fn checked_count(&self, found: u32) -> Result<usize, DataError> {
        let count = found as usize;
        if (1..=MOST_IMAGES).contains(&count) {
            Ok(count)
        } else {
            let (file, dataset) = (self.name(), self.dataset);
            Err(DataError::WrongCount { file, dataset, most: MOST_IMAGES, found })
        }
    }

    /// Compares a plain file's length with its header, and a compressed one's with what it can hold at most.
    fn check_length(
        &self,
        opened: &Opened,
        header: u64,
        promised: usize,
        unit: &'static str,
    ) -> Result<(), DataError> {
        let length = self.path.metadata().map_err(DataError::io("read", &self.path))?.len();
        let promised = promised as u64;
        let (holds, found) = if opened.compressed {
            let most = length.saturating_mul(MOST_INFLATION);
            (promised <= most, most)
        } else {
            let found = length.saturating_sub(header);
            (promised == found, found)
        };
        if holds { Ok(()) } else { Err(self.wrong_length(unit, promised, found)) }
    }

    fn wrong_length(&self, unit: &'static str, promised: u64, found: u64) -> DataError {
        DataError::WrongLength { file: self.name(), dataset: self.dataset, unit, promised, found }
    }

    /// Reads what follows the header, which must be exactly `promised` bytes.
    fn read_exactly(
        &self,
        reader: &mut dyn Read,
        promised: usize,
        unit: &'static str,
    ) -> Result<Vec<u8>, DataError> {
        // One byte beyond, to see that nothing follows.
        let mut bytes = Vec::with_capacity(promised + 1);
        self.read(reader, promised + 1, &mut bytes)?;
        if bytes.len() != promised {
            return Err(self.wrong_length(unit, promised as u64, bytes.len() as u64));
        }
        Ok(bytes)
    }

    /// Reads up to `most` bytes.
    fn read(&self, reader: &mut dyn Read, most: usize, into: &mut Vec<u8>) -> Result<(), DataError> {
        reader.take(most as u64).read_to_end(into).map(drop).map_err(|reason| {
            // A plain file knows no corruption.
            if is_corruption(&reason) {
                DataError::CorruptGzip { path: self.path.clone(), dataset: self.dataset, reason }
            } else {
                DataError::Io { action: "read", path: self.path.clone(), reason }
            }
        })
    }
}

#[cfg(test)]
mod tests;
