//! From a checked archive to its files under their final names.

use std::fs::{self, File};
use std::path::Path;

use super::FetchEvent;
use super::dataset_folder::DatasetFolder;
use super::install::remove_tree;
use super::place::place;
use super::stamp::Stamp;
use crate::archive::{ArchiveKind, ArchiveLimits, Unpacked, unpack_opened};
use crate::manifest::Unpack;
use crate::{DataError, ManifestFile};

/// Unpacks an archive that has been checked: into a folder of its own first, so that nothing half-unpacked ever lies
/// under a final name. Its stamp is what tells a later change.
pub(super) fn unpack_archive(
    opened: File,
    archive: &Path,
    wanted: &ManifestFile,
    folder: &DatasetFolder<'_>,
    on_event: &mut dyn FnMut(FetchEvent<'_>),
) -> Result<(Unpacked, Stamp), DataError> {
    let inside = folder.path.join(format!(".{}.unpacking", wanted.name));
    remove_tree(&inside)?;
    fs::create_dir(&inside).map_err(DataError::io("make folder", &inside))?;
    let kind = if wanted.unpack() == Unpack::Zip { ArchiveKind::Zip } else { ArchiveKind::TarGz };
    let limits = ArchiveLimits {
        bytes: wanted.unpacked_bytes.unwrap_or(0),
        entries: wanted.unpacked_files.unwrap_or(1 << 20),
    };
    let moved = unpack_opened(kind, opened, archive, &inside, limits).and_then(|unpacked| {
        folder.take(&unpacked.roots, wanted)?;
        let stamp = Stamp::of(&inside, &unpacked.roots)?;
        for root in &unpacked.roots {
            place(&inside.join(root), &folder.path.join(root), root, on_event)?;
        }
        Ok((unpacked, stamp))
    });
    remove_tree(&inside)?;
    moved.map_err(|error| about(wanted, error))
}

/// An archive's error by its name: the file it was read from is gone by the time the message is read. Its hash was right, so
/// there is no better one to wait for.
fn about(wanted: &ManifestFile, error: DataError) -> DataError {
    match error {
        DataError::Archive { problem, .. } => {
            let advice = "its hash is right, so every mirror has the same: report it, or change its entry in datasets.toml";
            DataError::Archive { path: (&wanted.name).into(), problem: format!("{problem}; {advice}") }
        }
        other => other,
    }
}
