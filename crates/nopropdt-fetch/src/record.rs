//! What was fetched, from where, with which hashes: `fetched.toml` in a dataset's folder. It is how a file whose
//! publisher gives no SHA-256 of its content is known again.

use std::io;
use std::path::Path;

use nopropdt_data::files;
use serde::{Deserialize, Serialize};

use crate::contents::Contents;
use crate::disk::write_whole;
use crate::stamp::Stamp;
use crate::{FetchError, ManifestFile};

const NAME: &str = "fetched.toml";
const PREAMBLE: &str = "# Written by nopropdt-fetch: where each file came from, and the hashes it had.\n\n";

/// The record of a folder.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    #[serde(default, rename = "file", skip_serializing_if = "Vec::is_empty")]
    files: Vec<Fetched>,
}

/// One file that was fetched.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Fetched {
    pub(crate) name: String,
    /// Address or path it came from.
    pub(crate) origin: String,
    /// Of the content: what lies on disk, or the archive.
    pub(crate) bytes: u64,
    pub(crate) sha256: String,
    /// Of the bytes as they were sent.
    pub(crate) download_sha256: String,
    pub(crate) md5: String,
    /// What came out of an archive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) unpacked: Option<Contents>,
    /// By which it is known again as long as this fetch lasts.
    #[serde(skip)]
    pub(crate) stamp: Option<Stamp>,
}

impl Fetched {
    /// Whether this is the file that the manifest means.
    pub(crate) fn matches(&self, wanted: &ManifestFile) -> bool {
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
    pub(crate) fn read(folder: &Path) -> Self {
        let text = files::open(&folder.join(NAME)).ok().and_then(|(file, _)| io::read_to_string(file).ok());
        text.and_then(|text| toml::from_str(&text).ok()).unwrap_or_default()
    }

    /// The entry of a file that the manifest means.
    pub(crate) fn of(&self, wanted: &ManifestFile) -> Option<&Fetched> {
        self.files.iter().find(|file| file.name == wanted.name && file.matches(wanted))
    }

    /// Adds a file, or replaces its entry, and writes the record whole.
    pub(crate) fn add(&mut self, folder: &Path, fetched: Fetched) -> Result<(), FetchError> {
        self.files.retain(|file| file.name != fetched.name);
        self.files.push(fetched);
        self.files.sort_by(|a, b| a.name.cmp(&b.name));
        let path = folder.join(NAME);
        let unwritten = |error| FetchError::io("write", &path)(io::Error::other(error));
        let text = toml::to_string(self).map_err(unwritten)?;
        write_whole(&path, format!("{PREAMBLE}{text}").as_bytes())
    }
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
