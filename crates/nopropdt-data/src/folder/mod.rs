//! A folder of pictures, a folder a class: torchvision's ImageFolder layout.
//!
//! Either `PATH/train/CLASS/…` and `PATH/test/CLASS/…` (or `val` for `test`), or one tree `PATH/CLASS/…` of which a share is
//! held out for testing. Classes are numbered in the order of their names; pictures are mixed, always in the
//! same way. Other files than pictures are passed over.

mod decode;
mod pictures;
mod tree;

use std::path::Path;
use std::slice;

use crate::order::{Purpose, stream};
use crate::stratify::stratified_pick;
use crate::{DataError, Dataset, ImageShape, LoadOptions};

pub(crate) use decode::decode_all;
pub(crate) use pictures::Pictures;
use tree::{Classes, Layout};

/// Seed of the test pictures of a single tree: the same ones for every run, as for a set that comes divided.
const SPLIT_SEED: u64 = 0;

/// Reads all pictures below `path`; `name` is the dataset's.
pub(crate) fn load(path: &Path, name: &str, options: &LoadOptions) -> Result<Dataset, DataError> {
    let (classes, train, test) = divided(path, options)?;
    let [train, test] = decode_all([train.mixed(), test.mixed()], options.image_size, options.channels)?;
    Dataset::new(name, classes.names, train, test)
}

/// The shape of the images and the number of classes, by the first picture.
pub(crate) fn outline(path: &Path, options: &LoadOptions) -> Result<(ImageShape, usize), DataError> {
    let (classes, train, _) = divided(path, options)?;
    let shape = decode::first_shape(slice::from_ref(&train), options.image_size, options.channels)?;
    Ok((shape, classes.names.len()))
}

/// The names of the classes in `tree`, and their pictures.
pub(crate) fn pictures_by_class(tree: &Path) -> Result<(Vec<String>, Pictures), DataError> {
    let classes = Classes::find(tree)?;
    let pictures = classes.pictures(tree)?;
    Ok((classes.names, pictures))
}

/// The classes, and the pictures to train on and to test on.
fn divided(path: &Path, options: &LoadOptions) -> Result<(Classes, Pictures, Pictures), DataError> {
    match (Layout::find(path)?, options.split) {
        (Layout::Divided { train, test }, None) => {
            let classes = Classes::find(&train)?;
            let (train, test) = (classes.pictures(&train)?, classes.pictures_of_known(&test)?);
            Ok((classes, train, test))
        }
        (Layout::Divided { test, .. }, Some(_)) => Err(DataError::format(
            path,
            "--split is for a folder without test pictures",
            format!("there are some in {}; leave it out", test.display()),
        )),
        (Layout::Single { tree }, Some(share)) => {
            if !(share > 0.0 && share < 1.0) {
                return Err(DataError::format(
                    path,
                    "--split must be above 0 and below 1",
                    format!("found {share}"),
                ));
            }
            let classes = Classes::find(&tree)?;
            let (train, test) = held_out(classes.pictures(&tree)?, share);
            Ok((classes, train, test))
        }
        (Layout::Single { .. }, None) => Err(DataError::format(
            path,
            "must hold the folders train and test",
            "it does not; set --split 0.1 to hold out a tenth of its pictures for testing",
        )),
    }
}

/// Parts the pictures into (training, test), each class in proportion.
fn held_out(pictures: Pictures, share: f64) -> (Pictures, Pictures) {
    let labels = pictures.labels();
    let count = (labels.len() as f64 * share).round() as usize;
    // Somebody who asks for a share wants at least one picture on either side.
    let count = count.clamp(1.min(labels.len()), labels.len().saturating_sub(1).max(1).min(labels.len()));
    pictures.parted(&stratified_pick(&labels, count, &mut stream(Purpose::FolderTest, SPLIT_SEED, 0)))
}

#[cfg(test)]
mod tests;
