//! Mirror after mirror, attempt after attempt.

use std::thread;
use std::time::Duration;

use ureq::Agent;

use crate::dataset_folder::DatasetFolder;
use crate::download::{Failure, Transfer, agent};
use crate::install::{Source, install};
use crate::part::Part;
use crate::record::Fetched;
use crate::{FetchError, FetchEvent, FetchOptions, ManifestDataset, ManifestFile};

/// The longest pause between attempts, unless a server asks for a longer one.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// Bytes that make an attempt count as a success, as far as patience goes.
const PIECE: u64 = 1024;
/// The longest pause that a server may ask for; one that wants more is given up.
const MOST_PATIENCE: Duration = Duration::from_secs(120);

/// Downloads and installs a file from the first mirror that gives it.
pub(crate) fn download(
    options: &FetchOptions,
    dataset: &ManifestDataset,
    file: &ManifestFile,
    folder: &DatasetFolder<'_>,
    on_event: &mut dyn FnMut(FetchEvent<'_>),
) -> Result<Fetched, FetchError> {
    let job = Job { options, file, folder };
    let mut failures = Vec::new();
    for url in addresses(options, dataset, file) {
        match job.try_mirror(&url, on_event)? {
            Ok(fetched) => {
                on_event(FetchEvent::Finished { file: &file.name });
                return Ok(fetched);
            }
            Err(error) => {
                on_event(FetchEvent::MirrorFailed { file: &file.name, error: &error });
                failures.push(error);
            }
        }
    }
    Err(FetchError::AllMirrorsFailed { file: file.name.clone(), failures })
}

/// Where a file is asked for, one after the other.
pub(crate) fn addresses(
    options: &FetchOptions,
    dataset: &ManifestDataset,
    file: &ManifestFile,
) -> Vec<String> {
    let mirrors = options.mirror.as_ref().map_or(&dataset.mirrors[..], std::slice::from_ref);
    mirrors.iter().map(|mirror| address(mirror, &file.download_name())).collect()
}

fn address(mirror: &str, name: &str) -> String {
    format!("{}/{name}", mirror.trim_end_matches('/'))
}

/// One file to download.
struct Job<'a> {
    options: &'a FetchOptions,
    file: &'a ManifestFile,
    folder: &'a DatasetFolder<'a>,
}

impl Job<'_> {
    /// What an interrupted transfer leaves.
    fn part(&self) -> Part {
        Part::beside(&self.folder.path.join(self.file.download_name()))
    }

    /// Tries one mirror; the inner error is the mirror's, the outer one this machine's.
    fn try_mirror(
        &self,
        url: &str,
        on_event: &mut dyn FnMut(FetchEvent<'_>),
    ) -> Result<Result<Fetched, FetchError>, FetchError> {
        let (agent, part) = (agent(self.options, url)?, self.part());
        // The most bytes of this address there ever were: bringing again what was thrown away is no progress.
        let mut reached = part.resume(url).map_or(0, |resume| resume.done);
        let mut attempt = 1;
        loop {
            let mut asked = Duration::ZERO;
            let error = match self.attempt(&agent, url, on_event) {
                Ok(fetched) => return Ok(Ok(fetched)),
                Err(Failure::Stop(error)) => return Err(error),
                Err(Failure::NextMirror(error)) => return Ok(Err(error)),
                Err(Failure::Later(error, pause)) if pause > MOST_PATIENCE => return Ok(Err(*error)),
                Err(Failure::Later(error, pause)) => {
                    asked = pause;
                    *error
                }
                Err(Failure::Again(error)) => error,
            };
            // A connection that drops again and again still brings the whole file, if each one brings a piece.
            if part.len() >= reached.saturating_add(PIECE) {
                attempt = 1;
            }
            reached = reached.max(part.len());
            if attempt >= self.options.attempts {
                return Ok(Err(error));
            }
            let pause = pause_after(attempt, self.options.back_off).max(asked);
            on_event(FetchEvent::Retrying { file: &self.file.name, error: &error, pause });
            thread::sleep(pause);
            attempt += 1;
        }
    }

    /// One transfer, and the installation of what it brought.
    fn attempt(
        &self,
        agent: &Agent,
        url: &str,
        on_event: &mut dyn FnMut(FetchEvent<'_>),
    ) -> Result<Fetched, Failure> {
        let part = self.part();
        // The worst compression writes nine bits a byte.
        let most = self.file.bytes.max(self.file.transfer_bytes());
        let limit = most.saturating_add(most / 7 + 4096);
        let transfer = Transfer {
            agent,
            url,
            file: &self.file.name,
            part: &part,
            limit,
            stall_timeout: self.options.stall_timeout,
        };
        let resumed = transfer.run(on_event)?;
        let source = Source { path: part.path(), origin: url };
        match install(&source, self.file, self.folder, on_event) {
            Ok(fetched) => part.discard().map(|()| fetched).map_err(Failure::Stop),
            Err(error @ FetchError::Io { .. }) => Err(Failure::Stop(error)),
            // No mirror has another archive of the same hash.
            Err(error @ FetchError::Archive { .. }) => {
                part.discard().map_err(Failure::Stop)?;
                Err(Failure::Stop(error))
            }
            Err(error) => {
                part.discard().map_err(Failure::Stop)?;
                // Pieces of two transfers may not belong together; a whole one won't get better.
                Err(if resumed { Failure::Again(error) } else { Failure::NextMirror(error) })
            }
        }
    }
}

fn pause_after(attempt: u32, base: Duration) -> Duration {
    base.saturating_mul(2_u32.saturating_pow(attempt - 1)).min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_half_a_minute() {
        let pauses =
            [1, 2, 3, 6, 7, 100].map(|attempt| pause_after(attempt, Duration::from_secs(1)).as_secs());
        assert_eq!(pauses, [1, 2, 4, 30, 30, 30]);
    }

    #[test]
    fn addresses_have_one_slash() {
        for mirror in ["http://host/mnist", "http://host/mnist/"] {
            assert_eq!(address(mirror, "a-ubyte.gz"), "http://host/mnist/a-ubyte.gz");
        }
    }
}
