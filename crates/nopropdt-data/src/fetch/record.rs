//! What was fetched, from where, with which hashes: `fetched.toml` in a dataset's folder. It is how a file whose
//! publisher gives no SHA-256 of its content is known again.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::install::with_suffix;
use super::place::sync_folder;
use super::stamp::Stamp;
use crate::archive::Unpacked;
use crate::{DataError, ManifestFile, plain_file};

const NAME: &str = "fetched.toml";
const PREAMBLE: &str = "# Written by fetch-data: where each file came from, and the hashes it had.\n\n";

/// The record of a folder.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Record {
    #[serde(default, rename = "file", skip_serializing_if = "Vec::is_empty")]
    files: Vec<Fetched>,
}

/// One file that was fetched.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Fetched {
    pub(super) name: String,
    /// Address or path it came from.
    pub(super) origin: String,
    /// Of the content: what lies on disk, or the archive.
    pub(super) bytes: u64,
    pub(super) sha256: String,
    /// Of the bytes as they were sent.
    pub(super) download_sha256: String,
    pub(super) md5: String,
    /// What came out of an archive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) unpacked: Option<Contents>,
    /// By which it is known again as long as this fetch lasts.
    #[serde(skip)]
    pub(super) stamp: Option<Stamp>,
}

/// What came out of an archive.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Contents {
    /// Names at the top.
    pub(super) roots: Vec<String>,
    pub(super) files: u64,
    pub(super) bytes: u64,
    /// Over all files: paths, lengths and hashes.
    pub(super) sha256: String,
}

impl From<Unpacked> for Contents {
    fn from(unpacked: Unpacked) -> Self {
        let Unpacked { roots, files, bytes, sha256 } = unpacked;
        Self { roots, files, bytes, sha256 }
    }
}

impl Fetched {
    /// Whether this is the file that the manifest means.
    pub(super) fn matches(&self, wanted: &ManifestFile) -> bool {
        self.bytes == wanted.bytes
            && match (&wanted.sha256, &wanted.download_sha256, &wanted.md5) {
                (Some(sha256), ..) => self.sha256 == *sha256,
                (None, Some(sha256), _) => self.download_sha256 == *sha256,
                (None, None, Some(md5)) => self.md5 == *md5,
                (None, None, None) => false,
            }
    }
}

impl Record {
    /// The folder's record; an unreadable one is an empty one, and everything is fetched again.
    pub(super) fn read(folder: &Path) -> Self {
        let text =
            plain_file::open(&folder.join(NAME)).ok().and_then(|(file, _)| io::read_to_string(file).ok());
        text.and_then(|text| toml::from_str(&text).ok()).unwrap_or_default()
    }

    /// The entry of a file that the manifest means.
    pub(super) fn of(&self, wanted: &ManifestFile) -> Option<&Fetched> {
        self.files.iter().find(|file| file.name == wanted.name && file.matches(wanted))
    }

    /// Adds a file, or replaces its entry, and writes the record whole.
    pub(super) fn add(&mut self, folder: &Path, fetched: Fetched) -> Result<(), DataError> {
        self.files.retain(|file| file.name != fetched.name);
        self.files.push(fetched);
        self.files.sort_by(|a, b| a.name.cmp(&b.name));
        let path = folder.join(NAME);
        let text =
            toml::to_string(self).map_err(|error| DataError::ManifestSyntax { reason: error.to_string() })?;
        write_whole(&path, format!("{PREAMBLE}{text}").as_bytes())
    }
}

fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), DataError> {
    let temporary: PathBuf = with_suffix(path, ".tmp");
    let mut file = File::create(&temporary).map_err(DataError::io("create", &temporary))?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(DataError::io("write", &temporary))?;
    fs::rename(&temporary, path).map_err(DataError::io("rename", &temporary))?;
    sync_folder(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names at the tops of a few archives, all as long and as many as may be.
    #[test]
    fn a_long_record_is_read_again() {
        let roots = (0..2000).map(|index| format!("{index:0>255}")).collect();
        let unpacked = Some(Contents { roots, files: 2000, bytes: 1, sha256: "0".repeat(64) });
        let (name, origin, sha256) = (String::new(), "http://host/".to_owned(), "1".repeat(64));
        let (download_sha256, md5) = (sha256.clone(), "2".repeat(32));
        let fetched = Fetched { name, origin, bytes: 1, sha256, download_sha256, md5, unpacked, stamp: None };
        let folder = tempfile::tempdir().unwrap();
        let mut record = Record::default();
        for name in ["a.zip", "b.zip", "c.zip"] {
            record.add(folder.path(), Fetched { name: name.to_owned(), ..fetched.clone() }).unwrap();
            assert_eq!(Record::read(folder.path()), record);
        }
    }
}
