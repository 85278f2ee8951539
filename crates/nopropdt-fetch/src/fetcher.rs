//! Fetching a dataset's files: from a folder or from mirrors, checked, and never half-written.
//!
//! A file reaches its final name by a rename, after its length and hash have been found right; what an archive holds,
//! after all of it was unpacked. Until then a download lies beside it as `NAME.part`, from which an interrupted transfer
//! goes on, its content as `NAME.tmp`, and what comes out of an archive in `.NAME.unpacking`.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::dataset_folder::DatasetFolder;
use crate::local::{self, local_folder};
use crate::lock::{held, lock};
use crate::presence::{is_present, is_unknown, look};
use crate::record::{Fetched, Record};
use crate::stamp::Right;
use crate::{
    FetchError, FetchEvent, FetchOptions, FetchPlan, FetchReport, ManifestDataset, ManifestFile, mirrors,
    space,
};

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
    /// [`FetchError::Io`] when a file that is there can't be read.
    pub fn plan<'a>(&self, dataset: &'a ManifestDataset) -> Result<FetchPlan<'a>, FetchError> {
        FetchPlan::new(&self.options, dataset, &Right::new())
    }

    /// Checks that the disks have room for all these plans, to be carried out one after the other.
    ///
    /// # Errors
    /// [`FetchError::NoSpace`].
    pub fn check_space(&self, plans: &[FetchPlan<'_>]) -> Result<(), FetchError> {
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
    ) -> Result<FetchReport, FetchError> {
        self.carry_out(&self.plan(dataset)?, on_event)
    }

    /// Brings the dataset's folder to completeness and tells `on_event` of every step, from several threads but one at a
    /// time.
    ///
    /// Files already there and right are left alone. A wrong one is set aside as `NAME.wrong` when the right one takes its
    /// place. Two fetches of one dataset wait for each other.
    ///
    /// # Errors
    /// [`FetchError::NoSpace`], [`FetchError::AllMirrorsFailed`], [`FetchError::Archive`], [`FetchError::Io`], or
    /// [`FetchError::Invalid`] for a folder to take files from that lacks one or has a wrong one, a proxy variable that isn't
    /// understood, or a file that was changed meanwhile; the first file's, when several fail. The files that were fetched stay.
    pub fn carry_out(
        &self,
        plan: &FetchPlan<'_>,
        on_event: &mut (dyn FnMut(FetchEvent<'_>) + Send),
    ) -> Result<FetchReport, FetchError> {
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
        Ok(FetchReport::new(dataset, folder, fetched))
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
        dataset.files.iter().all(|file| is_present(&folder, file, &record))
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
    ) -> Result<Vec<String>, FetchError> {
        let (dataset, files) = (plan.dataset, &plan.missing);
        let record = Record::read(folder);
        for file in files.iter().filter(|file| is_unknown(folder, file, &record)) {
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
    ) -> Result<Fetched, FetchError> {
        if let Some(from) = &self.options.from {
            return local::copy(from, file, folder, on_event);
        }
        if let Some(local) = local_folder(dataset, file).filter(|_| self.options.mirror.is_none()) {
            match local::copy(local, file, folder, on_event) {
                Ok(fetched) => return Ok(fetched),
                Err(error @ (FetchError::Io { .. } | FetchError::Archive { .. })) => return Err(error),
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

/// Fails when the folder isn't complete after all, since something else was at work in it.
fn check_again(dataset: &ManifestDataset, folder: &Path, right: &Right) -> Result<(), FetchError> {
    match look(dataset, folder, &Record::read(folder), right)?.0.first() {
        None => Ok(()),
        Some(file) => Err(FetchError::invalid(
            folder.join(&file.name).display().to_string(),
            "must stay as it was fetched",
            "it was changed meanwhile; fetch again, with nothing else at work in the folder",
        )),
    }
}
