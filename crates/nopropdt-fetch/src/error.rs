//! Everything that can go wrong with a fetch.

use std::io;
use std::path::PathBuf;

use nopropdt_data::DataError;

/// What went wrong, with the file, address or value it went wrong in; each message is one line.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// The operating system refused an operation on a file or folder.
    #[error("{}: can't {action}; {reason}", path.display())]
    Io {
        /// What was tried, as a verb: `open`, `read`, `write`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's answer.
        reason: io::Error,
    },
    /// The disk has less free than fetching takes.
    #[error(
        "{}: fetching takes {:.1} MB at the most; the disk has {:.1} MB free",
        folder.display(),
        *needed as f64 / 1e6,
        *free as f64 / 1e6
    )]
    NoSpace {
        /// Where the files are to go.
        folder: PathBuf,
        /// Bytes needed.
        needed: u64,
        /// Bytes free.
        free: u64,
    },
    /// An archive that is damaged, hostile or larger than it may be.
    #[error("{}: archive {problem}", path.display())]
    Archive {
        /// The archive.
        path: PathBuf,
        /// What must hold, and what was found.
        problem: String,
    },
    /// Every mirror failed.
    #[error("{file}: no mirror gave the file; {}", join(failures))]
    AllMirrorsFailed {
        /// The file wanted.
        file: String,
        /// The last failure of each mirror.
        failures: Vec<FetchError>,
    },
    /// Whatever else breaks a rule: a manifest, a server's answer, a file's content, a folder, a variable of the environment.
    #[error("{what}: {rule}; {found}")]
    Invalid {
        /// What breaks it: an address, a path, a name.
        what: String,
        /// What must hold.
        rule: String,
        /// What was found.
        found: String,
    },
    /// A file that can't be a file of a dataset, such as a pipe.
    #[error(transparent)]
    File(DataError),
}

impl FetchError {
    /// An [`Io`](Self::Io) maker for `map_err`.
    pub(crate) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |reason| Self::Io { action, path, reason }
    }

    /// An [`Invalid`](Self::Invalid) of three parts.
    pub(crate) fn invalid(
        what: impl Into<String>,
        rule: impl Into<String>,
        found: impl Into<String>,
    ) -> Self {
        Self::Invalid { what: what.into(), rule: rule.into(), found: found.into() }
    }
}

impl From<DataError> for FetchError {
    fn from(error: DataError) -> Self {
        match error {
            DataError::Io { action, path, reason } => Self::Io { action, path, reason },
            other => Self::File(other),
        }
    }
}

fn join(failures: &[FetchError]) -> String {
    failures.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
