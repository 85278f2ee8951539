//! From an archive to the files in it.

use std::fs::File;
use std::path::Path;

use nopropdt_data::files;

use super::sink::{ArchiveLimits, Sink};
use super::{tar_gz, zipped};
use crate::FetchError;
use crate::contents::Contents;

/// The kinds of archive that can be unpacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArchiveKind {
    /// A tar archive, compressed with gzip.
    TarGz,
    /// A zip archive.
    Zip,
}

/// Unpacks an archive into `folder`, which must be there and empty; what systems add by themselves (`__MACOSX`, `Thumbs.db`, `@eaDir`, …) is left
/// out.
///
/// # Errors
/// [`FetchError::Archive`] when the archive is damaged, holds a path that leads out of the folder, a link or anything else
/// than files and folders, a file twice, more than the limits allow, more than 2,000 names at its top, or no file;
/// [`FetchError::Io`] when the disk fails. What came out before stays in `folder`.
pub fn unpack(
    kind: ArchiveKind,
    archive: &Path,
    folder: &Path,
    limits: ArchiveLimits,
) -> Result<Contents, FetchError> {
    unpack_opened(kind, files::open(archive)?.0, archive, folder, limits)
}

/// The same with a file that is open already, at its beginning; `archive` names it in errors.
pub(crate) fn unpack_opened(
    kind: ArchiveKind,
    opened: File,
    archive: &Path,
    folder: &Path,
    limits: ArchiveLimits,
) -> Result<Contents, FetchError> {
    let mut sink = Sink::new(archive, folder, limits);
    match kind {
        ArchiveKind::TarGz => tar_gz::unpack(opened, &mut sink)?,
        ArchiveKind::Zip => zipped::unpack(opened, archive, &mut sink)?,
    }
    sink.finish()
}
