//! A dataset's folder, and whose the names at its top are.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Mutex;

use crate::lock::held;
use crate::manifest::is_reserved;
use crate::record::Record;
use crate::{FetchError, ManifestDataset, ManifestFile};

/// Where files are to go.
pub(crate) struct DatasetFolder<'a> {
    pub(crate) path: &'a Path,
    /// The file that brings each name, which is in lower case here: some systems take `Set` and `set` for the same.
    owners: Mutex<HashMap<String, String>>,
}

impl<'a> DatasetFolder<'a> {
    /// The folder with the names that the dataset's files have, and those that came out of its archives.
    pub(crate) fn new(path: &'a Path, dataset: &ManifestDataset, record: &Record) -> Self {
        let mut owners = HashMap::new();
        for file in &dataset.files {
            let unpacked = record.of(file).and_then(|known| known.unpacked.as_ref());
            let names = match unpacked {
                Some(contents) => &contents.roots[..],
                None if file.unpack().is_archive() => &[],
                None => std::slice::from_ref(&file.name),
            };
            owners.extend(names.iter().map(|name| (name.to_lowercase(), file.name.clone())));
        }
        Self { path, owners: Mutex::new(owners) }
    }

    /// Takes the names at an archive's top, all or none: what another file has brought must not be moved away.
    pub(crate) fn take(&self, names: &[String], archive: &ManifestFile) -> Result<(), FetchError> {
        let mut owners = held(&self.owners);
        let refuse = |problem| FetchError::Archive { path: (&archive.name).into(), problem };
        for name in names {
            if is_reserved(name) {
                return Err(refuse(format!(
                    "must not hold \"{name}\" at its top, a name that fetching uses"
                )));
            }
            if let Some(owner) = owners.get(&name.to_lowercase()).filter(|owner| **owner != archive.name) {
                return Err(refuse(format!(
                    "must not hold \"{name}\" at its top, which {owner} brings already: files of one dataset must have \
                     different names there"
                )));
            }
        }
        owners.extend(names.iter().map(|name| (name.to_lowercase(), archive.name.clone())));
        Ok(())
    }
}
