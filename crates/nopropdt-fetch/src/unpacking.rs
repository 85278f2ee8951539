//! From a checked archive to its files under their final names.

use std::fs::{self, File};
use std::path::Path;

use crate::archive::{ArchiveKind, ArchiveLimits, unpack_opened};
use crate::contents::Contents;
use crate::dataset_folder::DatasetFolder;
use crate::disk::remove_tree;
use crate::manifest::Unpack;
use crate::place::place;
use crate::stamp::Stamp;
use crate::{FetchError, FetchEvent, ManifestFile};

/// Unpacks an archive that has been checked: into a folder of its own first, so that nothing half-unpacked ever lies
/// under a final name. Its stamp is what tells a later change.
pub(crate) fn unpack_archive(
    opened: File,
    archive: &Path,
    wanted: &ManifestFile,
    folder: &DatasetFolder<'_>,
    on_event: &mut dyn FnMut(FetchEvent<'_>),
) -> Result<(Contents, Stamp), FetchError> {
    let inside = folder.path.join(format!(".{}.unpacking", wanted.name));
    remove_tree(&inside)?;
    fs::create_dir(&inside).map_err(FetchError::io("make folder", &inside))?;
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
fn about(wanted: &ManifestFile, error: FetchError) -> FetchError {
    match error {
        FetchError::Archive { problem, .. } => {
            let advice = "its hash is right, so every mirror has the same: report it, or change its entry in datasets.toml";
            FetchError::Archive { path: (&wanted.name).into(), problem: format!("{problem}; {advice}") }
        }
        other => other,
    }
}
