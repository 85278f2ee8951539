//! A dataset in one NumPy file (`.npz`), as MedMNIST comes: the arrays `train_images`, `train_labels`, `test_images` and `test_labels`,
//! and perhaps `val_images` and `val_labels`. Such a file is a zip archive with an array a member.

mod fields;
mod npy;
mod zip;

use std::path::Path;

use crate::{DataError, Dataset, ImageShape, Note, Split};
use npy::{Header, Integer};
use zip::{Archive, Content};

const TRAIN: &str = "train";
const VALIDATION: &str = "val";
const TEST: &str = "test";

/// Names of other arrays that an error lists.
const MOST_TOLD: usize = 8;
/// Labels are read in pieces of this many bytes.
const PIECE: u64 = 1 << 13;
const SEVERAL: &str = "several labels an image can't be learned";

/// A file whose labels were read, and of its images the headers.
#[derive(Clone, Debug)]
pub(crate) struct OpenedNpz {
    archive: Archive,
    shape: ImageShape,
    class_names: Vec<String>,
    notes: Vec<Note>,
    train: Part,
    validation: Option<Part>,
    test: Part,
}

/// Images that are still to be read, and their labels.
#[derive(Clone, Debug)]
struct Part {
    /// The array of the images.
    images: String,
    header: Header,
    shape: ImageShape,
    labels: Vec<u16>,
}

/// Looks through the file at `path`.
pub(crate) fn open(path: &Path) -> Result<OpenedNpz, DataError> {
    let archive = Archive::open(path)?;
    must_hold(&archive, &[TRAIN, TEST])?;
    let train = Part::open(&archive, TRAIN)?;
    let is_there = |array: &str| archive.member(&member(array)).map(|found| found.is_some());
    let validation = match is_there(&images_of(VALIDATION))? || is_there(&labels_of(VALIDATION))? {
        true => {
            must_hold(&archive, &[VALIDATION])?;
            Some(Part::open(&archive, VALIDATION)?)
        }
        false => None,
    };
    let test = Part::open(&archive, TEST)?;
    for other in validation.iter().chain([&test]) {
        if other.shape != train.shape {
            let (one, other) = ((&train.images, train.header.shown()), (&other.images, other.header.shown()));
            let found = format!("{} is {}, {} is {}", one.0, one.1, other.0, other.1);
            return Err(DataError::in_file(path, "all images must have one shape", found));
        }
    }
    let labels = [&train, &test].into_iter().chain(&validation).flat_map(|part| &part.labels);
    let classes = labels.max().map_or(0, |&largest| usize::from(largest) + 1);
    let class_names = (0..classes).map(|class| class.to_string()).collect();
    let notes =
        validation.iter().map(|part| Note::Validation { images: part.labels.len(), used: true }).collect();
    Ok(OpenedNpz { shape: train.shape, archive, class_names, notes, train, validation, test })
}

/// Reads the test images alone, labelled with the first of `class_names`, such as a model's.
pub(crate) fn load_test(path: &Path, class_names: &[String]) -> Result<Split, DataError> {
    let wrong = |found: String| Err(DataError::in_file(path, "must have the model's classes", found));
    let mut pairs = class_names.iter().enumerate();
    if let Some((class, name)) = pairs.find(|(class, name)| **name != class.to_string()) {
        return wrong(format!("its class {class} is \"{class}\", the model's {name:?}"));
    }
    let archive = Archive::open(path)?;
    must_hold(&archive, &[TEST])?;
    let test = Part::open(&archive, TEST)?;
    if let Some(label) = test.labels.iter().find(|&&label| usize::from(label) >= class_names.len()) {
        return wrong(format!("a test image is of class {label}, the model has {}", class_names.len()));
    }
    test.load(&archive)
}

/// Arrays looked for where none is named, the first that is there.
#[cfg(feature = "pictures")]
const USUAL: [&str; 4] = ["test_images", "images", "x_test", "x"];

/// Reads all images of one array: the one called `array`, else the first of the usual ones, else the only one. Its name, the shape of an
/// image, and all their bytes.
#[cfg(feature = "pictures")]
pub(crate) fn read_images(
    path: &Path,
    array: Option<&str>,
) -> Result<(String, ImageShape, Vec<u8>), DataError> {
    let archive = Archive::open(path)?;
    let held: Vec<&str> = archive.names().map(|name| name.strip_suffix(".npy").unwrap_or(name)).collect();
    let is_there = |name: &str| held.contains(&name);
    let name = match (array, &held[..]) {
        (Some(name), _) if is_there(name) => name,
        (Some(name), _) => {
            let found = format!("{name} is missing; it holds {}", told(&held));
            return Err(DataError::in_file(path, "must hold the array asked for", found));
        }
        (None, [only]) => only,
        (None, _) => USUAL.into_iter().find(|name| is_there(name)).ok_or_else(|| {
            let rule = format!("must hold one array, or one of {}, or one must be named", USUAL.join(", "));
            DataError::in_file(path, rule, format!("it holds {}", told(&held)))
        })?,
    };
    let (header, content) = self::array(&archive, name)?;
    let shape = image_shape(&content, name, &header)?;
    Ok((name.to_owned(), shape, pixels(content, name)?))
}

impl OpenedNpz {
    pub(crate) fn class_names(&self) -> &[String] {
        &self.class_names
    }

    pub(crate) fn notes(&self) -> &[Note] {
        &self.notes
    }

    pub(crate) fn shape(&self) -> ImageShape {
        self.shape
    }

    pub(crate) fn counts(&self) -> (usize, usize) {
        (self.train.labels.len(), self.test.labels.len())
    }

    pub(crate) fn image_bytes(&self) -> u64 {
        let parts = [&self.train, &self.test].into_iter().chain(&self.validation);
        parts.map(|part| part.header.values().unwrap_or(u64::MAX)).fold(0, u64::saturating_add)
    }

    pub(crate) fn has_validation(&self) -> bool {
        self.validation.is_some()
    }

    /// Without the images for validation.
    pub(crate) fn without_validation(self) -> Self {
        let left_out =
            self.validation.iter().map(|part| Note::Validation { images: part.labels.len(), used: false });
        Self { notes: left_out.collect(), validation: None, ..self }
    }

    /// Reads all images; `name` is the dataset's.
    pub(crate) fn load(self, name: &str) -> Result<Dataset, DataError> {
        let Self { archive, class_names, notes, train, validation, test, .. } = self;
        let (train, test) = (train.load(&archive)?, test.load(&archive)?);
        let mut dataset = Dataset { notes, ..Dataset::new(name, class_names, train, test)? };
        if let Some(validation) = validation {
            dataset = dataset.with_validation(validation.load(&archive)?)?;
        }
        Ok(dataset)
    }
}

impl Part {
    /// Reads the labels and the header of the images.
    fn open(archive: &Archive, part: &str) -> Result<Self, DataError> {
        let (images, labels) = (images_of(part), labels_of(part));
        // The headers first: what is wrong with them is known soonest.
        let (header, content) = array(archive, &images)?;
        let shape = image_shape(&content, &images, &header)?;
        let (of_labels, labels_content) = array(archive, &labels)?;
        let (count, integer) = label_count(&labels_content, &labels, &of_labels)?;
        if header.shape.first() != Some(&count) {
            let found = format!("{images} is {}, {labels} is {}", header.shown(), of_labels.shown());
            return Err(content.wrong("there must be a label for each image", found));
        }
        let labels = read_labels(labels_content, &labels, integer)?;
        Ok(Self { images, header, shape, labels })
    }

    fn load(self, archive: &Archive) -> Result<Split, DataError> {
        let (header, content) = array(archive, &self.images)?;
        if header != self.header {
            let rule = format!("{} must not change while it is read", self.images);
            return Err(content.wrong(rule, format!("found {}", header.shown())));
        }
        Split::new(self.shape, pixels(content, &self.images)?, self.labels)
    }
}

/// All bytes of the images of array `name`, behind its header.
fn pixels(mut content: Content, name: &str) -> Result<Vec<u8>, DataError> {
    let mut pixels = Vec::new();
    let bytes = content.left();
    if usize::try_from(bytes).map_or(true, |bytes| pixels.try_reserve_exact(bytes).is_err()) {
        let found = format!("{name} of {bytes} bytes do not");
        return Err(content.wrong("all images must fit in memory", found));
    }
    content.append(bytes, &mut pixels)?;
    content.end()?;
    Ok(pixels)
}

/// Names of arrays as an error lists them.
fn told(held: &[&str]) -> String {
    let shown = held.iter().take(MOST_TOLD);
    let shown = shown
        .map(|name| if name.contains(char::is_control) { format!("{name:?}") } else { (*name).to_owned() });
    let mut shown: Vec<String> = shown.collect();
    if held.len() > MOST_TOLD {
        shown.push("…".to_owned());
    }
    if shown.is_empty() { "nothing".to_owned() } else { shown.join(", ") }
}

fn images_of(part: &str) -> String {
    format!("{part}_images")
}

fn labels_of(part: &str) -> String {
    format!("{part}_labels")
}

/// The name that an array has in the archive.
fn member(array: &str) -> String {
    format!("{array}.npy")
}

/// Fails for the first array of these parts that is missing.
fn must_hold(archive: &Archive, parts: &[&str]) -> Result<(), DataError> {
    let arrays: Vec<String> = parts.iter().flat_map(|part| [images_of(part), labels_of(part)]).collect();
    for array in &arrays {
        if archive.member(&member(array))?.is_some() {
            continue;
        }
        let held: Vec<&str> = archive.names().map(|name| name.strip_suffix(".npy").unwrap_or(name)).collect();
        let rule = format!("must hold the arrays {}", arrays.join(", "));
        return Err(DataError::in_file(
            archive.path(),
            rule,
            format!("{array} is missing; it holds {}", told(&held)),
        ));
    }
    Ok(())
}

/// Opens an array that is there, whose values begin behind its header and fill the rest of its member.
fn array(archive: &Archive, name: &str) -> Result<(Header, Content), DataError> {
    let found = archive.member(&member(name))?;
    let found = found.ok_or_else(|| {
        DataError::in_file(archive.path(), "must hold each array", format!("{name} is missing"))
    })?;
    let mut content = archive.read(found)?;
    let header = Header::read(&mut content, name)?;
    Ok((header, content))
}

/// Fails unless the values of an array fill what is left of its member.
fn must_fill(content: &Content, name: &str, header: &Header, size: u64) -> Result<(), DataError> {
    let wanted = header.values().and_then(|values| values.checked_mul(size));
    if wanted == Some(content.left()) {
        return Ok(());
    }
    let rule = format!("{name} must hold the values of {}", header.shown());
    Err(content.wrong(rule, format!("found {} bytes", content.left())))
}

/// The shape of each image.
fn image_shape(content: &Content, name: &str, header: &Header) -> Result<ImageShape, DataError> {
    let rule = || format!("{name} must be bytes (uint8) of [N, H, W] or [N, H, W, C] with C 1 or 3");
    let (count, shape) = match header.shape[..] {
        [count, height, width] => (count, [height, width, 1]),
        [count, height, width, channels @ (1 | 3)] => (count, [height, width, channels]),
        [_, 1 | 3, _, _] => {
            let found =
                format!("found {}; np.moveaxis(images, 1, -1) brings channels to the end", header.shown());
            return Err(content.wrong(rule(), found));
        }
        _ => return Err(content.wrong(rule(), format!("found {}", header.shown()))),
    };
    let sizes = shape.map(|size| usize::try_from(size).ok().filter(|&size| size > 0));
    let is_bytes = header.integer().is_some_and(Integer::is_bytes);
    let ([Some(height), Some(width), Some(channels)], true, 1..) = (sizes, is_bytes, count) else {
        return Err(content.wrong(rule(), format!("found {}", header.shown())));
    };
    if header.fortran_order {
        let found = "found Fortran order; np.ascontiguousarray brings it to C order";
        return Err(content.wrong(format!("{name} must be in C order"), found));
    }
    must_fill(content, name, header, 1)?;
    Ok(ImageShape { height, width, channels })
}

/// Number of labels, and what they are stored as.
fn label_count(content: &Content, name: &str, header: &Header) -> Result<(u64, Integer), DataError> {
    let rule = format!("{name} must be whole numbers of [N] or [N, 1], a class for each image");
    let count = match header.shape[..] {
        [count] | [count, 1] => count,
        [_, labels] if labels > 1 => {
            return Err(content.wrong(rule, format!("found {}; {SEVERAL}", header.shown())));
        }
        _ => return Err(content.wrong(rule, format!("found {}", header.shown()))),
    };
    let Some(integer) = header.integer() else {
        return Err(content.wrong(rule, format!("found {}", header.shown())));
    };
    must_fill(content, name, header, integer.size as u64)?;
    Ok((count, integer))
}

fn read_labels(mut content: Content, name: &str, integer: Integer) -> Result<Vec<u16>, DataError> {
    let (mut labels, mut piece) = (Vec::new(), Vec::new());
    while content.left() > 0 {
        piece.clear();
        content.append(content.left().min(PIECE), &mut piece)?;
        for bytes in piece.chunks_exact(integer.size) {
            let value = integer.value(bytes);
            let label = u16::try_from(value).map_err(|_| {
                let found = format!("label {} is {value}", labels.len());
                content.wrong(format!("{name} must be 0 to {}", u16::MAX), found)
            })?;
            labels.push(label);
        }
    }
    content.end()?;
    Ok(labels)
}

#[cfg(test)]
mod test_archive;
#[cfg(test)]
mod tests;
