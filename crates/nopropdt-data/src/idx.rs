//! Strict reading of IDX files, MNIST's format: a big-endian header of a magic number and the dimensions, then bytes.
//!
//! A header is believed only when the file's length bears it out, so no memory is taken on its word.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use crate::error::apposition;
use crate::gunzip::{Gunzip, MAGIC, MOST_INFLATION, is_corruption};
use crate::{DataError, DatasetName, content, near_name, plain_file};

/// Rows and columns of every image.
pub(crate) const SIDE: usize = 28;
/// Labels are below this.
pub(crate) const CLASSES: usize = 10;
/// The most images a file may promise: far above any set in this format. Of 28×28 pixels, it bounds what a small compressed file can make
/// the reader allocate (784 MiB).
const MOST_IMAGES: usize = 1 << 20;

const LABELS_MAGIC: u32 = 0x0801;
const IMAGES_MAGIC: u32 = 0x0803;

/// An IDX file found on disk, plain or compressed.
#[derive(Debug)]
pub(crate) struct IdxFile {
    path: PathBuf,
    /// The dataset it is of, if it was looked for as one of its files.
    dataset: Option<DatasetName>,
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
            return Ok(Self { path, dataset: Some(dataset) });
        }
        // What has the name and is no file is told when it is opened.
        for path in [folder.join(name), folder.join(compressed)] {
            if path.try_exists().map_err(DataError::io("look for", &path))? {
                return Ok(Self { path, dataset: Some(dataset) });
            }
        }
        Err(near_name::missing(dataset, folder.join(name)))
    }

    /// The file at `path`, which is of no known dataset.
    #[cfg(feature = "pictures")]
    pub(crate) fn at(path: &Path) -> Self {
        Self { path: path.to_owned(), dataset: None }
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
            Some(index) => {
                let label = labels[index].into();
                Err(self.of_dataset(DataError::label(self.name(), CLASSES, index, label)))
            }
            None => Ok(labels),
        }
    }

    /// The file's path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Number of images by a header that is right in itself and, in a plain file, agrees with the file's length.
    pub(crate) fn check_images(&self) -> Result<usize, DataError> {
        self.open_images().map(|(_, count)| count)
    }

    /// Whether the file's content is compressed, whatever its name.
    pub(crate) fn is_compressed(&self) -> Result<bool, DataError> {
        let mut file = BufReader::new(plain_file::open(&self.path)?.0);
        Ok(file.fill_buf().map_err(DataError::io("read", &self.path))?.starts_with(&MAGIC))
    }

    /// Reads an image file whole: count × 28 × 28 bytes.
    pub(crate) fn read_images(&self) -> Result<Vec<u8>, DataError> {
        let (mut opened, count) = self.open_images()?;
        self.read_exactly(&mut opened.reader, count * SIDE * SIDE, "pixel bytes")
    }

    /// Reads an image file whole, whatever the size of its images: height, width, and all their bytes.
    #[cfg(feature = "pictures")]
    pub(crate) fn read_images_of_any_size(&self) -> Result<([usize; 2], Vec<u8>), DataError> {
        let sides = 1..=crate::picture::MOST_IMAGE_SIDE;
        let rule = format!("images must be 1 to {} pixels high and wide", sides.end());
        let (mut opened, count, [height, width]) =
            self.open_sized(&rule, |side| side.iter().all(|side| sides.contains(side)))?;
        let bytes = self.read_exactly(&mut opened.reader, count * height * width, "pixel bytes")?;
        Ok(([height, width], bytes))
    }

    fn open_images(&self) -> Result<(Opened, usize), DataError> {
        let rule = format!("images must be {SIDE}x{SIDE}");
        let (opened, count, _) = self.open_sized(&rule, |sides| *sides == [SIDE, SIDE])?;
        Ok((opened, count))
    }

    /// Opens an image file whose height and width keep a rule.
    fn open_sized(
        &self,
        rule: &str,
        fits: impl Fn(&[usize; 2]) -> bool,
    ) -> Result<(Opened, usize, [usize; 2]), DataError> {
        let (opened, [count, height, width]) = self.open(IMAGES_MAGIC)?;
        let sides = [height as usize, width as usize];
        if !fits(&sides) {
            return Err(self.damaged(rule, format!("header says {height}x{width}")));
        }
        let count = self.checked_count(count)?;
        let Some(promised) = count.checked_mul(sides[0] * sides[1]) else {
            return Err(self.damaged("all images must fit in memory", format!("header promises {count}")));
        };
        self.check_length(&opened, 4 * 4, promised, "pixel bytes")?;
        Ok((opened, count, sides))
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
        let kind = apposition(kind);
        let mut words =
            header.chunks_exact(4).map(|word| word.iter().fold(0, |sum, &byte| sum << 8 | u32::from(byte)));
        // The magic number first: a short file of another kind is better called another kind.
        if let Some(found) = words.next().filter(|&found| found != magic) {
            let rule = format!("magic number must be {magic:#010x}");
            return Err(self.damaged(rule, format!("found {found:#010x}{kind}")));
        }
        let mut sizes = [0; DIMENSIONS];
        for size in &mut sizes {
            let Some(word) = words.next() else {
                let found = format!("file holds {}{kind}", header.len());
                return Err(self.damaged(format!("header takes {wanted} bytes"), found));
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
            let rule = format!("count must be 1 to {MOST_IMAGES}");
            Err(self.damaged(rule, format!("header promises {found}")))
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
        let rule = format!("header promises {promised} {unit}");
        // Reading stops one byte beyond what is promised.
        let found = if found > promised { "more".to_owned() } else { found.to_string() };
        self.damaged(rule, format!("file holds {found}"))
    }

    fn damaged(&self, rule: impl Into<String>, found: impl Into<String>) -> DataError {
        self.of_dataset(DataError::in_file(&self.path, rule, found))
    }

    fn of_dataset(&self, error: DataError) -> DataError {
        match self.dataset {
            Some(dataset) => error.in_dataset(dataset),
            None => error,
        }
    }

    /// Reads what follows the header, which must be exactly `promised` bytes.
    fn read_exactly(
        &self,
        reader: &mut dyn Read,
        promised: usize,
        unit: &'static str,
    ) -> Result<Vec<u8>, DataError> {
        // One byte beyond, to see that nothing follows.
        let mut bytes = Vec::new();
        if bytes.try_reserve_exact(promised + 1).is_err() {
            let found = format!("header promises {promised} bytes");
            return Err(self.damaged("all images must fit in memory", found));
        }
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
                self.damaged("file must be whole gzip data", reason.to_string())
            } else {
                DataError::io("read", &self.path)(reason)
            }
        })
    }
}

#[cfg(test)]
mod tests;
