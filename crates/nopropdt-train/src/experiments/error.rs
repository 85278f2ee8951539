//! Why cells can't be run at all; what fails of one cell alone is its fate.

use crate::files::WriteError;
use std::io;
use std::path::{Path, PathBuf};

/// Why cells can't be run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExperimentError {
    /// The user wants to stop. What is finished stays, and what is begun can be taken up.
    #[error("interrupted")]
    Interrupted,
    /// The program can't be run.
    #[error("{}: can't be run: {reason}", program.display())]
    Process {
        /// The program.
        program: PathBuf,
        /// The system's answer.
        reason: io::Error,
    },
    /// A file or folder can't be read or made.
    #[error("{}: {reason}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's answer.
        reason: io::Error,
    },
    /// A file can't be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl ExperimentError {
    pub(super) fn io(path: &Path) -> impl Fn(io::Error) -> Self {
        move |reason| Self::Io { path: path.to_owned(), reason }
    }
}
