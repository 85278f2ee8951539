//! What a fetch would take, told before it begins.

use std::path::PathBuf;

use crate::local::local_folder;
use crate::mirrors::addresses;
use crate::part::Part;
use crate::presence::look;
use crate::record::Record;
use crate::stamp::Right;
use crate::{FetchError, FetchOptions, ManifestDataset, ManifestFile};

/// What a file of a few bytes takes on most file systems.
const BLOCK: u64 = 4096;

/// What is missing of a dataset, and what fetching it takes.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FetchPlan<'a> {
    /// The dataset.
    pub dataset: &'a ManifestDataset,
    /// Its files that are not there as the manifest wants them.
    pub missing: Vec<&'a ManifestFile>,
    /// Bytes still to transfer for these; none for a file that a folder has.
    pub transfer_bytes: u64,
    /// Bytes that they take on disk in the end; of what is in archives, the most.
    pub disk_bytes: u64,
    /// Its files that are there, which need not be read again while they are not changed.
    pub(crate) right: Right,
    /// Where they go.
    pub(crate) folder: PathBuf,
    /// Room they take for good and, on top of it, while they are fetched.
    pub(crate) room: (u64, u64),
}

impl<'a> FetchPlan<'a> {
    /// Looks at what is in the dataset's folder; `before` has what was found right there already, and need not be read again.
    pub(crate) fn new(
        options: &FetchOptions,
        dataset: &'a ManifestDataset,
        before: &Right,
    ) -> Result<Self, FetchError> {
        let folder = options.data_dir.join(&dataset.name);
        let (missing, right) = look(dataset, &folder, &Record::read(&folder), before)?;
        let sum = |bytes: &dyn Fn(&ManifestFile) -> u64| missing.iter().map(|file| bytes(file)).sum();
        let part = |file: &ManifestFile| Part::beside(&folder.join(file.download_name()));
        let room_to_transfer = |file: &ManifestFile| match options.from {
            Some(_) => 0,
            None => file.transfer_bytes().saturating_sub(part(file).len()),
        };
        let to_transfer = |file: &ManifestFile| match is_sent(options, dataset, file) {
            true => file.transfer_bytes().saturating_sub(usable(&part(file), options, dataset, file)),
            false => 0,
        };
        Ok(Self {
            dataset,
            transfer_bytes: sum(&to_transfer),
            disk_bytes: sum(&ManifestFile::disk_bytes),
            room: (sum(&kept), sum(&room_to_transfer)),
            missing,
            right,
            folder,
        })
    }

    /// Whether nothing is missing.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.missing.is_empty()
    }
}

/// Bytes that a file takes on disk in the end, at the most: the last block of each unpacked file may be almost empty.
fn kept(file: &ManifestFile) -> u64 {
    file.disk_bytes() + file.unpacked_files.unwrap_or(0) * BLOCK
}

/// Whether a file comes over the network.
fn is_sent(options: &FetchOptions, dataset: &ManifestDataset, file: &ManifestFile) -> bool {
    options.from.is_none() && (options.mirror.is_some() || local_folder(dataset, file).is_none())
}

/// Bytes from which a transfer goes on: those of the address that is asked first.
fn usable(part: &Part, options: &FetchOptions, dataset: &ManifestDataset, file: &ManifestFile) -> u64 {
    let resume = addresses(options, dataset, file).first().and_then(|url| part.resume(url));
    resume.map_or(0, |resume| resume.done)
}
