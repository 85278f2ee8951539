//! A list of pictures in a few bytes each.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::DataError;
use crate::order::{Purpose, shuffle, stream};

/// Files of pictures and their classes, in an order.
///
/// Names lie end to end in one buffer that parts of the list share: small sets of many pictures would otherwise take more
/// for the paths than for a batch of images, and that is all loading may take beside the pixels.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pictures {
    files: Arc<Files>,
    entries: Vec<Entry>,
}

#[derive(Clone, Debug, Default)]
struct Files {
    /// The folder that each class's names begin from.
    folders: Vec<PathBuf>,
    names: String,
}

/// A picture's name, as a part of all names, and its class.
#[derive(Clone, Copy, Debug)]
struct Entry {
    begin: u32,
    length: u16,
    label: u16,
}

impl Pictures {
    /// No pictures yet, of classes with these folders, at most 2^16.
    pub(crate) fn new(folders: Vec<PathBuf>) -> Self {
        Self { files: Arc::new(Files { folders, names: String::new() }), entries: Vec::new() }
    }

    /// Adds a picture by its class and its file's name, or path, below the class's folder.
    ///
    /// # Errors
    /// When a name is too long, 64 KiB, or all of them are, 4 GiB.
    ///
    /// # Panics
    /// When there is no such class.
    pub(crate) fn add(&mut self, label: usize, name: &str) -> Result<(), DataError> {
        let folder = &self.files.folders[label];
        let too_long = |rule: &str, bytes| {
            DataError::in_file(folder, rule, format!("found {bytes} bytes; take shorter ones"))
        };
        let length = u16::try_from(name.len())
            .map_err(|_| too_long("a picture's name must have less than 64 KiB", name.len()))?;
        let begin = self.files.names.len();
        let begin = u32::try_from(begin)
            .map_err(|_| too_long("names of all pictures together must have less than 4 GiB", begin))?;
        Arc::make_mut(&mut self.files).names.push_str(name);
        self.entries.push(Entry { begin, length, label: label as u16 });
        Ok(())
    }

    /// Sorts the pictures from the `first`-th on, which must be of one class, by their paths.
    pub(super) fn sort_from(&mut self, first: usize) {
        let files = &self.files;
        self.entries[first..].sort_unstable_by(|one, other| files.name(*one).cmp(files.name(*other)));
    }

    /// Puts the pictures into an order that never changes but mixes the classes, so that the first so many are a fair sample.
    pub(crate) fn mixed(mut self) -> Self {
        shuffle(&mut self.entries, &mut stream(Purpose::FolderOrder, 0, 0));
        self
    }

    /// The list without the pictures at `picked`, ascending places, and the list of those.
    pub(super) fn parted(mut self, picked: &[u32]) -> (Self, Self) {
        let entries = picked.iter().map(|&place| self.entries[place as usize]).collect();
        let (mut place, mut picked) = (0, picked.iter().peekable());
        self.entries.retain(|_| {
            let stays = picked.next_if(|&&next| next == place).is_none();
            place += 1;
            stays
        });
        let parted = Self { files: Arc::clone(&self.files), entries };
        (self, parted)
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The file of the `index`-th picture.
    pub(super) fn path(&self, index: usize) -> PathBuf {
        let entry = self.entries[index];
        self.files.folders[usize::from(entry.label)].join(self.files.name(entry))
    }

    /// Names of the folders that all classes hold, when every picture lies in a folder inside its class's: two or more, sorted.
    pub(super) fn common_folders(&self) -> Option<Vec<String>> {
        let mut by_label = BTreeMap::<u16, BTreeSet<&str>>::new();
        for entry in &self.entries {
            let (folder, _) = self.files.text(*entry).split_once('/')?;
            by_label.entry(entry.label).or_default().insert(folder);
        }
        let mut sets = by_label.into_values();
        let first = sets.next()?;
        let common = sets.fold(first, |common, set| &common & &set);
        (common.len() > 1).then(|| common.into_iter().map(str::to_owned).collect())
    }

    pub(super) fn labels(&self) -> Vec<u16> {
        self.entries.iter().map(|entry| entry.label).collect()
    }
}

impl Files {
    fn text(&self, entry: Entry) -> &str {
        let begin = entry.begin as usize;
        &self.names[begin..begin + usize::from(entry.length)]
    }

    /// A path, since paths are ordered folder by folder, which their letters are not.
    fn name(&self, entry: Entry) -> &Path {
        Path::new(self.text(entry))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pictures(names: &[(usize, String)]) -> Pictures {
        let mut pictures = Pictures::new(vec!["one".into(), "two".into()]);
        for (label, name) in names {
            pictures.add(*label, name).unwrap();
        }
        pictures
    }

    fn paths(pictures: &Pictures) -> Vec<PathBuf> {
        (0..pictures.len()).map(|index| pictures.path(index)).collect()
    }

    #[test]
    fn pictures_of_a_class_are_sorted_as_paths() {
        let names = ["z", "b/c", "b-c", "b"].map(|name| (1, name.to_owned()));
        let mut pictures = pictures(&names);
        pictures.sort_from(1);
        assert_eq!(paths(&pictures), ["two/z", "two/b", "two/b/c", "two/b-c"].map(PathBuf::from));
    }

    #[test]
    fn names_too_long_for_the_list_are_refused() {
        let mut pictures = Pictures::new(vec!["one".into()]);
        let message = pictures.add(0, &"x".repeat(1 << 16)).unwrap_err().to_string();
        let expected =
            "one: a picture's name must have less than 64 KiB; found 65536 bytes; take shorter ones";
        assert_eq!(message, expected);
        assert!(pictures.is_empty());
    }

    proptest! {
        /// However names are mixed and parted, each stays with its class, and none is lost.
        #[test]
        fn every_picture_stays_itself(
            names in prop::collection::vec((0_usize..2, "[a-zäß/]{0,9}"), 0..40),
            picks in prop::collection::vec(any::<bool>(), 40),
        ) {
            let all = pictures(&names);
            let wanted: Vec<_> =
                names.iter().map(|(label, name)| (["one", "two"][*label], name.as_str())).collect();
            let wanted: Vec<_> = wanted.iter().map(|(folder, name)| Path::new(folder).join(name)).collect();
            prop_assert_eq!(&paths(&all), &wanted);

            let picked: Vec<u32> = (0..names.len() as u32).filter(|&place| picks[place as usize]).collect();
            let (left, parted) = all.clone().parted(&picked);
            let (parted_wanted, left_wanted): (Vec<_>, Vec<_>) =
                wanted.iter().zip(&picks).partition(|(_, picked)| **picked);
            for (part, wanted) in [(left, left_wanted), (parted, parted_wanted)] {
                prop_assert!(paths(&part).iter().eq(wanted.iter().map(|(path, _)| *path)));
            }

            let mixed = all.mixed();
            let mut found: Vec<_> = paths(&mixed).into_iter().zip(mixed.labels()).collect();
            let mut wanted: Vec<_> = wanted.into_iter().zip(names.iter().map(|name| name.0 as u16)).collect();
            found.sort();
            wanted.sort();
            prop_assert_eq!(found, wanted);
        }
    }
}
