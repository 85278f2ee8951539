//! The folder of a run: where its files are, and how a new one is chosen.

use crate::files::TEMPORARY;
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// A folder that holds one run. Other processes are kept from it for as long as this value lives.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    /// Of the file `.lock`, which stays: a file that went and came could be locked twice.
    _lock: File,
}

/// Why a folder can't hold a run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunFolderError {
    /// There is a run already.
    #[error("{path}: must hold no run for a new one to begin; it holds one")]
    Taken {
        /// The folder.
        path: String,
    },
    /// The folder can't be made or written.
    #[error("{path}: run folder can't be made or written: {reason}")]
    Io {
        /// The folder.
        path: String,
        /// Why.
        reason: io::Error,
    },
    /// Another process trains in it.
    #[error("{path}: another process is at the run in this folder")]
    Busy {
        /// The folder.
        path: String,
    },
    /// A file stands where a folder was named.
    #[error("{path}: must be a folder, of a run or for one; it is a file")]
    NoFolder {
        /// The file.
        path: String,
    },
    /// There is no run to resume.
    #[error("{path}: holds no run (neither config.toml nor checkpoint.bin)")]
    NoRun {
        /// The folder.
        path: String,
    },
}

impl RunFolder {
    /// Makes `path` a new run's folder and checks that it can be written.
    ///
    /// # Errors
    /// When it is a file or holds a run, another process is about to begin one there, or it can't be made or written.
    pub fn create(path: &Path) -> Result<Self, RunFolderError> {
        refuse_file(path)?;
        let taken = || RunFolderError::Taken { path: path.display().to_string() };
        // Asked before anything is written, so that a run of somebody else's is not touched …
        if holds_run(path) {
            return Err(taken());
        }
        let io = |reason| RunFolderError::Io { path: path.display().to_string(), reason };
        std::fs::create_dir_all(path).map_err(io)?;
        let folder = Self::locked(path)?;
        // … and again by the one that has the lock: of two programs started at once the other may have been faster.
        if holds_run(path) {
            return Err(taken());
        }
        tempfile::tempfile_in(path).map_err(io)?;
        Ok(folder)
    }

    /// Makes the first free one of `parent/name`, `parent/name-2`, `parent/name-3`, …
    ///
    /// # Errors
    /// When the folder can't be made or written.
    pub fn create_numbered(parent: &Path, name: &str) -> Result<Self, RunFolderError> {
        let failed = |path: &Path, reason| RunFolderError::Io { path: path.display().to_string(), reason };
        std::fs::create_dir_all(parent).map_err(|reason| failed(parent, reason))?;
        let mut number = 1;
        loop {
            let path = match number {
                1 => parent.join(name),
                _ => parent.join(format!("{name}-{number}")),
            };
            // Not asked beforehand: of two runs started at once only one makes the folder.
            match std::fs::create_dir(&path) {
                Ok(()) => match Self::create(&path) {
                    // Another program was told this very name.
                    Err(RunFolderError::Taken { .. } | RunFolderError::Busy { .. }) => number += 1,
                    folder => return folder,
                },
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
                Err(reason) => return Err(failed(&path, reason)),
            }
        }
    }

    /// Opens the folder of a run that was started before.
    ///
    /// # Errors
    /// When it holds no run, another process is at it, or it can't be written.
    pub fn open(path: &Path) -> Result<Self, RunFolderError> {
        refuse_file(path)?;
        if !is_begun(path) {
            return Err(RunFolderError::NoRun { path: path.display().to_string() });
        }
        Self::locked(path)
    }

    /// Takes the folder for this process and removes the temporary files that a kill may have left. File systems that know no locks
    /// are taken as they are.
    fn locked(path: &Path) -> Result<Self, RunFolderError> {
        let name = || path.display().to_string();
        let failed = |reason| RunFolderError::Io { path: name(), reason };
        let mut options = OpenOptions::new();
        let lock = options.write(true).create(true).truncate(false).open(path.join(LOCK)).map_err(failed)?;
        match lock.try_lock() {
            Err(TryLockError::WouldBlock) => return Err(RunFolderError::Busy { path: name() }),
            // Without a lock a temporary file may be somebody's who is about to rename it.
            Err(TryLockError::Error(_)) => {}
            Ok(()) => remove_leftovers(path).map_err(failed)?,
        }
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The resolved configuration: config.toml.
    pub fn config(&self) -> PathBuf {
        self.path.join(CONFIG)
    }

    /// State where the run was saved last: checkpoint.bin.
    pub fn checkpoint(&self) -> PathBuf {
        self.path.join(CHECKPOINT)
    }

    /// A JSON object an epoch: metrics.jsonl.
    pub fn metrics(&self) -> PathBuf {
        self.path.join(METRICS)
    }

    /// The same as a table: metrics.csv.
    pub fn metrics_table(&self) -> PathBuf {
        self.path.join(METRICS_TABLE)
    }

    /// The network: model.safetensors.
    pub fn model(&self) -> PathBuf {
        self.path.join(MODEL)
    }

    /// Event files for TensorBoard, where they are wanted: the folder tensorboard.
    pub fn tensorboard(&self) -> PathBuf {
        self.path.join(TENSORBOARD)
    }

    /// The result: summary.json, written last.
    pub fn summary(&self) -> PathBuf {
        self.path.join(SUMMARY)
    }

    /// What each block does: diagnostics.json.
    pub fn diagnostics(&self) -> PathBuf {
        self.path.join(DIAGNOSTICS)
    }

    /// The picture of it all: report.html.
    pub fn report(&self) -> PathBuf {
        self.path.join(REPORT)
    }
}

const LOCK: &str = ".lock";
pub(crate) const CONFIG: &str = "config.toml";
const CHECKPOINT: &str = "checkpoint.bin";
pub(crate) const METRICS: &str = "metrics.jsonl";
const METRICS_TABLE: &str = "metrics.csv";
const TENSORBOARD: &str = "tensorboard";
pub(crate) const MODEL: &str = "model.safetensors";
pub(crate) const SUMMARY: &str = "summary.json";
const REPORT: &str = "report.html";
pub(crate) const DIAGNOSTICS: &str = "diagnostics.json";

fn refuse_file(path: &Path) -> Result<(), RunFolderError> {
    match path.is_file() {
        true => Err(RunFolderError::NoFolder { path: path.display().to_string() }),
        false => Ok(()),
    }
}

/// Whether the folder holds a run that has begun, and can be opened.
pub(crate) fn is_begun(path: &Path) -> bool {
    [CONFIG, CHECKPOINT].iter().any(|file| path.join(file).is_file())
}

/// Whether any file of a run is in the folder.
fn holds_run(path: &Path) -> bool {
    let files =
        [CONFIG, CHECKPOINT, METRICS, METRICS_TABLE, TENSORBOARD, MODEL, SUMMARY, REPORT, DIAGNOSTICS];
    files.iter().any(|file| path.join(file).exists())
}

fn remove_leftovers(path: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(TEMPORARY) {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_holds_one_run() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("run");
        drop(RunFolder::create(&path).unwrap());
        let folder = RunFolder::create(&path).expect("an empty folder is no run");
        assert!(matches!(RunFolder::open(&path), Err(RunFolderError::NoRun { .. })));
        std::fs::write(folder.config(), "").unwrap();
        let error = RunFolder::create(&path).unwrap_err().to_string();
        assert!(error.ends_with("run: must hold no run for a new one to begin; it holds one"), "{error}");
        drop(folder);
        assert_eq!(RunFolder::open(&path).unwrap().path(), path);
    }

    #[test]
    fn a_checkpoint_alone_is_a_run_to_resume() {
        let parent = tempfile::tempdir().unwrap();
        let folder = RunFolder::create(&parent.path().join("run")).unwrap();
        std::fs::write(folder.checkpoint(), "").unwrap();
        let path = folder.path().to_owned();
        drop(folder);
        RunFolder::open(&path).unwrap();
    }

    #[test]
    fn one_process_at_a_time_and_leftovers_go() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("run");
        let folder = RunFolder::create(&path).unwrap();
        std::fs::write(folder.config(), "").unwrap();
        let leftover = path.join(format!("{TEMPORARY}x"));
        std::fs::write(&leftover, "").unwrap();
        assert!(matches!(RunFolder::open(&path), Err(RunFolderError::Busy { .. })));
        assert!(leftover.exists(), "it is of the process that has the folder");
        drop(folder);
        let folder = RunFolder::open(&path).unwrap();
        assert!(!leftover.exists());
        drop(folder);
    }

    /// The order of events that let two starts train in one folder: both ask, then both begin.
    #[test]
    fn a_folder_is_owned_before_anything_is_written() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("run");
        let _first = RunFolder::create(&path).unwrap();
        assert!(matches!(RunFolder::create(&path), Err(RunFolderError::Busy { .. })));
    }

    #[test]
    fn many_starts_at_once_leave_one_owner() {
        for _ in 0..20 {
            let parent = tempfile::tempdir().unwrap();
            let path = parent.path().join("run");
            let begin = || {
                let folder = RunFolder::create(&path)?;
                std::fs::write(folder.config(), "").unwrap();
                Ok::<_, RunFolderError>(folder)
            };
            let results: Vec<_> = std::thread::scope(|scope| {
                let starts: Vec<_> = (0..8).map(|_| scope.spawn(begin)).collect();
                starts.into_iter().map(|start| start.join().unwrap()).collect()
            });
            let refused = |result: &&Result<RunFolder, RunFolderError>| {
                matches!(result, Err(RunFolderError::Taken { .. } | RunFolderError::Busy { .. }))
            };
            assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
            assert_eq!(results.iter().filter(refused).count(), 7);
        }
    }

    #[test]
    fn numbered_folders_count_up() {
        let parent = tempfile::tempdir().unwrap();
        let names: Vec<_> =
            (0..3).map(|_| RunFolder::create_numbered(parent.path(), "digits").unwrap()).collect();
        assert!(names[0].path().ends_with("digits"));
        assert!(names[2].path().ends_with("digits-3"));
    }
}
