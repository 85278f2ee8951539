//! Archives: whatever comes out stays in its folder, is a file or a folder, and within the bounds.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nopropdt_fetch::archive::{ArchiveKind, ArchiveLimits, unpack};
use nopropdt_fuzz::{assert_one_line, folder, write};
use std::fs;
use std::path::Path;

const LIMITS: ArchiveLimits = ArchiveLimits { bytes: 1 << 20, entries: 50 };

/// Bytes below a folder.
fn survey(path: &Path) -> u64 {
    let entries = fs::read_dir(path).expect("the folder was just made");
    entries
        .map(|entry| {
            let path = entry.expect("nobody else changes it").path();
            let metadata = fs::symlink_metadata(&path).expect("nobody else changes it");
            assert!(metadata.is_file() || metadata.is_dir(), "{}", path.display());
            if metadata.is_dir() { survey(&path) } else { metadata.len() }
        })
        .sum()
}

fuzz_target!(|data: &[u8]| {
    let Some((&kind, rest)) = data.split_first() else { return };
    let kind = if kind & 1 == 0 { ArchiveKind::TarGz } else { ArchiveKind::Zip };
    let archive = write("archive", rest);
    let inside = folder().join("inside");
    fs::create_dir(&inside).expect("it was removed");
    let result = unpack(kind, &archive, &inside, LIMITS);
    let bytes = survey(&inside);
    assert!(bytes <= LIMITS.bytes, "{bytes}");
    match result {
        Ok(unpacked) => assert_eq!(unpacked.bytes, bytes),
        Err(error) => assert_one_line(error),
    }
    assert_eq!(fs::read_dir(folder()).expect("it is there").count(), 2, "something left the folder");
    fs::remove_dir_all(&inside).expect("it is ours");
});
