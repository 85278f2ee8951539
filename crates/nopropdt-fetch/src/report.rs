//! What a fetch leaves.

use std::path::PathBuf;

use crate::ManifestDataset;
use crate::record::Record;

/// What a fetch found and did.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FetchReport {
    /// The dataset's folder.
    pub folder: PathBuf,
    /// Names of the files fetched now; empty when the folder was complete already.
    pub fetched: Vec<String>,
    /// Bytes on disk of all the dataset's files together, those from archives included.
    pub bytes: u64,
    /// Names of files and folders that came out of archives.
    pub roots: Vec<String>,
}

impl FetchReport {
    /// What is there in the end.
    pub(crate) fn new(dataset: &ManifestDataset, folder: PathBuf, fetched: Vec<String>) -> Self {
        let record = Record::read(&folder);
        let (mut bytes, mut roots) = (0, Vec::new());
        for file in &dataset.files {
            match record.of(file).and_then(|known| known.unpacked.as_ref()) {
                Some(contents) => {
                    bytes += contents.bytes;
                    roots.extend(contents.roots.iter().cloned());
                }
                None => bytes += file.bytes,
            }
        }
        Self { folder, fetched, bytes, roots }
    }
}
