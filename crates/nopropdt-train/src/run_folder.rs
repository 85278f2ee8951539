//! The folder of a run: where its files are, and how a new one is chosen.

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
    #[error("--out {path}: {source}")]
    Io {
        /// The folder.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// There is no run to resume.
    #[error("--resume {path}: holds no run (no config.toml)")]
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
        let files = [folder.config(), folder.checkpoint(), folder.metrics(), folder.model(), folder.summary()];
        if files.iter().any(|file| file.exists()) {
            return Err(RunFolderError::Taken { path: path.display().to_string() });
        }
        let io = |source| RunFolderError::Io { path: path.display().to_string(), source };
        std::fs::create_dir_all(path).map_err(io)?;
        tempfile::tempfile_in(path).map_err(io)?;
        Ok(folder)
    }

    /// Makes the first free one of `parent/name`, `parent/name-2`, `parent/name-3`, …
    ///
    /// # Errors
    /// When the folder can't be made or written.
    pub fn create_numbered(parent: &Path, name: &str) -> Result<Self, RunFolderError> {
        let mut path = parent.join(name);
        let mut number = 1;
        while path.exists() {
            number += 1;
            path = parent.join(format!("{name}-{number}"));
        }
        Self::create(&path)
    }

    /// Opens the folder of a run that was started before.
    ///
    /// # Errors
    /// When it holds no run.
    pub fn open(path: &Path) -> Result<Self, RunFolderError> {
        let folder = Self { path: path.to_owned() };
        if folder.config().is_file() { Ok(folder) } else { Err(RunFolderError::NoRun { path: path.display().to_string() }) }
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
    fn numbered_folders_count_up() {
        let parent = tempfile::tempdir().unwrap();
        let names: Vec<_> = (0..3).map(|_| RunFolder::create_numbered(parent.path(), "digits").unwrap()).collect();
        assert!(names[0].path().ends_with("digits"));
        assert!(names[2].path().ends_with("digits-3"));
    }
}
