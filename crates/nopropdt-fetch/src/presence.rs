//! What of a dataset is in its folder already.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use crate::contents::survey;
use crate::hash::hash_file;
use crate::record::Record;
use crate::stamp::{Right, Stamp};
use crate::{FetchError, ManifestDataset, ManifestFile};

/// The files that are not there as the manifest wants them, and those that are. What was right `before` is read only if it was changed.
pub(crate) fn look<'a>(
    dataset: &'a ManifestDataset,
    folder: &Path,
    record: &Record,
    before: &Right,
) -> Result<(Vec<&'a ManifestFile>, Right), FetchError> {
    let (mut missing, mut right) = (Vec::new(), Right::new());
    for file in &dataset.files {
        match stamp_if_right(folder, file, record, before.get(&file.name))? {
            Some(stamp) => drop(right.insert(file.name.clone(), stamp)),
            None => missing.push(file),
        }
    }
    Ok((missing, right))
}

/// The stamp of the file, or of what an archive held, if it is there as the manifest wants it. It is read unless it has the stamp that
/// it had when it was found `right` before.
fn stamp_if_right(
    folder: &Path,
    wanted: &ManifestFile,
    record: &Record,
    right: Option<&Stamp>,
) -> Result<Option<Stamp>, FetchError> {
    let known = record.of(wanted);
    if wanted.unpack().is_archive() {
        let contents = known.and_then(|known| known.unpacked.as_ref());
        let Some(contents) = contents else { return Ok(None) };
        if contents.roots.iter().any(|root| !folder.join(root).exists()) {
            return Ok(None);
        }
        // First, so that a change meanwhile is seen the next time.
        let stamp = Stamp::of(folder, &contents.roots)?;
        let is_right = right == Some(&stamp) || contents.sha256 == survey(folder, &contents.roots)?.sha256;
        return Ok(is_right.then_some(stamp));
    }
    let path = folder.join(&wanted.name);
    match fs::metadata(&path) {
        Ok(metadata) if metadata.is_file() && metadata.len() == wanted.bytes => {}
        Ok(_) => return Ok(None),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(reason) => return Err(FetchError::io("look at", path)(reason)),
    }
    let Some(sha256) = wanted.sha256.as_ref().or(known.map(|known| &known.sha256)) else { return Ok(None) };
    let stamp = Stamp::of(folder, &[&wanted.name])?;
    let is_right = right == Some(&stamp) || hash_file(&path)?.1 == *sha256;
    Ok(is_right.then_some(stamp))
}

/// Whether the file, or what an archive held, seems to be there, without reading it.
pub(crate) fn is_present(folder: &Path, wanted: &ManifestFile, record: &Record) -> bool {
    if wanted.unpack().is_archive() {
        let contents = record.of(wanted).and_then(|known| known.unpacked.as_ref());
        return contents.is_some_and(|contents| contents.roots.iter().all(|root| folder.join(root).exists()));
    }
    fs::metadata(folder.join(&wanted.name)).is_ok_and(|metadata| metadata.len() == wanted.bytes)
}

/// Whether a file of the right length is there of whose content nothing is known: neither the manifest nor the record has
/// its hash.
pub(crate) fn is_unknown(folder: &Path, wanted: &ManifestFile, record: &Record) -> bool {
    let known = wanted.unpack().is_archive() || wanted.sha256.is_some() || record.of(wanted).is_some();
    !known && is_present(folder, wanted, record)
}
