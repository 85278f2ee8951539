//! What a fetch tells its caller.

use std::path::Path;
use std::time::Duration;

use crate::FetchError;

/// A step of a fetch, for a progress display.
#[derive(Debug)]
#[non_exhaustive]
pub enum FetchEvent<'a> {
    /// Another fetch is at work in the dataset's folder, and its end is waited for.
    Waiting {
        /// The folder.
        folder: &'a Path,
    },
    /// A file's bytes begin to come, from a mirror or a folder.
    Started {
        /// The file's name.
        file: &'a str,
        /// Its address or path.
        origin: &'a str,
        /// Bytes there already, from an interrupted transfer.
        done: u64,
        /// Bytes in all, as sent, where known.
        total: Option<u64>,
    },
    /// More bytes came.
    Received {
        /// The file's name.
        file: &'a str,
        /// Bytes there now, the earlier ones included.
        done: u64,
    },
    /// A transfer failed and will be tried again.
    Retrying {
        /// The file's name.
        file: &'a str,
        /// Why it failed.
        error: &'a FetchError,
        /// The pause before the next attempt.
        pause: Duration,
    },
    /// A mirror is given up for this file.
    MirrorFailed {
        /// The file's name.
        file: &'a str,
        /// Its last failure.
        error: &'a FetchError,
    },
    /// A file of the right length is there, but no hash of its content is known; it is fetched again.
    Unknown {
        /// The file's name.
        file: &'a str,
    },
    /// A file that lay under the final name but was wrong has been renamed, now that the right one takes its place.
    SetAside {
        /// The file's name.
        file: &'a str,
        /// Where it is now.
        to: &'a Path,
    },
    /// An archive has been checked and is being unpacked.
    Unpacking {
        /// The archive's name.
        file: &'a str,
    },
    /// A folder of the system seemed to have a file but did not; mirrors are asked.
    LocalFailed {
        /// The file's name.
        file: &'a str,
        /// Why it could not be taken.
        error: &'a FetchError,
    },
    /// A file has been checked and is in place.
    Finished {
        /// The file's name.
        file: &'a str,
    },
}
