//! The manifest: where each dataset comes from, under which terms, and what its files must be.

use std::collections::HashSet;

use serde::Deserialize;

use crate::FetchError;

/// The manifest's text, as shipped with the crate.
const EMBEDDED: &str = include_str!("../datasets.toml");

/// The longest file accepted, a tebibyte: sums of a few of these can't overflow.
const MOST_BYTES: u64 = 1 << 40;
/// The most files an archive may be said to hold.
const MOST_FILES: u64 = 1 << 24;

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
    /// Its name here, also the name of its folder: lower-case letters, digits and dashes.
    pub name: String,
    /// Its full name; may be left out.
    #[serde(default)]
    pub title: String,
    /// Where to read about it; may be left out.
    #[serde(default)]
    pub homepage: String,
    /// Terms of use.
    pub licence: String,
    /// Whom to name, in the words they ask for.
    pub credit: String,
    /// True when the dataset is part of the program and has no files.
    #[serde(default)]
    pub embedded: bool,
    /// Folders where a system's own package puts the files; looked into before a mirror is asked.
    #[serde(default)]
    pub local: Vec<String>,
    /// Addresses to which a file's name is added, in the order in which they are tried.
    #[serde(default)]
    pub mirrors: Vec<String>,
    /// The files to fetch.
    #[serde(default, rename = "file")]
    pub files: Vec<ManifestFile>,
}

/// What becomes of a file that was fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Unpack {
    /// It is sent as `NAME.gz` and lies on disk decompressed.
    #[serde(rename = "gzip")]
    Gzip,
    /// It stays as it is.
    #[serde(rename = "none")]
    None,
    /// It is a gzip-compressed tar archive, whose files are unpacked beside it.
    #[serde(rename = "tar.gz")]
    TarGz,
    /// It is a zip archive, whose files are unpacked beside it.
    #[serde(rename = "zip")]
    Zip,
}

impl Unpack {
    /// Whether the file holds others.
    #[must_use]
    pub const fn is_archive(self) -> bool {
        matches!(self, Self::TarGz | Self::Zip)
    }
}

/// A file to fetch.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ManifestFile {
    /// Name without a folder.
    pub name: String,
    /// What becomes of it, where its name doesn't say so; see [`unpack`](Self::unpack).
    pub unpack: Option<Unpack>,
    /// Length in bytes: of the decompressed file, or of the archive.
    pub bytes: u64,
    /// SHA-256 of these bytes, in 64 lower-case hexadecimal digits.
    pub sha256: Option<String>,
    /// Bytes to transfer, where they are fewer.
    pub download_bytes: Option<u64>,
    /// SHA-256 of the bytes as they are sent; counts only without `sha256`.
    pub download_sha256: Option<String>,
    /// MD5 of the bytes as they are sent, in 32 lower-case hexadecimal digits; counts only without any SHA-256.
    pub md5: Option<String>,
    /// The most bytes that an archive's files may have together.
    pub unpacked_bytes: Option<u64>,
    /// The most files an archive may hold; 2^20 where it isn't said.
    pub unpacked_files: Option<u64>,
}

impl ManifestFile {
    /// What becomes of it: by default, a name in `.zip`, `.tar.gz` or `.tgz` is that of an archive, and any other file is sent
    /// as `NAME.gz`.
    #[must_use]
    pub fn unpack(&self) -> Unpack {
        let ends = |endings: &[&str]| endings.iter().any(|ending| self.name.ends_with(ending));
        match self.unpack {
            Some(unpack) => unpack,
            None if ends(&[".zip"]) => Unpack::Zip,
            None if ends(&[".tar.gz", ".tgz"]) => Unpack::TarGz,
            None => Unpack::Gzip,
        }
    }

    /// Its name on a server.
    #[must_use]
    pub fn download_name(&self) -> String {
        match self.unpack() {
            Unpack::Gzip => format!("{}.gz", self.name),
            _ => self.name.clone(),
        }
    }

    /// Bytes that are sent for it, as far as known.
    #[must_use]
    pub fn transfer_bytes(&self) -> u64 {
        self.download_bytes.unwrap_or(self.bytes)
    }

    /// Bytes that it takes on disk in the end, as far as known.
    #[must_use]
    pub fn disk_bytes(&self) -> u64 {
        self.unpacked_bytes.unwrap_or(self.bytes)
    }
}

impl Manifest {
    /// The manifest that ships with the crate.
    ///
    /// # Errors
    /// None while the crate's tests pass; see [`parse`](Self::parse).
    pub fn embedded() -> Result<Self, FetchError> {
        Self::parse(EMBEDDED)
    }

    /// Reads and checks a manifest.
    ///
    /// # Errors
    /// [`FetchError::Invalid`] when the text isn't TOML of this form, or when
    /// a dataset or file is named twice, a name holds a folder or is one that fetching uses, a length is not 1 to 2^40 bytes, a hash isn't of
    /// lower-case hexadecimal digits or there is none, a mirror isn't an HTTP address ending in `/`, there are files
    /// without mirrors, or an archive is without a bound.
    pub fn parse(text: &str) -> Result<Self, FetchError> {
        let manifest: Self = toml::from_str(text).map_err(|error| {
            let reason = error.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
            FetchError::invalid("manifest", "must be TOML of a manifest's form", reason)
        })?;
        let mut names = HashSet::new();
        for dataset in &manifest.datasets {
            if !names.insert(&dataset.name) {
                return Err(dataset.refuse("there must be one entry a dataset", &dataset.name));
            }
            dataset.check()?;
        }
        Ok(manifest)
    }

    /// The entry of a dataset.
    #[must_use]
    pub fn dataset(&self, name: &str) -> Option<&ManifestDataset> {
        self.datasets.iter().find(|dataset| dataset.name == name)
    }
}

impl ManifestDataset {
    fn refuse(&self, rule: &'static str, found: &str) -> FetchError {
        FetchError::invalid(format!("manifest: {}", self.name), rule, format!("found {found:?}"))
    }

    fn check(&self) -> Result<(), FetchError> {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if self.name.is_empty() || self.name.starts_with('-') || !self.name.chars().all(allowed) {
            return Err(self.refuse("a name must be lower-case letters, digits and inner dashes", &self.name));
        }
        if ["all", "list"].contains(&&*self.name) {
            return Err(self.refuse("a name must not be all or list, which mean something else", &self.name));
        }
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
            // As it lies on disk and as it is sent; some systems take `Set` and `set` for the same.
            let own =
                HashSet::from([file.name.clone(), file.download_name()].map(|name| name.to_lowercase()));
            if own.into_iter().any(|name| !names.insert(name)) {
                let rule = "there must be one entry a file, whatever its case, as itself or as .gz";
                return Err(self.refuse(rule, &file.name));
            }
            self.check_file(file)?;
        }
        Ok(())
    }

    fn check_file(&self, file: &ManifestFile) -> Result<(), FetchError> {
        if !is_plain_name(&file.name) {
            return Err(self.refuse("a file name must be letters, digits, -, _ and inner dots", &file.name));
        }
        if is_reserved(&file.name) {
            return Err(self.refuse("a file name must not be one that fetching uses", &file.name));
        }
        for bytes in [Some(file.bytes), file.download_bytes, file.unpacked_bytes].into_iter().flatten() {
            if !(1..=MOST_BYTES).contains(&bytes) {
                return Err(self.refuse("bytes must be 1 to 2^40", &bytes.to_string()));
            }
        }
        for hash in [&file.sha256, &file.download_sha256].into_iter().flatten() {
            if !is_hex(hash, 64) {
                return Err(self.refuse("sha256 must be 64 lower-case hexadecimal digits", hash));
            }
        }
        if let Some(hash) = file.md5.as_ref().filter(|hash| !is_hex(hash, 32)) {
            return Err(self.refuse("md5 must be 32 lower-case hexadecimal digits", hash));
        }
        if file.sha256.is_none() && file.download_sha256.is_none() && file.md5.is_none() {
            return Err(self.refuse("a file must have sha256, download-sha256 or md5", &file.name));
        }
        let bounds = (file.unpacked_bytes, file.unpacked_files);
        let is_right = match (file.unpack().is_archive(), bounds) {
            (true, (Some(_), files)) => (1..=MOST_FILES).contains(&files.unwrap_or(1)),
            (is_archive, bounds) => !is_archive && bounds == (None, None),
        };
        if !is_right {
            let rule = "an archive must have unpacked-bytes and may have unpacked-files (1 to 2^24), and no other file";
            return Err(self.refuse(rule, &format!("{}: {bounds:?}", file.name)));
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

/// Names that fetching gives to files of its own, in any case.
pub(crate) fn is_reserved(name: &str) -> bool {
    let name = name.to_lowercase();
    let endings = [".part", ".part.source", ".tmp", ".unpacking"];
    ["fetched.toml", ".fetch-lock"].contains(&&*name) || endings.iter().any(|ending| name.ends_with(ending))
}

fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use nopropdt_data::DatasetName;

    #[test]
    fn the_embedded_manifest_is_right() {
        let manifest = Manifest::embedded().unwrap();
        for name in DatasetName::ALL {
            let dataset = manifest.dataset(name.files()).unwrap();
            assert_eq!(dataset.embedded, dataset.mirrors.is_empty());
            assert!(!dataset.licence.is_empty() && !dataset.credit.is_empty() && is_http(&dataset.homepage));
        }
        for name in ["mnist", "fashion-mnist", "kmnist"] {
            let files = &manifest.dataset(name).unwrap().files;
            let sizes: Vec<u64> = files.iter().map(|file| file.bytes).collect();
            assert_eq!(sizes, [16 + 60_000 * 784, 8 + 60_000, 16 + 10_000 * 784, 8 + 10_000]);
        }
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
        assert!(refusal("train-images", "T10K-images").contains("one entry a file, whatever its case"));
        let gz = "train-labels-idx1-ubyte.gz\"\nunpack = \"none";
        assert!(refusal("train-images-idx3-ubyte", gz).contains("one entry a file"));
        for name in
            ["fetched.toml", "Fetched.TOML", "t10k-images-idx3-ubyte.tmp", "t10k-images-idx3-ubyte.gz.part"]
        {
            assert!(refusal("train-images-idx3-ubyte", name).contains("must not be one that fetching uses"));
        }
        assert!(refusal("\"svhn\"", "\"all\"").contains("must not be all or list"));
        assert!(refusal("\"svhn\"", "\"../svhn\"").contains("lower-case letters, digits and inner dashes"));
        assert!(refusal("unpacked-bytes = 300000000", "").contains("an archive must have"));
        assert!(refusal("unpacked-files = 125000", "unpacked-files = 0").contains("an archive must have"));
        assert!(
            refusal("unpack = \"none\"\n", "unpack = \"none\"\nunpacked-bytes = 5\n")
                .contains("and no other file")
        );
        assert!(refusal("md5 = \"90528d", "md5 = \"90528").contains("32 lower-case"));
        assert!(refusal("md5 = \"90528d7ca1a48142e341f4ef8d21d0de\"\n", "").contains("must have sha256"));
        assert!(refusal("\"digits\"", "\"mnist\"").contains("one entry a dataset"));
        assert!(refusal("ba891046", "BA891046").contains("64 lower-case"));
        assert!(refusal("ba891046", "").contains("64 lower-case"));
        assert!(refusal("bytes = 10008", "bytes = 0").contains("1 to 2^40"));
        assert!(refusal("https://storage", "ftp://storage").contains("HTTP address"));
        assert!(refusal("cvdf-datasets/mnist/", "cvdf-datasets/mnist").contains("ending in /"));
        assert!(refusal("embedded = true", "").contains("0 files, 0 mirrors"));
    }

    #[test]
    fn a_name_tells_what_becomes_of_a_file() {
        let mut file = Manifest::embedded().unwrap().dataset("mnist").unwrap().files[0].clone();
        for (name, unpack) in [
            ("a.zip", Unpack::Zip),
            ("a.tar.gz", Unpack::TarGz),
            ("a.tgz", Unpack::TarGz),
            ("a.gz", Unpack::Gzip),
            ("zip", Unpack::Gzip),
        ] {
            file.name = name.to_owned();
            assert_eq!(file.unpack(), unpack, "{name}");
        }
        file.unpack = Some(Unpack::None);
        assert_eq!((file.unpack(), file.download_name()), (Unpack::None, "zip".to_owned()));
    }

    #[test]
    fn bad_syntax_is_one_line() {
        for (from, to) in [("bytes", "octets"), ("\"zip\"", "\"rar\""), ("[[dataset]]", "[[dataset")] {
            let message = refusal(from, to);
            assert!(message.starts_with("manifest: ") && !message.contains('\n'), "{message}");
        }
    }
}
