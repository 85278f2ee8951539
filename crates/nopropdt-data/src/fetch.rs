//! Fetching a dataset's files: from a folder or from mirrors, checked, and never half-written.
//!
//! A file reaches its final name by a rename, after its length and SHA-256 have been found right. Until then
//! a download lies beside it as `NAME.gz.part`, from which an interrupted transfer goes on, and its decompressed
//! content as `NAME.tmp`.

mod download;
mod event;
mod install;
mod local;
mod mirrors;
mod part;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::{DataError, ManifestDataset};

pub use event::FetchEvent;

/// Where to fetch from and to, and with how much patience.
#[derive(Clone, Debug)]
pub struct FetchOptions {
    /// Folder of all datasets; each has its own folder inside.
    pub data_dir: PathBuf,
    /// A folder that already holds the files, plain or as `.gz`; no network is used.
    pub from: Option<PathBuf>,
    /// An address to use instead of the manifest's mirrors; `NAME.gz` is added to it.
    pub mirror: Option<String>,
    /// Transfers tried with each mirror before the next; 0 counts as 1.
    pub attempts: u32,
    /// Pause before the second attempt; it doubles with each further one, up to half a minute.
    pub back_off: Duration,
    /// How long a server may take to connect, to answer, or to send the next bytes.
    pub stall_timeout: Duration,
    /// Whether the proxy variables of the environment (`https_proxy` and its kin) count.
    pub environment_proxy: bool,
}

impl FetchOptions {
    /// From the manifest's mirrors to `data_dir`: four attempts each, pauses from one second, half a minute of silence.
    #[must_use]
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            from: None,
            mirror: None,
            attempts: 4,
            back_off: Duration::from_secs(1),
            stall_timeout: Duration::from_secs(30),
            environment_proxy: true,
        }
    }
}

/// What a fetch found and did.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FetchReport {
    /// The dataset's folder.
    pub folder: PathBuf,
    /// Names of the files fetched now; empty when the folder was complete already.
    pub fetched: Vec<String>,
    /// Length of all the dataset's files together, in bytes.
    pub bytes: u64,
}

/// Fetches datasets as its options say.
#[derive(Clone, Debug)]
pub struct Fetcher {
    options: FetchOptions,
}

impl Fetcher {
    /// A fetcher with these options.
    #[must_use]
    pub fn new(options: FetchOptions) -> Self {
        Self { options }
    }

    /// Brings the dataset's folder to completeness and tells `on_event` of every step.
    ///
    /// Files already there and right are left alone. A wrong one is set aside as `NAME.wrong`. Two fetches of one
    /// dataset wait for each other.
    ///
    /// # Errors
    /// [`DataError::AllMirrorsFailed`], [`DataError::NotInFolder`], the `Content…` variants for a wrong file
    /// in the folder given, or [`DataError::Io`]; the files fetched before stay.
    pub fn fetch(
        &self,
        dataset: &ManifestDataset,
        on_event: &mut dyn FnMut(FetchEvent<'_>),
    ) -> Result<FetchReport, DataError> {
        let folder = self.options.data_dir.join(dataset.name.as_str());
        let bytes = dataset.files.iter().map(|file| file.bytes).sum();
        let mut report = FetchReport { folder, fetched: Vec::new(), bytes };
        // Before anything is written, so that a complete but read-only folder is fine.
        if !is_complete(dataset, &report.folder)? {
            let _lock = lock(&report.folder)?;
            self.fetch_missing(dataset, &mut report, on_event)?;
        }
        Ok(report)
    }

    fn fetch_missing(
        &self,
        dataset: &ManifestDataset,
        report: &mut FetchReport,
        on_event: &mut dyn FnMut(FetchEvent<'_>),
    ) -> Result<(), DataError> {
        for file in &dataset.files {
            let destination = report.folder.join(&file.name);
            if install::is_right(&destination, file)? {
                continue;
            }
            install::set_aside(&destination, &file.name, on_event)?;
            match &self.options.from {
                Some(from) => local::copy(from, file, &destination, on_event)?,
                None => mirrors::download(&self.options, dataset, file, &destination, on_event)?,
            }
            report.fetched.push(file.name.clone());
        }
        Ok(())
    }
}

fn is_complete(dataset: &ManifestDataset, folder: &Path) -> Result<bool, DataError> {
    for file in &dataset.files {
        if !install::is_right(&folder.join(&file.name), file)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Makes the folder and holds its lock until the result is dropped (or the process ends).
fn lock(folder: &Path) -> Result<File, DataError> {
    fs::create_dir_all(folder).map_err(DataError::io("make folder", folder))?;
    let path = folder.join(".fetch-lock");
    let file = File::create(&path).map_err(DataError::io("create", &path))?;
    file.lock().map_err(DataError::io("lock", &path))?;
    Ok(file)
}

#[cfg(test)]
mod tests;
