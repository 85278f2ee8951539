//! A tree of class folders, and the pictures in it.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::kind::Kind;
use super::left_out::LeftOut;
use super::names::{Places, composed, near_pairs};
use super::pictures::Pictures;
use super::scan::{Entry, EntryKind, Scan};
use crate::DataError;
use crate::note::{LeftOutReason, Note, Shown};

/// Far above any set to learn from on one machine; a one-hot embedding grows with its square.
const MOST_CLASSES: usize = 10_000;
/// Folders inside a class.
const MOST_DEPTH: usize = 16;

/// A folder, with what lies at its top.
pub(super) struct Tree {
    /// What was read of the dataset's folder.
    scan: Rc<Scan>,
    pub(super) path: PathBuf,
    /// The way from the dataset's folder to this one.
    pub(super) below: PathBuf,
    /// Names of the folders in it, as the disk has them, in the order of their composed names.
    pub(super) folders: Vec<String>,
    /// The files beside these.
    pub(super) left_out: LeftOut,
}

impl Tree {
    /// Lists a dataset's folder.
    pub(super) fn root(path: &Path) -> Result<Self, DataError> {
        let metadata = path.metadata().map_err(|reason| match reason.kind() {
            ErrorKind::NotFound => DataError::NoFolder { folder: path.to_owned() },
            _ => DataError::io("open", path)(reason),
        })?;
        if !metadata.is_dir() {
            return Err(DataError::in_file(path, "must be a folder of pictures", "it is a file"));
        }
        Self::list(&Rc::default(), path.to_owned(), PathBuf::new())
    }

    /// Lists the folder called `name` in this one.
    pub(super) fn inner(&self, name: &str) -> Result<Self, DataError> {
        Self::list(&self.scan, self.path.join(name), self.below.join(name))
    }

    fn list(scan: &Rc<Scan>, path: PathBuf, below: PathBuf) -> Result<Self, DataError> {
        let (mut folders, mut left_out) = (Vec::new(), LeftOut::default());
        for Entry { name, kind } in scan.list(&path)? {
            match kind {
                EntryKind::Folder | EntryKind::LinkToFolder => {
                    folders.push(text_name(&path, &name)?.to_owned())
                }
                EntryKind::File => left_out.add(LeftOutReason::OutsideClasses, &below.join(&name)),
            }
        }
        folders.sort_unstable_by(|one, other| composed(one).cmp(&composed(other)).then(one.cmp(other)));
        Ok(Self { scan: Rc::clone(scan), path, below, folders, left_out })
    }
}

/// Classes: those of a tree in the order of their names, or those of a model in its order.
pub(super) struct Classes {
    /// Composed, those of a tree.
    pub(super) names: Vec<String>,
}

impl Classes {
    pub(super) fn of(tree: &Tree) -> Result<Self, DataError> {
        if tree.folders.is_empty() {
            return Err(no_class_folders(&tree.path));
        }
        if tree.folders.len() > MOST_CLASSES {
            let rule = format!("must hold at most {MOST_CLASSES} classes");
            return Err(DataError::in_file(&tree.path, rule, format!("found {}", tree.folders.len())));
        }
        check_different(tree)?;
        Ok(Self { names: tree.folders.iter().map(|name| composed(name).into_owned()).collect() })
    }

    /// Pairs of classes whose names are as good as the same.
    pub(super) fn notes(&self) -> Vec<Note> {
        near_pairs(&self.names)
            .into_iter()
            .map(|(one, other, difference)| Note::NearNames {
                one: one.into(),
                other: other.into(),
                difference,
            })
            .collect()
    }

    /// The pictures of every class, each of which must have some.
    pub(super) fn pictures(&self, tree: &mut Tree) -> Result<Pictures, DataError> {
        let folders = tree.folders.iter().map(|name| tree.path.join(name)).collect();
        let mut pictures = Pictures::new(folders);
        for label in 0..self.names.len() {
            let before = pictures.len();
            let left_out = collect(tree, label, label, &mut pictures)?;
            if pictures.len() == before {
                let others = left_out.files(LeftOutReason::NoPicture);
                let found = match others.is_empty() {
                    true => "found none; remove the folder or fill it".to_owned(),
                    false => {
                        format!("found none, but {}; convert these or remove the folder", Shown(&others))
                    }
                };
                let folder = tree.path.join(&tree.folders[label]);
                return Err(DataError::in_file(
                    &folder,
                    "a class must have PNG, JPEG, BMP or WebP pictures",
                    found,
                ));
            }
            tree.left_out.append(left_out);
        }
        Ok(pictures)
    }

    /// The pictures of the classes that `tree` has, none of which may be unknown.
    pub(super) fn pictures_of_known(&self, tree: &mut Tree) -> Result<Pictures, DataError> {
        check_different(tree)?;
        let places = Places::of(&self.names);
        let mut labels = BTreeMap::new();
        // The folder of every class, whether it is there or not.
        let mut folders: Vec<PathBuf> = self.names.iter().map(|name| tree.path.join(name)).collect();
        for (index, name) in tree.folders.iter().enumerate() {
            let label = places.get(name).ok_or_else(|| self.unknown(tree, name, &places))?;
            folders[label] = tree.path.join(name);
            labels.insert(index, label);
        }
        let mut pictures = Pictures::new(folders);
        for (index, label) in labels {
            let left_out = collect(tree, index, label, &mut pictures)?;
            tree.left_out.append(left_out);
        }
        if pictures.is_empty() {
            let others = tree.left_out.files(LeftOutReason::NoPicture);
            let found = match others.is_empty() {
                true => "found none".to_owned(),
                false => format!("found none, but {}; convert these", Shown(&others)),
            };
            return Err(DataError::in_file(
                &tree.path,
                "there must be PNG, JPEG, BMP or WebP pictures to test on",
                found,
            ));
        }
        Ok(pictures)
    }

    fn unknown(&self, tree: &Tree, name: &str, places: &Places<'_>) -> DataError {
        let found = match places.nearly(name) {
            Some((known, difference)) => {
                format!(
                    "test class {name:?} differs from training class {known:?} in {difference}; rename one"
                )
            }
            None => format!("{name:?} is none of the {}", self.names.len()),
        };
        DataError::in_file(&tree.path.join(name), "test pictures must be of a training class", found)
    }
}

/// The error about a tree without class folders.
pub(super) fn no_class_folders(tree: &Path) -> DataError {
    let found = "it holds no folder; sort its pictures into folders, one a class";
    DataError::in_file(tree, "must hold a folder for each class", found)
}

/// Fails where two folders have the same name, once composed.
fn check_different(tree: &Tree) -> Result<(), DataError> {
    match tree.folders.windows(2).find(|pair| composed(&pair[0]) == composed(&pair[1])) {
        Some(pair) => {
            let rule = "class folders must have different names";
            let found = format!(
                "found {:?} twice, its letters composed (NFC) and taken apart (NFD); merge the two",
                composed(&pair[0])
            );
            Err(DataError::in_file(&tree.path, rule, found))
        }
        None => Ok(()),
    }
}

/// Adds the pictures in the `index`-th folder of `tree` as those of the class `label`, in the order of their paths.
fn collect(tree: &Tree, index: usize, label: usize, pictures: &mut Pictures) -> Result<LeftOut, DataError> {
    let name = &tree.folders[index];
    let before = pictures.len();
    let mut left_out = LeftOut::default();
    let below = tree.below.join(name);
    walk(&tree.scan, &tree.path.join(name), "", 0, &mut |file| {
        let reason = match file.kind() {
            Kind::Picture => {
                let name = text_name(file.folder, file.name)?;
                return pictures.add(label, &format!("{}{name}", file.below));
            }
            Kind::Other => LeftOutReason::NoPicture,
            Kind::Unreadable => LeftOutReason::Unreadable,
        };
        left_out.add(reason, &below.join(file.below).join(file.name));
        Ok(())
    })?;
    pictures.sort_from(before);
    Ok(left_out)
}

/// Calls `found` with every file in `folder` and in folders inside it, and what kind it is, in no order.
pub(super) fn every_file(folder: &Path, mut found: impl FnMut(PathBuf, Kind)) -> Result<(), DataError> {
    walk(&Scan::default(), folder, "", 0, &mut |file| {
        found(file.folder.join(file.name), file.kind());
        Ok(())
    })
}

/// A name, fit for lists of pictures, class names, error messages and reports.
fn text_name<'a>(folder: &Path, name: &'a OsStr) -> Result<&'a str, DataError> {
    match name.to_str() {
        Some(text) if !text.contains(char::is_control) => Ok(text),
        _ => Err(DataError::in_file(
            folder,
            "names must be UTF-8 without control characters",
            format!("found {name:?}; rename it"),
        )),
    }
}

/// A file in the folder of a class, or in one inside it.
struct File<'a> {
    folder: &'a Path,
    /// The way from the class's folder to this one: nothing, or a path and `/`.
    below: &'a str,
    name: &'a OsStr,
}

impl File<'_> {
    fn kind(&self) -> Kind {
        Kind::by_name(self.name).unwrap_or_else(|| Kind::by_content(&self.folder.join(self.name)))
    }
}

/// Calls `found` with every file in `folder` and in folders inside it.
fn walk(
    scan: &Scan,
    folder: &Path,
    below: &str,
    depth: usize,
    found: &mut impl FnMut(File<'_>) -> Result<(), DataError>,
) -> Result<(), DataError> {
    if depth > MOST_DEPTH {
        return Err(DataError::in_file(
            folder,
            format!("must be at most {MOST_DEPTH} folders deep"),
            "it is deeper",
        ));
    }
    for Entry { name, kind } in scan.take(folder)? {
        match kind {
            // It may lead back up and never end.
            EntryKind::LinkToFolder => {
                return Err(DataError::in_file(
                    &folder.join(text_name(folder, &name)?),
                    "must not be a link to a folder",
                    "put the folder itself there",
                ));
            }
            EntryKind::Folder => {
                let below = format!("{below}{}/", text_name(folder, &name)?);
                walk(scan, &folder.join(&name), &below, depth + 1, found)?;
            }
            EntryKind::File => found(File { folder, below, name: &name })?,
        }
    }
    Ok(())
}
