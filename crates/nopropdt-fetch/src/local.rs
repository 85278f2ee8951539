//! Files that the user already has.

use std::path::{Path, PathBuf};

use nopropdt_data::files;

use crate::dataset_folder::DatasetFolder;
use crate::install::{Source, install};
use crate::manifest::Unpack;
use crate::record::Fetched;
use crate::{FetchError, FetchEvent, ManifestDataset, ManifestFile};

/// Installs a file from `source`, where it lies plain or as it is sent; the source is left as it is.
pub(crate) fn copy(
    source: &Path,
    wanted: &ManifestFile,
    folder: &DatasetFolder<'_>,
    on_event: &mut dyn FnMut(FetchEvent<'_>),
) -> Result<Fetched, FetchError> {
    let Some(path) = find(source, wanted)? else {
        let as_sent = match wanted.unpack() {
            unpack if unpack.is_archive() => " as it is sent, not unpacked",
            // Of the content no hash is known.
            Unpack::Gzip if wanted.sha256.is_none() => " as it is sent, compressed",
            _ => "",
        };
        let file = format!("{}{as_sent}", names(wanted).join(" or "));
        let (rule, found) = (format!("folder must hold {file}"), format!("it {}", files::holds(source)));
        return Err(FetchError::invalid(source.display().to_string(), rule, found));
    };
    let origin = path.display().to_string();
    on_event(FetchEvent::Started { file: &wanted.name, origin: &origin, done: 0, total: None });
    let fetched = install(&Source { path: &path, origin: &origin }, wanted, folder, on_event)?;
    on_event(FetchEvent::Finished { file: &wanted.name });
    Ok(fetched)
}

/// The file under one of its names, or under a near one; what it holds decides in the end.
fn find(source: &Path, wanted: &ManifestFile) -> Result<Option<PathBuf>, FetchError> {
    let names = names(wanted);
    let found = files::find(source, &names.iter().map(String::as_str).collect::<Vec<_>>())?;
    if found.is_some() || wanted.unpack() != Unpack::Gzip {
        return Ok(found);
    }
    // Compressed all the same, in spite of its name.
    let plain = files::find(source, &[&wanted.name])?;
    Ok(plain.filter(|path| files::kind_of_file(path) == Some(files::GZIP)))
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
pub(crate) fn has(source: &Path, wanted: &ManifestFile) -> bool {
    find(source, wanted).is_ok_and(|found| found.is_some())
}

/// The folder of the system that has a file.
pub(crate) fn local_folder<'a>(dataset: &'a ManifestDataset, file: &ManifestFile) -> Option<&'a Path> {
    dataset.local.iter().map(Path::new).find(|folder| has(folder, file))
}
