//! CIFAR-10 and CIFAR-100 from their binary files: records of one or two label bytes and 3 × 1024 pixel bytes, a plane a
//! colour. There is no header; the file's length alone says how many records it holds.

use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use crate::class_names::{CIFAR10, CIFAR100, CIFAR100_COARSE, owned};
use crate::error::apposition;
use crate::{DataError, Dataset, DatasetName, ImageShape, Split, content, near_name, plain_file};

const SHAPE: ImageShape = ImageShape { height: 32, width: 32, channels: 3 };
/// Pixels of one colour.
const PLANE: usize = 32 * 32;
/// Far above any set in this format.
const MOST_IMAGES: u64 = 1 << 20;

/// What the files of a variant hold.
struct Layout {
    /// The archive's name without its ending: a folder of this name is what some tools unpack it into.
    archive: &'static str,
    /// Folder inside the archive.
    folder: &'static str,
    train: &'static [&'static str],
    test: &'static str,
    /// Bytes before the pixels.
    labels: usize,
    /// Which of them is the class.
    label: usize,
    class_names: &'static [&'static str],
}

const TEN: Layout = Layout {
    archive: "cifar-10-binary",
    folder: "cifar-10-batches-bin",
    train: &[
        "data_batch_1.bin",
        "data_batch_2.bin",
        "data_batch_3.bin",
        "data_batch_4.bin",
        "data_batch_5.bin",
    ],
    test: "test_batch.bin",
    labels: 1,
    label: 0,
    class_names: CIFAR10,
};

const HUNDRED: Layout = Layout {
    archive: "cifar-100-binary",
    folder: "cifar-100-binary",
    train: &["train.bin"],
    test: "test.bin",
    labels: 2,
    label: 1,
    class_names: CIFAR100,
};

const TWENTY: Layout = Layout { label: 0, class_names: CIFAR100_COARSE, ..HUNDRED };

/// Reads the files in `folder`, or in the archive's folder inside it.
pub(crate) fn load(folder: &Path, name: DatasetName) -> Result<Dataset, DataError> {
    let layout = match name {
        DatasetName::Cifar100 => &HUNDRED,
        DatasetName::Cifar100Coarse => &TWENTY,
        _ => &TEN,
    };
    let folder = layout.find_folder(folder)?;
    let find = |file: &&str| Ok(near_name::find(&folder, &[file])?.unwrap_or_else(|| folder.join(file)));
    let train: Vec<PathBuf> = layout.train.iter().map(find).collect::<Result<_, DataError>>()?;
    let test = find(&layout.test)?;
    let read = |paths: &[PathBuf]| layout.read(paths, name).map_err(|error| error.in_dataset(name));
    let (train, test) = (read(&train)?, read(&[test])?);
    Dataset::new(name.as_str(), owned(layout.class_names), train, test)
}

impl Layout {
    /// Where the files lie: in `folder`, in the archive's folder inside it, or a folder deeper, which is how some tools unpack it.
    fn find_folder(&self, folder: &Path) -> Result<PathBuf, DataError> {
        let inner = folder.join(self.folder);
        let likely = [inner.clone(), folder.join(self.archive).join(self.folder), folder.to_owned()];
        for place in likely {
            if near_name::find(&place, &[self.train[0]])?.is_some() {
                return Ok(place);
            }
        }
        Ok(if inner.is_dir() { inner } else { folder.to_owned() })
    }

    fn record(&self) -> usize {
        self.labels + SHAPE.len()
    }

    fn read(&self, paths: &[PathBuf], name: DatasetName) -> Result<Split, DataError> {
        let counts = paths.iter().map(|path| self.count(path, name)).collect::<Result<Vec<u64>, _>>()?;
        // Every image counted is there: the lengths of the files say so.
        let total = counts.iter().sum::<u64>() as usize;
        let (mut pixels, mut labels) = (Vec::with_capacity(total * SHAPE.len()), Vec::with_capacity(total));
        for (path, count) in paths.iter().zip(counts) {
            self.read_file(path, count, &mut pixels, &mut labels)?;
        }
        Split::new(SHAPE, pixels, labels)
    }

    /// The number of records by the file's length.
    fn count(&self, path: &Path, dataset: DatasetName) -> Result<u64, DataError> {
        let metadata = path.metadata().map_err(|reason| match reason.kind() {
            std::io::ErrorKind::NotFound => near_name::missing(dataset, path.to_owned()),
            _ => DataError::io("read", path)(reason),
        })?;
        let (bytes, record) = (metadata.len(), self.record() as u64);
        if bytes == 0 || !bytes.is_multiple_of(record) {
            let rule = format!("length must be a multiple of {record} bytes, the size of a record");
            let kind = apposition(content::kind_of_file(path));
            return Err(DataError::in_file(path, rule, format!("found {bytes} bytes{kind}")));
        }
        let count = bytes / record;
        if count > MOST_IMAGES {
            let rule = format!("must hold at most {MOST_IMAGES} images");
            return Err(DataError::in_file(path, rule, format!("its length is that of {count}")));
        }
        Ok(count)
    }

    fn read_file(
        &self,
        path: &Path,
        count: u64,
        pixels: &mut Vec<u8>,
        labels: &mut Vec<u16>,
    ) -> Result<(), DataError> {
        let mut file = BufReader::with_capacity(1 << 20, plain_file::open(path)?.0);
        let mut record = vec![0; self.record()];
        for index in 0..count {
            file.read_exact(&mut record).map_err(DataError::io("read", path))?;
            let (before, planes) = record.split_at(self.labels);
            let label = before[self.label];
            if usize::from(label) >= self.class_names.len() {
                let (classes, index) = (self.class_names.len(), index as usize);
                return Err(DataError::label(path.display(), classes, index, label.into()));
            }
            labels.push(u16::from(label));
            interleave(planes, pixels);
        }
        Ok(())
    }
}

/// Adds an image given as planes [3, 32 × 32] as pixels [32 × 32, 3].
fn interleave(planes: &[u8], pixels: &mut Vec<u8>) {
    let (red, rest) = planes.split_at(PLANE);
    let (green, blue) = rest.split_at(PLANE);
    pixels.extend(red.iter().zip(green).zip(blue).flat_map(|((&r, &g), &b)| [r, g, b]));
}

#[cfg(test)]
mod tests;
