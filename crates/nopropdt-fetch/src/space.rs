//! Whether the disk has room.

use std::path::Path;

use crate::{FetchError, FetchPlan};

/// Bytes that these plans take at the most at one time, when one is carried out after the other: what is sent is there until
/// what it becomes is complete.
pub(crate) fn needed<'p>(plans: impl IntoIterator<Item = &'p FetchPlan<'p>>) -> u64 {
    let (mut before, mut most) = (0, 0);
    for FetchPlan { room: (kept, passing), .. } in plans {
        most = most.max(before + kept + passing);
        before += kept;
    }
    most
}

/// Fails when a disk has less room than the plans for folders on it take.
pub(crate) fn check(plans: &[FetchPlan<'_>]) -> Result<(), FetchError> {
    for plans in by_disk(plans, &disk) {
        let folder = plans[0].folder.clone();
        // A system that doesn't tell will tell when the disk is full.
        if let Ok(free) = fs4::available_space(existing(&folder)) {
            compare(&folder, needed(plans), free)?;
        }
    }
    Ok(())
}

/// The plans of each disk: a dataset's folder may be a link to another one.
pub(crate) fn by_disk<'p, 'd, D: PartialEq>(
    plans: &'p [FetchPlan<'d>],
    disk: &dyn Fn(&Path) -> D,
) -> Vec<Vec<&'p FetchPlan<'d>>> {
    let mut groups: Vec<(D, Vec<&FetchPlan<'_>>)> = Vec::new();
    for plan in plans.iter().filter(|plan| !plan.is_complete()) {
        let disk = disk(existing(&plan.folder));
        match groups.iter_mut().find(|(known, _)| *known == disk) {
            Some((_, group)) => group.push(plan),
            None => groups.push((disk, vec![plan])),
        }
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

/// The nearest folder above, or this one, that exists.
fn existing(folder: &Path) -> &Path {
    folder.ancestors().find(|path| path.exists()).unwrap_or(Path::new("."))
}

/// What tells one disk from another.
#[cfg(unix)]
fn disk(folder: &Path) -> Option<u64> {
    use std::os::unix::fs::MetadataExt;
    Some(folder.metadata().ok()?.dev())
}

/// What tells one disk from another: its letter.
#[cfg(not(unix))]
fn disk(folder: &Path) -> Option<std::ffi::OsString> {
    Some(folder.canonicalize().ok()?.components().next()?.as_os_str().to_owned())
}

fn compare(folder: &Path, needed: u64, free: u64) -> Result<(), FetchError> {
    if needed <= free { Ok(()) } else { Err(FetchError::NoSpace { folder: folder.to_owned(), needed, free }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_little_room_is_told_in_megabytes() {
        let folder = Path::new("data/x");
        assert!(compare(folder, 5, 5).is_ok());
        let message = compare(folder, 2_500_000, 1_000_000).unwrap_err().to_string();
        assert_eq!(message, "data/x: fetching takes 2.5 MB at the most; the disk has 1.0 MB free");
    }

    #[test]
    fn the_nearest_folder_that_exists_is_looked_at() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(existing(&folder.path().join("no/such/folder")), folder.path());
        assert_eq!(existing(Path::new("no/such/folder")), Path::new("."));
    }
}
