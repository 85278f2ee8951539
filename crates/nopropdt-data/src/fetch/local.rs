//! Files that the user already has.

use std::fs::File;
use std::io;
use std::path::Path;

use super::FetchEvent;
use super::install::install;
use crate::{DataError, ManifestFile};

/// Installs a file from `folder`, where it lies plain or as `.gz`; the source is left as it is.
pub(super) fn copy(
    folder: &Path,
    wanted: &ManifestFile,
    destination: &Path,
    on_event: &mut dyn FnMut(FetchEvent<'_>),
) -> Result<(), DataError> {
    for name in [wanted.name.clone(), format!("{}.gz", wanted.name)] {
        let path = folder.join(name);
        let mut source = match File::open(&path) {
            Ok(source) => source,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(reason) => return Err(DataError::io("open", path)(reason)),
        };
        let origin = path.display().to_string();
        on_event(FetchEvent::Started { file: &wanted.name, origin: &origin, done: 0, total: None });
        install(&mut source, &origin, wanted, destination)?;
        on_event(FetchEvent::Finished { file: &wanted.name });
        return Ok(());
    }
    Err(DataError::NotInFolder { folder: folder.to_owned(), file: wanted.name.clone() })
}
