//! Which pictures there are.

use std::fs::{self, DirEntry};
use std::path::{Path, PathBuf};

use super::Pictures;
use crate::DataError;
use crate::archive::is_noise;

/// File names of pictures end in one of these, in any case.
const EXTENSIONS: [&str; 5] = ["bmp", "jpeg", "jpg", "png", "webp"];
/// Names of the folder with test pictures, the first found.
const TEST_FOLDERS: [&str; 3] = ["test", "val", "validation"];
/// Far above any set to learn from on one machine; a one-hot embedding grows with its square.
const MOST_CLASSES: usize = 10_000;
/// Folders inside a class.
const MOST_DEPTH: usize = 16;

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
        if let Some(test) = test_folder(path) {
            return Ok(Self::Divided { train, test });
        }
        if let Some(other) = folders(path)?.into_iter().find(|name| name != "train") {
            return Err(DataError::format(
                path,
                "must hold no other folder beside train, unless one is test or val",
                format!(
                    "found {other}; rename train if it is a class, or take what is in it alone: {}",
                    train.display()
                ),
            ));
        }
        Ok(Self::Single { tree: train })
    }

    /// [`find`](Self::find) for those who want test pictures alone: none to train on need be there. A folder that is called as one
    /// of the classes is one.
    pub(super) fn find_test(path: &Path, class_names: &[String]) -> Result<Self, DataError> {
        let train = path.join("train");
        let is_class = |test: &Path| class_names.iter().any(|name| test.ends_with(name));
        match test_folder(path).filter(|test| !is_class(test)) {
            Some(test) if !train.is_dir() => Ok(Self::Divided { train, test }),
            _ => Self::find(path),
        }
    }
}

fn test_folder(path: &Path) -> Option<PathBuf> {
    TEST_FOLDERS.iter().map(|name| path.join(name)).find(|test| test.is_dir())
}

/// Classes: those of a tree in the order of their names, or those of a model in its order.
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
    pub(super) fn pictures(&self, tree: &Path) -> Result<Pictures, DataError> {
        let folders = self.folders(tree);
        let mut pictures = Pictures::new(folders.clone());
        for (label, folder) in folders.iter().enumerate() {
            let before = pictures.len();
            collect(folder, label, &mut pictures)?;
            if pictures.len() == before {
                let rule = format!("a class must have pictures ({})", EXTENSIONS.join(", "));
                return Err(DataError::format(folder, rule, "found none; remove the folder or fill it"));
            }
        }
        Ok(pictures)
    }

    /// The pictures of the classes that `tree` has, none of which may be unknown.
    pub(super) fn pictures_of_known(&self, tree: &Path) -> Result<Pictures, DataError> {
        let mut pictures = Pictures::new(self.folders(tree));
        for name in folders(tree)? {
            let label = self.names.iter().position(|known| *known == name).ok_or_else(|| {
                let found = format!("{name} is none of the {}", self.names.len());
                DataError::format(&tree.join(&name), "test pictures must be of a training class", found)
            })?;
            collect(&tree.join(&name), label, &mut pictures)?;
        }
        if pictures.is_empty() {
            return Err(DataError::format(tree, "there must be test pictures", "found none"));
        }
        Ok(pictures)
    }

    /// The folder of every class in `tree`, whether it is there or not.
    fn folders(&self, tree: &Path) -> Vec<PathBuf> {
        self.names.iter().map(|name| tree.join(name)).collect()
    }
}

/// Adds the pictures in a class's folder, in the order of their paths.
fn collect(folder: &Path, label: usize, pictures: &mut Pictures) -> Result<(), DataError> {
    let before = pictures.len();
    walk(folder, "", 0, &mut |name| pictures.add(label, name))?;
    pictures.sort_from(before);
    Ok(())
}

/// Names of the folders in `path`, sorted, without hidden ones. A link to a folder counts as one.
fn folders(path: &Path) -> Result<Vec<String>, DataError> {
    let mut names = Vec::new();
    for entry in fs::read_dir(path).map_err(DataError::io("read", path))? {
        let entry = entry.map_err(DataError::io("read", path))?;
        let name = entry.file_name();
        let noise = name.as_encoded_bytes().starts_with(b".") || name.to_str().is_some_and(is_noise);
        if !noise && entry.path().is_dir() {
            names.push(text_name(path, &entry)?);
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// An entry's name, fit for lists of pictures, class names, error messages and reports.
fn text_name(folder: &Path, entry: &DirEntry) -> Result<String, DataError> {
    let name = entry.file_name();
    match name.to_str() {
        Some(text) if !text.contains(char::is_control) => Ok(text.to_owned()),
        _ => Err(DataError::format(
            folder,
            "names must be UTF-8 without control characters",
            format!("found {name:?}; rename it"),
        )),
    }
}

/// Calls `found` with the name of every picture in `folder` and in folders inside it; names begin with `below`, the way from the
/// class's folder to this one.
fn walk(
    folder: &Path,
    below: &str,
    depth: usize,
    found: &mut impl FnMut(&str) -> Result<(), DataError>,
) -> Result<(), DataError> {
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
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        if kind.is_symlink() && entry.path().is_dir() {
            // It may lead back up and never end.
            return Err(DataError::format(
                &folder.join(text_name(folder, &entry)?),
                "must not be a link to a folder",
                "put the folder itself there",
            ));
        }
        if kind.is_dir() {
            let below = format!("{below}{}/", text_name(folder, &entry)?);
            walk(&entry.path(), &below, depth + 1, found)?;
        } else if is_picture(Path::new(&entry.file_name())) {
            found(&format!("{below}{}", text_name(folder, &entry)?))?;
        }
    }
    Ok(())
}

fn is_picture(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    EXTENSIONS.iter().any(|known| extension.eq_ignore_ascii_case(known))
}
