//! A folder of pictures, a folder a class: torchvision's ImageFolder layout.
//!
//! Either `PATH/train/CLASS/…` and `PATH/test/CLASS/…` (or other common names of these), or one tree `PATH/CLASS/…` of which a share
//! is held out for testing. Classes are numbered in the order of their names; pictures are mixed, always in the
//! same way. What is left out is told.

mod below;
mod decode;
mod kind;
mod layout;
mod left_out;
mod names;
mod pictures;
mod scan;
mod spelling;
mod tree;

use std::path::Path;

use crate::order::{Purpose, stream};
use crate::stratify::stratified_pick;
use crate::{Channels, DataError, Dataset, ImageShape, LoadOptions, Note, ShareFault, Split, Watcher};

pub use below::{PicturesBelow, pictures_below};
pub(crate) use decode::{Decoding, decode_all};
use decode::{any_colour, decode_as, first_shape};
use layout::Layout;
use left_out::LeftOut;
pub(crate) use pictures::Pictures;
use spelling::Part;
use tree::{Classes, Tree};

/// Seed of the test pictures of a single tree: the same ones for every run, as for a set that comes divided.
const SPLIT_SEED: u64 = 0;

/// A folder that was looked through, with one picture decoded.
#[derive(Clone, Debug)]
pub(crate) struct OpenedFolder {
    class_names: Vec<String>,
    notes: Vec<Note>,
    /// By the first picture: of grey ones, a later one may be in colour.
    first_shape: ImageShape,
    train: Pictures,
    test: Pictures,
    scale: bool,
    channels: Channels,
    /// Most bytes of memory.
    cache: Option<u64>,
    watcher: Watcher,
}

/// Looks through the folder `path`.
pub(crate) fn open(path: &Path, options: &LoadOptions) -> Result<OpenedFolder, DataError> {
    let (layout, mut notes) = Layout::find(path)?;
    let mut left_out = LeftOut::default();
    let (classes, common, train, test) = match (layout, options.split) {
        (Layout::Divided { train: Some(mut train), mut test }, None) => {
            let classes = Classes::of(&train)?;
            let pictures = (classes.pictures(&mut train)?, classes.pictures_of_known(&mut test)?);
            left_out.append(train.left_out);
            left_out.append(test.left_out);
            (classes, pictures.0.common_folders(), pictures.0, pictures.1)
        }
        (Layout::Divided { test, .. }, _) => return Err(needless_split(path, &test)),
        (Layout::Single { mut tree, no_test }, share) => {
            let classes = Classes::of(&tree)?;
            let pictures = classes.pictures(&mut tree)?;
            let common = pictures.common_folders();
            if let Some(inside) = &common {
                refuse_parts(path, &tree, &classes, inside)?;
            }
            // Said last: the advice is to work at once.
            let Some(share) = share else {
                return Err(not_divided(path, ShareFault::Missing, no_test));
            };
            left_out.append(tree.left_out);
            let (train, test) = held_out(path, pictures, share)?;
            (classes, common, train, test)
        }
    };
    notes.extend(classes.notes());
    notes.extend(common.map(|inside| Note::SameFolders { inside }));
    notes.extend(left_out.notes());
    let (train, test) = (train.mixed(), test.mixed());
    let first_shape = first_shape([&train, &test], options.image_size, options.channels)?;
    let (scale, channels) = (options.image_size.is_some(), options.channels);
    let (class_names, watcher) = (classes.names, options.watcher.clone());
    let cache = options.cache;
    Ok(OpenedFolder { class_names, notes, first_shape, train, test, scale, channels, cache, watcher })
}

impl OpenedFolder {
    pub(crate) fn class_names(&self) -> &[String] {
        &self.class_names
    }

    pub(crate) fn notes(&self) -> &[Note] {
        &self.notes
    }

    pub(crate) fn first_shape(&self) -> ImageShape {
        self.first_shape
    }

    pub(crate) fn counts(&self) -> (usize, usize) {
        (self.train.len(), self.test.len())
    }

    pub(crate) fn image_bytes(&self) -> u64 {
        let all = (self.train.len() + self.test.len()) as u64 * self.first_shape.len() as u64;
        self.cache.map_or(all, |cache| all.min(cache))
    }

    /// The shape of all images: where colour makes a difference, all pictures are looked at for it.
    pub(crate) fn shape(&self) -> ImageShape {
        let mut shape = self.first_shape;
        let may_be_colour = self.channels == Channels::Auto && shape.channels == 1;
        if may_be_colour && any_colour([&self.train, &self.test]) {
            shape.channels = 3;
        }
        shape
    }

    /// Its pictures take at most so many bytes of memory.
    pub(crate) fn keep_within(&mut self, cache: u64) {
        self.cache = Some(cache);
    }

    /// From now on it is watched by another.
    pub(crate) fn watch(&mut self, watcher: Watcher) {
        self.watcher = watcher;
    }

    /// Decodes all pictures; `name` is the dataset's.
    pub(crate) fn load(self, name: &str) -> Result<Dataset, DataError> {
        let Self { class_names, notes, first_shape, train, test, scale, channels, cache, watcher } = self;
        let how = Decoding { scale, channels, cache, watcher: &watcher };
        let [train, test] = decode_as([train, test], first_shape, how)?;
        Ok(Dataset { notes, ..Dataset::new(name, class_names, train, test)? })
    }
}

/// Reads the test pictures below `path` alone, labelled by their classes' places in `class_names`: those of the folder `test`, or
/// the share held out, which may be all.
pub(crate) fn load_test(
    path: &Path,
    options: &LoadOptions,
    class_names: &[String],
) -> Result<(Split, Vec<Note>), DataError> {
    let classes = Classes { names: class_names.to_vec() };
    let (layout, mut notes) = Layout::find_test(path, class_names)?;
    let (tests, left_out) = match (layout, options.split) {
        (Layout::Divided { mut test, .. }, None) => (classes.pictures_of_known(&mut test)?, test.left_out),
        (Layout::Divided { test, .. }, Some(_)) => return Err(needless_split(path, &test)),
        (Layout::Single { mut tree, .. }, Some(share)) => {
            let all = classes.pictures_of_known(&mut tree)?;
            (if share == 1.0 { all } else { held_out(path, all, share)?.1 }, tree.left_out)
        }
        // All of them might be those that were trained on.
        (Layout::Single { no_test, .. }, None) => {
            return Err(not_divided(path, ShareFault::MissingForTest, no_test));
        }
    };
    notes.extend(left_out.notes());
    let LoadOptions { channels, cache, watcher, .. } = options;
    let how = Decoding { scale: false, channels: *channels, cache: *cache, watcher };
    let [test] = decode_all([tests.mixed()], options.image_size, how)?;
    Ok((test, notes))
}

/// The names of the classes in `tree`, and their pictures.
pub(crate) fn pictures_by_class(tree: &Path) -> Result<(Vec<String>, Pictures), DataError> {
    let mut tree = Tree::root(tree)?;
    let classes = Classes::of(&tree)?;
    let pictures = classes.pictures(&mut tree)?;
    Ok((classes.names, pictures))
}

fn needless_split(path: &Path, test: &Tree) -> DataError {
    DataError::FolderSplit {
        folder: path.to_owned(),
        fault: ShareFault::Needless,
        found: format!("there are some in {}", test.path.display()),
    }
}

/// Most folders that are taken for parts by what they hold alone: training, test and validation pictures.
const MOST_PARTS: usize = 3;

/// Fails where what seem to be classes hold the same folders, `inside`, and these or those are more likely parts: to tell training from
/// test pictures is nothing to learn.
fn refuse_parts(path: &Path, tree: &Tree, classes: &Classes, inside: &[String]) -> Result<(), DataError> {
    let rule = "must hold the folders train and test, with the classes in them";
    let (names, within) = (classes.names.join(" and "), inside.join(", "));
    let parts: Vec<Part> =
        inside.iter().filter_map(|name| spelling::part(name)).map(|one| one.part).collect();
    if parts.contains(&Part::Training) && parts.iter().any(|&part| part != Part::Training) {
        let found = format!(
            "each of its classes holds {within}; put the classes into these, not these into the classes"
        );
        return Err(DataError::in_file(path, rule, found));
    }
    if tree.path == path && (2..=MOST_PARTS).contains(&classes.names.len()) {
        let found = format!(
            "{names} hold the same folders ({within}); name them train and test if these are the classes, or else put \
             the pictures of each together, without folders"
        );
        return Err(DataError::in_file(path, rule, found));
    }
    Ok(())
}

/// A folder without test pictures; `why` those that seem to be there are of no use.
fn not_divided(path: &Path, fault: ShareFault, why: Option<String>) -> DataError {
    let found = why.unwrap_or_else(|| "it does not".into());
    DataError::FolderSplit { folder: path.to_owned(), fault, found }
}

/// Parts the pictures into (training, test), each class in proportion.
fn held_out(path: &Path, pictures: Pictures, share: f64) -> Result<(Pictures, Pictures), DataError> {
    if !(share > 0.0 && share < 1.0) {
        let found = format!("found {share}");
        return Err(DataError::FolderSplit { folder: path.to_owned(), fault: ShareFault::OutOfRange, found });
    }
    let labels = pictures.labels();
    if labels.len() < 2 {
        let rule = "must hold at least two pictures, one to train on and one to test on";
        return Err(DataError::in_file(path, rule, format!("found {}", labels.len())));
    }
    // Somebody who asks for a share wants at least one picture on either side.
    let count = ((labels.len() as f64 * share).round() as usize).clamp(1, labels.len() - 1);
    Ok(pictures.parted(&stratified_pick(&labels, count, &mut stream(Purpose::FolderTest, SPLIT_SEED, 0))))
}

#[cfg(test)]
mod tests;
