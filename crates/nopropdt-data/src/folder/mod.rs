//! A folder of pictures, a folder a class: torchvision's ImageFolder layout.
//!
//! Either `PATH/train/CLASS/…` and `PATH/test/CLASS/…` (or `val` for `test`), or one tree `PATH/CLASS/…` of which a share is
//! held out for testing. Classes are numbered in the order of their names; pictures are mixed, always in the
//! same way. Other files than pictures are passed over.

mod decode;
mod jpeg;
mod pictures;
mod tree;

use std::path::Path;

use crate::order::{Purpose, stream};
use crate::stratify::stratified_pick;
use crate::{DataError, Dataset, ImageShape, LoadOptions, Split};

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

/// Reads the test pictures below `path` alone, labelled by their classes' places in `class_names`: those of the folder `test`, or
/// the share held out, which may be all.
pub(crate) fn load_test(
    path: &Path,
    options: &LoadOptions,
    class_names: &[String],
) -> Result<Split, DataError> {
    let classes = Classes { names: class_names.to_vec() };
    let tests = match (Layout::find_test(path, class_names)?, options.split) {
        (Layout::Divided { test, .. }, None) => classes.pictures_of_known(&test)?,
        (Layout::Divided { test, .. }, Some(_)) => return Err(needless_split(path, &test)),
        (Layout::Single { tree }, Some(1.0)) => classes.pictures_of_known(&tree)?,
        (Layout::Single { tree }, Some(share)) => held_out(path, classes.pictures_of_known(&tree)?, share)?.1,
        // All of them might be those that were trained on.
        (Layout::Single { .. }, None) => {
            return Err(DataError::FolderSplit {
                folder: path.to_owned(),
                rule: "must hold the folder test",
                found: "it does not; set --split 1 to test on all of its pictures, or to the share that training held out".into(),
            });
        }
    };
    let [test] = decode_all([tests.mixed()], options.image_size, options.channels)?;
    Ok(test)
}

/// The shape of the images and the number of classes, with one picture decoded.
pub(crate) fn outline(path: &Path, options: &LoadOptions) -> Result<(ImageShape, usize), DataError> {
    let (classes, train, test) = divided(path, options)?;
    let shape = decode::shape_of_all(&[train, test], options.image_size, options.channels)?;
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
        (Layout::Divided { test, .. }, Some(_)) => Err(needless_split(path, &test)),
        (Layout::Single { tree }, Some(share)) => {
            let classes = Classes::find(&tree)?;
            let (train, test) = held_out(path, classes.pictures(&tree)?, share)?;
            Ok((classes, train, test))
        }
        (Layout::Single { .. }, None) => Err(DataError::FolderSplit {
            folder: path.to_owned(),
            rule: "must hold the folders train and test",
            found: "it does not; set --split 0.1 to hold out a tenth of its pictures for testing".into(),
        }),
    }
}

fn needless_split(path: &Path, test: &Path) -> DataError {
    DataError::FolderSplit {
        folder: path.to_owned(),
        rule: "--split is for a folder without test pictures",
        found: format!("there are some in {}; leave it out", test.display()),
    }
}

/// Parts the pictures into (training, test), each class in proportion.
fn held_out(path: &Path, pictures: Pictures, share: f64) -> Result<(Pictures, Pictures), DataError> {
    if !(share > 0.0 && share < 1.0) {
        let rule = "--split must be above 0 and below 1";
        return Err(DataError::FolderSplit {
            folder: path.to_owned(),
            rule,
            found: format!("found {share}"),
        });
    }
    let labels = pictures.labels();
    if labels.len() < 2 {
        let rule = "must hold at least two pictures, one to train on and one to test on";
        return Err(DataError::format(path, rule, format!("found {}", labels.len())));
    }
    // Somebody who asks for a share wants at least one picture on either side.
    let count = ((labels.len() as f64 * share).round() as usize).clamp(1, labels.len() - 1);
    Ok(pictures.parted(&stratified_pick(&labels, count, &mut stream(Purpose::FolderTest, SPLIT_SEED, 0))))
}

#[cfg(test)]
mod tests;
