//! Fetching a dataset's files: from a folder or from mirrors, checked, and never half-written.
//!
//! A file reaches its final name by a rename, after its length and hash have been found right; what an archive holds,
//! after all of it was unpacked. Until then a download lies beside it as `NAME.part`, from which an interrupted transfer
//! goes on, its content as `NAME.tmp`, and what comes out of an archive in `.NAME.unpacking`.

mod dataset_folder;
mod download;
mod event;
mod install;
mod local;
mod mirrors;
mod part;
mod place;
mod plan;
mod proxy;
mod record;
mod space;
mod stamp;
mod unpacking;

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use dataset_folder::DatasetFolder;
use record::Record;
use stamp::Right;

use crate::{DataError, ManifestDataset, ManifestFile};

pub use event::FetchEvent;
pub use plan::FetchPlan;

/// Where to fetch from and to, and with how much patience.
#[derive(Clone, Debug)]
pub struct FetchOptions {
    /// Folder of all datasets; each has its own folder inside.
    pub data_dir: PathBuf,
    /// A folder that already holds the files, plain or as `.gz`; no network is used.
    pub from: Option<PathBuf>,
    /// An address to use instead of the manifest's mirrors; the name of the file, as it is sent, is added to it.
    pub mirror: Option<String>,
    /// Files fetched side by side; 0 counts as 1.
    pub parallel: usize,
    /// Transfers that bring next to nothing, one after the other, before a mirror is given up; 0 counts as 1.
    pub attempts: u32,
    /// Pause before the second attempt; it doubles with each further one, up to half a minute.
    pub back_off: Duration,
    /// How long a server may take to connect, to answer, or to send the next bytes.
    pub stall_timeout: Duration,
    /// Whether the proxy variables of the environment (`https_proxy`, `http_proxy`, `all_proxy`, `no_proxy`) count, as they do
    /// for curl.
    pub environment_proxy: bool,
}

impl FetchOptions {
    /// From the manifest's mirrors to `data_dir`: four attempts each, pauses from one second, half a minute of silence, four files at a
    /// time.
    #[must_use]
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            from: None,
            mirror: None,
            parallel: 4,
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
    /// Bytes on disk of all the dataset's files together, those from archives included.
    pub bytes: u64,
    /// Names of files and folders that came out of archives.
    pub roots: Vec<String>,
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

    /// Looks at what is missing of a dataset and what fetching it would take; transfers and writes nothing.
    ///
    /// # Errors
    /// [`DataError::Io`] when a file that is there can't be read.
    pub fn plan<'a>(&self, dataset: &'a ManifestDataset) -> Result<FetchPlan<'a>, DataError> {
        FetchPlan::new(&self.options, dataset, &Right::new())
    }

    /// Checks that the disks have room for all these plans, to be carried out one after the other.
    ///
    /// # Errors
    /// [`DataError::NoSpace`].
    pub fn check_space(&self, plans: &[FetchPlan<'_>]) -> Result<(), DataError> {
        space::check(plans)
    }

    /// Plans a dataset's fetch and carries it out.
    ///
    /// # Errors
    /// Those of [`plan`](Self::plan) and [`carry_out`](Self::carry_out).
    pub fn fetch(
        &self,
        dataset: &ManifestDataset,
        on_event: &mut (dyn FnMut(FetchEvent<'_>) + Send),
    ) -> Result<FetchReport, DataError> {
        self.carry_out(&self.plan(dataset)?, on_event)
    }

    /// Brings the dataset's folder to completeness and tells `on_event` of every step, from several threads but one at a
    /// time.
    ///
    /// Files already there and right are left alone. A wrong one is set aside as `NAME.wrong` when the right one takes its
    /// place. Two fetches of one dataset wait for each other.
    ///
    /// # Errors
    /// [`DataError::NoSpace`], [`DataError::AllMirrorsFailed`], [`DataError::NotInFolder`], the `Content…` variants for a
    /// wrong file in the folder given, [`DataError::Archive`], [`DataError::Format`] for a proxy variable that isn't
    /// understood or a file that was changed meanwhile, or [`DataError::Io`]; the first file's, when several fail. The files
    /// that were fetched stay.
    pub fn carry_out(
        &self,
        plan: &FetchPlan<'_>,
        on_event: &mut (dyn FnMut(FetchEvent<'_>) + Send),
    ) -> Result<FetchReport, DataError> {
        let (dataset, folder) = (plan.dataset, self.folder(plan.dataset));
        let mut fetched = Vec::new();
        // Not even the lock is written when nothing is missing, so that a complete but read-only folder is fine.
        if !plan.is_complete() {
            let _lock = lock(&folder, on_event)?;
            // Another fetch may have brought something since.
            let plan = FetchPlan::new(&self.options, dataset, &plan.right)?;
            space::check(std::slice::from_ref(&plan))?;
            let mut right = plan.right.clone();
            fetched = self.fetch_missing(&plan, &folder, &mut right, on_event)?;
            check_again(dataset, &folder, &right)?;
        }
        Ok(report(dataset, folder, fetched))
    }

    /// The dataset's folder.
    #[must_use]
    pub fn folder(&self, dataset: &ManifestDataset) -> PathBuf {
        self.options.data_dir.join(&dataset.name)
    }

    /// Whether all files seem to be there: by their names and lengths, or by the record of what came out of an archive. An
    /// embedded dataset always is.
    #[must_use]
    pub fn is_present(&self, dataset: &ManifestDataset) -> bool {
        let folder = self.folder(dataset);
        let record = Record::read(&folder);
        dataset.files.iter().all(|file| install::is_present(&folder, file, &record))
    }

    /// Whether the files would come from a folder of the system, without a transfer.
    #[must_use]
    pub fn is_local(&self, dataset: &ManifestDataset) -> bool {
        let asks_network = self.options.from.is_none() && self.options.mirror.is_none();
        asks_network && dataset.files.iter().all(|file| local_folder(dataset, file).is_some())
    }

    fn fetch_missing(
        &self,
        plan: &FetchPlan<'_>,
        folder: &Path,
        right: &mut Right,
        on_event: &mut (dyn FnMut(FetchEvent<'_>) + Send),
    ) -> Result<Vec<String>, DataError> {
        let (dataset, files) = (plan.dataset, &plan.missing);
        let record = Record::read(folder);
        for file in files.iter().filter(|file| install::is_unknown(folder, file, &record)) {
            on_event(FetchEvent::Unknown { file: &file.name });
        }
        let target = DatasetFolder::new(folder, dataset, &record);
        let (next, record, on_event) = (AtomicUsize::new(0), Mutex::new(record), Mutex::new(on_event));
        let right = Mutex::new(right);
        let work = || {
            let mut results = Vec::new();
            while let Some((index, file)) = take(&next, files) {
                let mut tell = |event: FetchEvent<'_>| held(&on_event)(event);
                let fetched = self.fetch_file(dataset, file, &target, &mut tell);
                let added = fetched.and_then(|mut fetched| {
                    held(&right).extend(fetched.stamp.take().map(|stamp| (file.name.clone(), stamp)));
                    held(&record).add(folder, fetched)
                });
                results.push((index, added));
            }
            results
        };
        let workers = self.options.parallel.clamp(1, files.len().max(1));
        let mut results = thread::scope(|scope| {
            let threads: Vec<_> = (1..workers).map(|_| scope.spawn(work)).collect();
            let mut results = work();
            for thread in threads {
                // A panic there is a fault of this program, not of the files.
                results.extend(thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
            }
            results
        });
        results.sort_by_key(|(index, _)| *index);
        results.into_iter().map(|(index, result)| result.map(|()| files[index].name.clone())).collect()
    }

    fn fetch_file(
        &self,
        dataset: &ManifestDataset,
        file: &ManifestFile,
        folder: &DatasetFolder<'_>,
        on_event: &mut dyn FnMut(FetchEvent<'_>),
    ) -> Result<record::Fetched, DataError> {
        if let Some(from) = &self.options.from {
            return local::copy(from, file, folder, on_event);
        }
        if let Some(local) = local_folder(dataset, file).filter(|_| self.options.mirror.is_none()) {
            match local::copy(local, file, folder, on_event) {
                Ok(fetched) => return Ok(fetched),
                Err(error @ (DataError::Io { .. } | DataError::Archive { .. })) => return Err(error),
                Err(error) => on_event(FetchEvent::LocalFailed { file: &file.name, error: &error }),
            }
        }
        mirrors::download(&self.options, dataset, file, folder, on_event)
    }
}

/// The next piece of work, with its place.
fn take<'a>(next: &AtomicUsize, files: &[&'a ManifestFile]) -> Option<(usize, &'a ManifestFile)> {
    let index = next.fetch_add(1, Ordering::SeqCst);
    files.get(index).map(|file| (index, *file))
}

/// What a mutex guards; a panic elsewhere has left it whole.
fn held<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// The folder of the system that has a file.
fn local_folder<'a>(dataset: &'a ManifestDataset, file: &ManifestFile) -> Option<&'a Path> {
    dataset.local.iter().map(Path::new).find(|folder| local::has(folder, file))
}

/// What is there in the end.
fn report(dataset: &ManifestDataset, folder: PathBuf, fetched: Vec<String>) -> FetchReport {
    let record = Record::read(&folder);
    let (mut bytes, mut roots) = (0, Vec::new());
    for file in &dataset.files {
        match record.of(file).and_then(|known| known.unpacked.as_ref()) {
            Some(contents) => {
                bytes += contents.bytes;
                roots.extend(contents.roots.iter().cloned());
            }
            None => bytes += file.bytes,
        }
    }
    FetchReport { folder, fetched, bytes, roots }
}

/// The files that are not there as the manifest wants them, and those that are. What was right `before` is read only if it was changed.
fn look<'a>(
    dataset: &'a ManifestDataset,
    folder: &Path,
    record: &Record,
    before: &Right,
) -> Result<(Vec<&'a ManifestFile>, Right), DataError> {
    let (mut missing, mut right) = (Vec::new(), Right::new());
    for file in &dataset.files {
        match install::stamp_if_right(folder, file, record, before.get(&file.name))? {
            Some(stamp) => drop(right.insert(file.name.clone(), stamp)),
            None => missing.push(file),
        }
    }
    Ok((missing, right))
}

/// Fails when the folder isn't complete after all, since something else was at work in it.
fn check_again(dataset: &ManifestDataset, folder: &Path, right: &Right) -> Result<(), DataError> {
    match look(dataset, folder, &Record::read(folder), right)?.0.first() {
        None => Ok(()),
        Some(file) => Err(DataError::Format {
            file: folder.join(&file.name).display().to_string(),
            rule: "must stay as it was fetched".to_owned(),
            found: "it was changed meanwhile; fetch again, with nothing else at work in the folder"
                .to_owned(),
        }),
    }
}

/// Makes the folder and holds its lock until the result is dropped (or the process ends).
fn lock(folder: &Path, on_event: &mut dyn FnMut(FetchEvent<'_>)) -> Result<File, DataError> {
    fs::create_dir_all(folder).map_err(DataError::io("make folder", folder))?;
    let path = folder.join(".fetch-lock");
    let file = File::create(&path).map_err(DataError::io("create", &path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            on_event(FetchEvent::Waiting { folder });
            file.lock().map_err(DataError::io("lock", &path))?;
        }
        Err(TryLockError::Error(reason)) => return Err(DataError::io("lock", &path)(reason)),
    }
    Ok(file)
}

#[cfg(test)]
mod tests;
