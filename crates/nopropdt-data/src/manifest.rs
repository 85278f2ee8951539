//! The manifest: where each dataset comes from, under which terms, and what its files must be.

use std::collections::HashSet;

use serde::Deserialize;

use crate::{DataError, DatasetName};

/// The manifest's text, as shipped with the crate.
const EMBEDDED: &str = include_str!("../datasets.toml");

/// The longest file accepted, a tebibyte: sums of a few of these can't overflow.
const MOST_BYTES: u64 = 1 << 40;

/// A checked manifest.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The datasets, each once.
    #[serde(rename = "dataset")]
    pub datasets: Vec<ManifestDataset>,
}

/// A dataset's origin, terms and files.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManifestDataset {
    /// Its name here, also the name of its folder.
    pub name: DatasetName,
    /// Its full name.
    pub title: String,
    /// Where to read about it.
    pub homepage: String,
    /// Terms of use.
    pub licence: String,
    /// Whom to name, in the words they ask for.
    pub credit: String,
    /// True when the dataset is part of the program and has no files.
    #[serde(default)]
    pub embedded: bool,
    /// Addresses to which `NAME.gz` is added, in the order in which they are tried.
    #[serde(default)]
    pub mirrors: Vec<String>,
    /// The files to fetch.
    #[serde(default, rename = "file")]
    pub files: Vec<ManifestFile>,
}

/// A file as it lies on disk after fetching, decompressed.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManifestFile {
    /// Name without a folder.
    pub name: String,
    /// Length in bytes.
    pub bytes: u64,
    /// SHA-256 in 64 lower-case hexadecimal digits.
    pub sha256: String,
}

impl Manifest {
    /// The manifest that ships with the crate.
    ///
    /// # Errors
    /// None while the crate's tests pass; see [`parse`](Self::parse).
    pub fn embedded() -> Result<Self, DataError> {
        Self::parse(EMBEDDED)
    }

    /// Reads and checks a manifest.
    ///
    /// # Errors
    /// [`DataError::ManifestSyntax`] when the text isn't TOML of this form, [`DataError::ManifestEntry`] when
    /// a dataset or file is named twice, a file's name holds a folder, a length is not
    /// 1 to 2^40 bytes, a hash isn't 64 lower-case hexadecimal digits,
    /// a mirror isn't an HTTP address ending in `/`, or there are files without mirrors.
    pub fn parse(text: &str) -> Result<Self, DataError> {
        let manifest: Self = toml::from_str(text).map_err(|error| DataError::ManifestSyntax {
            reason: error.to_string().split_whitespace().collect::<Vec<_>>().join(" "),
        })?;
        let mut names = HashSet::new();
        for dataset in &manifest.datasets {
            if !names.insert(dataset.name) {
                return Err(dataset.refuse("there must be one entry a dataset", "a second"));
            }
            dataset.check()?;
        }
        Ok(manifest)
    }

    /// A dataset's entry, if there is one.
    #[must_use]
    pub fn dataset(&self, name: DatasetName) -> Option<&ManifestDataset> {
        self.datasets.iter().find(|dataset| dataset.name == name)
    }
}

impl ManifestDataset {
    fn refuse(&self, rule: &'static str, found: &str) -> DataError {
        DataError::ManifestEntry { dataset: self.name.to_string(), rule, found: found.to_owned() }
    }

    fn check(&self) -> Result<(), DataError> {
        if self.embedded != self.files.is_empty() || self.embedded != self.mirrors.is_empty() {
            let found = format!("{} files, {} mirrors", self.files.len(), self.mirrors.len());
            return Err(self.refuse("a dataset must have files and mirrors, unless embedded", &found));
        }
        for mirror in &self.mirrors {
            if !is_http(mirror) || !mirror.ends_with('/') {
                return Err(self.refuse("a mirror must be an HTTP address ending in /", mirror));
            }
        }
        let mut names = HashSet::new();
        for file in &self.files {
            if !names.insert(&file.name) {
                return Err(self.refuse("there must be one entry a file", &file.name));
            }
            if !is_plain_name(&file.name) {
                return Err(
                    self.refuse("a file name must be letters, digits, -, _ and inner dots", &file.name)
                );
            }
            if !(1..=MOST_BYTES).contains(&file.bytes) {
                return Err(self.refuse("bytes must be 1 to 2^40", &file.bytes.to_string()));
            }
            if !is_sha256(&file.sha256) {
                return Err(self.refuse("sha256 must be 64 lower-case hexadecimal digits", &file.sha256));
            }
        }
        Ok(())
    }
}

/// Whether an address can be asked over HTTP.
pub(crate) fn is_http(url: &str) -> bool {
    ["http://", "https://"].iter().any(|scheme| url.len() > scheme.len() && url.starts_with(scheme))
}

/// No folder, nothing hidden, nothing a system gives a meaning to.
fn is_plain_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    !name.is_empty() && !name.starts_with('.') && !name.ends_with('.') && name.chars().all(allowed)
}

fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_manifest_is_right() {
        let manifest = Manifest::embedded().unwrap();
        for name in DatasetName::ALL {
            let dataset = manifest.dataset(name).unwrap();
            assert!(dataset.embedded || dataset.mirrors.len() >= 2);
            assert!(!dataset.licence.is_empty() && !dataset.credit.is_empty() && is_http(&dataset.homepage));
        }
        let mnist = manifest.dataset(DatasetName::Mnist).unwrap();
        let sizes: Vec<u64> = mnist.files.iter().map(|file| file.bytes).collect();
        assert_eq!(sizes, [16 + 60_000 * 784, 8 + 60_000, 16 + 10_000 * 784, 8 + 10_000]);
    }

    /// What the embedded manifest with `from` replaced by `to` is refused for.
    fn refusal(from: &str, to: &str) -> String {
        assert!(EMBEDDED.contains(from));
        Manifest::parse(&EMBEDDED.replace(from, to)).unwrap_err().to_string()
    }

    #[test]
    fn bad_entries_are_refused() {
        let path = refusal("train-images-idx3-ubyte", "../train");
        assert_eq!(
            path,
            "manifest: mnist: a file name must be letters, digits, -, _ and inner dots; found \"../train\""
        );
        assert!(refusal("train-images", "t10k-images").contains("one entry a file"));
        assert!(refusal("\"digits\"", "\"mnist\"").contains("one entry a dataset"));
        assert!(refusal("ba891046", "BA891046").contains("64 lower-case"));
        assert!(refusal("ba891046", "").contains("64 lower-case"));
        assert!(refusal("bytes = 10008", "bytes = 0").contains("1 to 2^40"));
        assert!(refusal("https://storage", "ftp://storage").contains("HTTP address"));
        assert!(refusal("cvdf-datasets/mnist/", "cvdf-datasets/mnist").contains("ending in /"));
        assert!(refusal("embedded = true", "").contains("0 files, 0 mirrors"));
    }

    #[test]
    fn bad_syntax_is_one_line() {
        for (from, to) in [("bytes", "octets"), ("\"digits\"", "\"dogs\""), ("[[dataset]]", "[[dataset")] {
            let message = refusal(from, to);
            assert!(message.starts_with("manifest: ") && !message.contains('\n'), "{message}");
        }
    }
}
