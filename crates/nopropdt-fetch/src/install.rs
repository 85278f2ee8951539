//! From a source of bytes to a checked file under its final name.

use std::fs::File;
use std::io::{Seek, Write};
use std::path::Path;

use nopropdt_data::files;

use crate::check::check;
use crate::dataset_folder::DatasetFolder;
use crate::disk::{remove_if_there, sync_folder, with_suffix};
use crate::place::place;
use crate::record::Fetched;
use crate::stamp::Stamp;
use crate::unpacking::unpack_archive;
use crate::{FetchError, FetchEvent, ManifestFile};

/// What a file is taken from.
pub(crate) struct Source<'a> {
    /// The file with its bytes, as they are sent or plain; it is left as it is.
    pub(crate) path: &'a Path,
    /// The address or path to name in errors.
    pub(crate) origin: &'a str,
}

/// Brings the content of `source` under its final name in `folder`, if it is what the manifest wants: decompressed, as it
/// is, or unpacked. Otherwise nothing under a final name is touched.
pub(crate) fn install(
    source: &Source<'_>,
    wanted: &ManifestFile,
    folder: &DatasetFolder<'_>,
    on_event: &mut dyn FnMut(FetchEvent<'_>),
) -> Result<Fetched, FetchError> {
    if wanted.unpack().is_archive() {
        return install_archive(source, wanted, folder, on_event);
    }
    let destination = folder.path.join(&wanted.name);
    let temporary = with_suffix(&destination, ".tmp");
    let installed = write_checked(source, wanted, &temporary).and_then(|mut fetched| {
        // Before it is placed, as for all that somebody else may reach.
        fetched.stamp = Some(Stamp::of_renamed(&temporary, &wanted.name)?);
        place(&temporary, &destination, &wanted.name, on_event)?;
        sync_folder(&destination)?;
        Ok(fetched)
    });
    remove_if_there(&temporary)?;
    installed
}

/// Unpacks straight from the source: the disk need not hold the archive twice. It is opened once, so that what is unpacked is
/// what was checked.
fn install_archive(
    source: &Source<'_>,
    wanted: &ManifestFile,
    folder: &DatasetFolder<'_>,
    on_event: &mut dyn FnMut(FetchEvent<'_>),
) -> Result<Fetched, FetchError> {
    let mut file = files::open(source.path)?.0;
    let mut fetched = check(&mut file, source.origin, wanted, &mut |_| Ok(()))?;
    file.rewind().map_err(FetchError::io("read", source.path))?;
    on_event(FetchEvent::Unpacking { file: &wanted.name });
    let (unpacked, stamp) = unpack_archive(file, source.path, wanted, folder, on_event)?;
    (fetched.unpacked, fetched.stamp) = (Some(unpacked), Some(stamp));
    sync_folder(&folder.path.join(&wanted.name))?;
    Ok(fetched)
}

/// Writes the content to `path` and checks it.
fn write_checked(source: &Source<'_>, wanted: &ManifestFile, path: &Path) -> Result<Fetched, FetchError> {
    let mut sent = files::open(source.path)?.0;
    let mut file = File::create(path).map_err(FetchError::io("create", path))?;
    let fetched = check(&mut sent, source.origin, wanted, &mut |bytes| {
        file.write_all(bytes).map_err(FetchError::io("write", path))
    })?;
    file.sync_all().map_err(FetchError::io("write", path))?;
    Ok(fetched)
}
