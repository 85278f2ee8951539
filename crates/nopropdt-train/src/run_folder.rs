//! The folder of a run: where its files are, and how a new one is chosen.

use crate::metrics::TEMPORARY;
use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// A folder that holds one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunFolder {
    path: PathBuf,
}

/// Why a folder can't hold a run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunFolderError {
    /// There is a run already.
    #[error("--out {path}: already holds a run; continue it with --resume {path} or choose another folder")]
    Taken {
        /// The folder.
        path: String,
    },
    /// The folder can't be made or written.
    #[error("{path}: run folder can't be made or written: {reason}; choose another with --out")]
    Io {
        /// The folder.
        path: String,
        /// Why.
        reason: io::Error,
    },
    /// Another process trains in it.
    #[error("{path}: another process is at this run; wait for it or stop it")]
    Busy {
        /// The folder.
        path: String,
    },
    /// There is no run to resume.
    #[error("--resume {path}: holds no run (no config.toml); start one with --out {path}")]
    NoRun {
        /// The folder.
        path: String,
    },
}

impl RunFolder {
    /// Makes `path` a new run's folder and checks that it can be written.
    ///
    /// # Errors
    /// When it holds a run, or can't be made or written.
    pub fn create(path: &Path) -> Result<Self, RunFolderError> {
        let folder = Self { path: path.to_owned() };
        let run = [folder.config(), folder.checkpoint(), folder.metrics()];
        let result = [folder.model(), folder.summary(), folder.report()];
        if run.iter().chain(&result).any(|file| file.exists()) {
            return Err(RunFolderError::Taken { path: path.display().to_string() });
        }
        let io = |reason| RunFolderError::Io { path: path.display().to_string(), reason };
        std::fs::create_dir_all(path).map_err(io)?;
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
                Ok(()) => return Self::create(&path),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
                Err(reason) => return Err(failed(&path, reason)),
            }
        }
    }

    /// Opens the folder of a run that was started before.
    ///
    /// # Errors
    /// When it holds no run.
    pub fn open(path: &Path) -> Result<Self, RunFolderError> {
        let folder = Self { path: path.to_owned() };
        if !folder.config().is_file() {
            return Err(RunFolderError::NoRun { path: path.display().to_string() });
        }
        Ok(folder)
    }

    /// Keeps other processes from the run for as long as the returned file lives, and removes the temporary files that a kill
    /// may have left. File systems that know no locks are taken as they are.
    ///
    /// # Errors
    /// When another process has it, or the folder can't be read or written.
    pub fn lock(&self) -> Result<File, RunFolderError> {
        let path = || self.path.display().to_string();
        let failed = |reason| RunFolderError::Io { path: path(), reason };
        let file = File::open(self.config()).map_err(failed)?;
        if let Err(TryLockError::WouldBlock) = file.try_lock() {
            return Err(RunFolderError::Busy { path: path() });
        }
        for entry in std::fs::read_dir(&self.path).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            if entry.file_name().to_string_lossy().starts_with(TEMPORARY) {
                std::fs::remove_file(entry.path()).map_err(failed)?;
            }
        }
        Ok(file)
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The resolved configuration: config.toml.
    pub fn config(&self) -> PathBuf {
        self.path.join("config.toml")
    }

    /// State at the end of the last finished epoch: checkpoint.bin.
    pub fn checkpoint(&self) -> PathBuf {
        self.path.join("checkpoint.bin")
    }

    /// A JSON object an epoch: metrics.jsonl.
    pub fn metrics(&self) -> PathBuf {
        self.path.join("metrics.jsonl")
    }

    /// The network: model.safetensors.
    pub fn model(&self) -> PathBuf {
        self.path.join("model.safetensors")
    }

    /// The result: summary.json, written last.
    pub fn summary(&self) -> PathBuf {
        self.path.join("summary.json")
    }

    /// The picture of it all: report.html.
    pub fn report(&self) -> PathBuf {
        self.path.join("report.html")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_holds_one_run() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("run");
        let folder = RunFolder::create(&path).unwrap();
        RunFolder::create(&path).expect("an empty folder is no run");
        assert!(matches!(RunFolder::open(&path), Err(RunFolderError::NoRun { .. })));
        std::fs::write(folder.config(), "").unwrap();
        let error = RunFolder::create(&path).unwrap_err().to_string();
        assert!(error.contains("already holds a run; continue it with --resume"), "{error}");
        assert_eq!(RunFolder::open(&path).unwrap(), folder);
    }

    #[test]
    fn one_process_at_a_time_and_leftovers_go() {
        let parent = tempfile::tempdir().unwrap();
        let folder = RunFolder::create(&parent.path().join("run")).unwrap();
        std::fs::write(folder.config(), "").unwrap();
        let leftover = folder.path().join(format!("{TEMPORARY}x"));
        std::fs::write(&leftover, "").unwrap();
        let lock = folder.lock().unwrap();
        assert!(!leftover.exists());
        assert!(matches!(folder.lock(), Err(RunFolderError::Busy { .. })));
        drop(lock);
        folder.lock().unwrap();
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
