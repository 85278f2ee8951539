//! Files that the user already has.

use std::path::Path;

use super::FetchEvent;
use super::dataset_folder::DatasetFolder;
use super::install::{Source, install};
use super::record::Fetched;
use crate::manifest::Unpack;
use crate::{DataError, ManifestFile};

/// Installs a file from `source`, where it lies plain or as it is sent; the source is left as it is.
pub(super) fn copy(
    source: &Path,
    wanted: &ManifestFile,
    folder: &DatasetFolder<'_>,
    on_event: &mut dyn FnMut(FetchEvent<'_>),
) -> Result<Fetched, DataError> {
    for name in names(wanted) {
        let path = source.join(name);
        if !path.is_file() {
            continue;
        }
        let origin = path.display().to_string();
        on_event(FetchEvent::Started { file: &wanted.name, origin: &origin, done: 0, total: None });
        let fetched = install(&Source { path: &path, origin: &origin }, wanted, folder, on_event)?;
        on_event(FetchEvent::Finished { file: &wanted.name });
        return Ok(fetched);
    }
    Err(DataError::NotInFolder { folder: source.to_owned(), file: names(wanted).join(" or ") })
}

/// Names that the file may have. A plain one is of no use where only the compressed form has a known hash.
fn names(wanted: &ManifestFile) -> Vec<String> {
    match wanted.unpack() {
        Unpack::Gzip if wanted.sha256.is_none() => vec![wanted.download_name()],
        Unpack::Gzip => vec![wanted.name.clone(), wanted.download_name()],
        _ => vec![wanted.name.clone()],
    }
}

/// Whether `source` has a file of a name that would do.
pub(super) fn has(source: &Path, wanted: &ManifestFile) -> bool {
    names(wanted).into_iter().any(|name| source.join(name).is_file())
}
