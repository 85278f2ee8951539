//! SVHN, cropped digits, from its two MATLAB files: `X` [32, 32, 3, N] bytes, first dimension innermost, and `y` [N, 1]
//! with 10 for the digit 0.

use std::path::Path;

use crate::class_names::{DIGITS, owned};
use crate::mat::{Array, Wanted, read, shown};
use crate::{DataError, Dataset, DatasetName, ImageShape, Split, near_name};

const SHAPE: ImageShape = ImageShape { height: 32, width: 32, channels: 3 };
/// More than three times the images of the larger file, and a bound on what a small compressed one can make the reader allocate (768 MiB).
const MOST_IMAGES: u64 = 1 << 18;

/// Reads `train_32x32.mat` and `test_32x32.mat` in `folder`.
pub(crate) fn load(folder: &Path) -> Result<Dataset, DataError> {
    let read = |name: &str| {
        let path = near_name::find(folder, &[name])?.unwrap_or_else(|| folder.join(name));
        split(&path).map_err(|error| error.in_dataset(DatasetName::Svhn))
    };
    let (train, test) = (read("train_32x32.mat")?, read("test_32x32.mat")?);
    Dataset::new(DatasetName::Svhn.as_str(), owned(DIGITS), train, test)
}

fn split(path: &Path) -> Result<Split, DataError> {
    if !path.try_exists().map_err(DataError::io("look for", path))? {
        return Err(near_name::missing(DatasetName::Svhn, path.to_owned()));
    }
    let wanted = |name, values: usize| Wanted { name, most: MOST_IMAGES * values as u64 };
    let [images, labels] = read(path, [wanted("X", SHAPE.len()), wanted("y", 1)])?;
    let missing =
        |name: &str| DataError::in_file(path, "must hold the arrays X and y", format!("{name} is missing"));
    let pixels = pixels(path, images.ok_or_else(|| missing("X"))?)?;
    let labels = digits(path, &labels.ok_or_else(|| missing("y"))?)?;
    if pixels.len() != labels.len() * SHAPE.len() {
        let found = format!("{} images and {} labels", pixels.len() / SHAPE.len(), labels.len());
        return Err(DataError::in_file(path, "there must be a label for each image", found));
    }
    Split::new(SHAPE, pixels, labels)
}

/// The images as [N, 32, 32, 3], channels innermost.
fn pixels(path: &Path, images: Array) -> Result<Vec<u8>, DataError> {
    // A last dimension of 1 is left out by MATLAB.
    let fits = matches!(images.dimensions[..], [32, 32, 3] | [32, 32, 3, _]);
    let dimensions = shown(&images.dimensions);
    let Some(mut pixels) = images.into_bytes().filter(|_| fits) else {
        return Err(DataError::in_file(path, "X must be 32x32x3xN bytes", format!("found {dimensions}")));
    };
    pixels.shrink_to_fit();
    let mut columns = [0; SHAPE.len()];
    for image in pixels.chunks_exact_mut(SHAPE.len()) {
        columns.copy_from_slice(image);
        for (place, value) in image.iter_mut().enumerate() {
            let (row, column, channel) = (place / 96, place / 3 % 32, place % 3);
            *value = columns[row + 32 * (column + 32 * channel)];
        }
    }
    Ok(pixels)
}

/// The classes 0 to 9.
fn digits(path: &Path, labels: &Array) -> Result<Vec<u16>, DataError> {
    if labels.dimensions.len() != 2 || !labels.dimensions.contains(&1) {
        let found = format!("found {}", shown(&labels.dimensions));
        return Err(DataError::in_file(path, "y must be Nx1 values", found));
    }
    let digit = |(index, value): (usize, f64)| {
        if value.fract() == 0.0 && (1.0..=10.0).contains(&value) {
            return Ok(value as u16 % 10);
        }
        Err(DataError::in_file(path, "labels must be 1 to 10", format!("label {index} is {value}")))
    };
    labels.numbers().enumerate().map(digit).collect()
}

#[cfg(test)]
mod tests;
