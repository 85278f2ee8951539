//! Which pictures there are.

use std::fs;
use std::path::{Path, PathBuf};

use crate::DataError;

/// File names of pictures end in one of these, in any case.
const EXTENSIONS: [&str; 5] = ["bmp", "jpeg", "jpg", "png", "webp"];
/// Names of the folder with test pictures, the first found.
const TEST_FOLDERS: [&str; 3] = ["test", "val", "validation"];
/// Far above any set to learn from on one machine; a one-hot embedding grows with its square.
const MOST_CLASSES: usize = 10_000;
/// Folders inside a class.
const MOST_DEPTH: usize = 16;

/// A picture's file and class.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Picture {
    pub(crate) path: PathBuf,
    pub(crate) label: u16,
}

/// How a folder is laid out.
pub(super) enum Layout {
    /// Training and test pictures lie apart.
    Divided { train: PathBuf, test: PathBuf },
    /// All pictures lie in one tree.
    Single { tree: PathBuf },
}

impl Layout {
    pub(super) fn find(path: &Path) -> Result<Self, DataError> {
        let metadata = path.metadata().map_err(DataError::io("open", path))?;
        if !metadata.is_dir() {
            return Err(DataError::format(path, "must be a folder of pictures", "it is a file"));
        }
        let train = path.join("train");
        if !train.is_dir() {
            return Ok(Self::Single { tree: path.to_owned() });
        }
        let test = TEST_FOLDERS.iter().map(|name| path.join(name)).find(|test| test.is_dir());
        Ok(match test {
            Some(test) => Self::Divided { train, test },
            None => Self::Single { tree: train },
        })
    }
}

/// The classes of a tree, in the order of their names.
pub(super) struct Classes {
    pub(super) names: Vec<String>,
}

impl Classes {
    pub(super) fn find(tree: &Path) -> Result<Self, DataError> {
        let names = folders(tree)?;
        if names.is_empty() {
            return Err(DataError::format(tree, "must hold a folder for each class", "it holds no folder"));
        }
        if names.len() > MOST_CLASSES {
            let rule = format!("must hold at most {MOST_CLASSES} classes");
            return Err(DataError::format(tree, rule, format!("found {}", names.len())));
        }
        Ok(Self { names })
    }

    /// The pictures of every class, each of which must have some.
    pub(super) fn pictures(&self, tree: &Path) -> Result<Vec<Picture>, DataError> {
        let mut pictures = Vec::new();
        for label in 0..self.names.len() {
            if self.add(tree, label, &mut pictures)? == 0 {
                let folder = tree.join(&self.names[label]);
                let rule = format!("a class must have pictures ({})", EXTENSIONS.join(", "));
                return Err(DataError::format(&folder, rule, "found none; remove the folder or fill it"));
            }
        }
        Ok(pictures)
    }

    /// The pictures of the classes that `tree` has, none of which may be unknown.
    pub(super) fn pictures_of_known(&self, tree: &Path) -> Result<Vec<Picture>, DataError> {
        let mut pictures = Vec::new();
        for name in folders(tree)? {
            let label = self.names.binary_search(&name).map_err(|_| {
                let found = format!("there is no folder {name} among the training pictures");
                DataError::format(&tree.join(&name), "test pictures must be of a training class", found)
            })?;
            self.add(tree, label, &mut pictures)?;
        }
        if pictures.is_empty() {
            return Err(DataError::format(tree, "there must be test pictures", "found none"));
        }
        Ok(pictures)
    }

    /// Adds a class's pictures, in the order of their paths; returns how many.
    fn add(&self, tree: &Path, label: usize, pictures: &mut Vec<Picture>) -> Result<usize, DataError> {
        let before = pictures.len();
        let mut paths = Vec::new();
        walk(&tree.join(&self.names[label]), 0, &mut paths)?;
        paths.sort_unstable();
        pictures.extend(paths.into_iter().map(|path| Picture { path, label: label as u16 }));
        Ok(pictures.len() - before)
    }
}

/// Names of the folders in `path`, sorted, hidden ones left out. A link to a folder counts as one.
fn folders(path: &Path) -> Result<Vec<String>, DataError> {
    let mut names = Vec::new();
    for entry in fs::read_dir(path).map_err(DataError::io("read", path))? {
        let entry = entry.map_err(DataError::io("read", path))?;
        let is_folder = entry.path().is_dir();
        let name = entry.file_name().into_string().map_err(|name| {
            DataError::format(path, "names must be UTF-8", format!("found {}", name.to_string_lossy()))
        })?;
        if is_folder && !name.starts_with('.') {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// Collects the pictures below `folder`.
fn walk(folder: &Path, depth: usize, paths: &mut Vec<PathBuf>) -> Result<(), DataError> {
    if depth > MOST_DEPTH {
        return Err(DataError::format(
            folder,
            format!("must be at most {MOST_DEPTH} folders deep"),
            "it is deeper",
        ));
    }
    for entry in fs::read_dir(folder).map_err(DataError::io("read", folder))? {
        let entry = entry.map_err(DataError::io("read", folder))?;
        let kind = entry.file_type().map_err(DataError::io("read", folder))?;
        let path = entry.path();
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        if kind.is_symlink() && path.is_dir() {
            // It may lead back up and never end.
            return Err(DataError::format(
                &path,
                "must not be a link to a folder",
                "put the folder itself there",
            ));
        }
        if kind.is_dir() {
            walk(&path, depth + 1, paths)?;
        } else if is_picture(&path) {
            paths.push(path);
        }
    }
    Ok(())
}

fn is_picture(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    EXTENSIONS.iter().any(|known| extension.eq_ignore_ascii_case(known))
}
