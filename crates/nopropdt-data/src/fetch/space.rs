//! Whether the disk has room.

use std::path::Path;

use super::FetchPlan;
use crate::{DataError, ManifestFile};

/// What a file of a few bytes takes on most file systems.
const BLOCK: u64 = 4096;

/// Bytes that a file takes on disk in the end, at the most: the last block of each unpacked file may be almost empty.
pub(super) fn kept(file: &ManifestFile) -> u64 {
    file.disk_bytes() + file.unpacked_files.unwrap_or(0) * BLOCK
}

/// Bytes that these plans take at the most at one time, when one is carried out after the other: what is sent is there until
/// what it becomes is complete.
pub(super) fn needed(plans: &[FetchPlan<'_>]) -> u64 {
    let (mut before, mut most) = (0, 0);
    for FetchPlan { room: (kept, passing), .. } in plans {
        most = most.max(before + kept + passing);
        before += kept;
    }
    most
}

/// Fails when the disk of `folder`, or of the nearest folder above it that exists, has less than `needed` bytes free.
pub(super) fn check(folder: &Path, needed: u64) -> Result<(), DataError> {
    let there = folder.ancestors().find(|path| path.exists()).unwrap_or(Path::new("."));
    // A system that doesn't tell will tell when the disk is full.
    let Ok(free) = fs4::available_space(there) else { return Ok(()) };
    compare(folder, needed, free)
}

fn compare(folder: &Path, needed: u64, free: u64) -> Result<(), DataError> {
    if needed <= free { Ok(()) } else { Err(DataError::NoSpace { folder: folder.to_owned(), needed, free }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_little_room_is_told_in_megabytes() {
        let folder = Path::new("data/x");
        assert!(compare(folder, 5, 5).is_ok());
        let message = compare(folder, 2_500_000, 1_000_000).unwrap_err().to_string();
        assert_eq!(
            message,
            "data/x: fetching takes 2.5 MB at the most; the disk has 1.0 MB free; make room or use --data-dir"
        );
    }

    #[test]
    fn this_disk_has_some_room_and_not_all_there_is() {
        assert!(check(Path::new("no/such/folder"), 1).is_ok());
        assert!(check(Path::new("no/such/folder"), u64::MAX).is_err());
    }
}
