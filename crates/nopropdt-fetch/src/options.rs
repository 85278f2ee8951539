//! How to fetch.

use std::path::PathBuf;
use std::time::Duration;

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
