//! Event files that TensorBoard, and what reads its files, shows while a run trains: an [`Observer`] that writes them.
//!
//! A run has one event file. Its records are: the version, the settings with a few pictures (step 0), then one an epoch (the epoch's number is its
//! step), and the end. All of them can be made from the run again. So when a run goes on, the file is made to agree with what was saved: records
//! stay up to the first that is not as it should be, and the rest are written anew. A torn record, one of an epoch that will be trained again, and one that a
//! kill left unwritten leave no trace, and no step stands twice.

mod events;
mod file;
mod hparams;
mod records;
#[cfg(feature = "report")]
mod samples;

use crate::config::RunConfig;
use crate::files::WriteError;
use crate::metrics::{EpochMetrics, Summary};
use crate::run::{Observer, Run};
use file::{EventFile, agreeing, found};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Records before that of the first epoch.
const BEFORE: usize = 2;

/// Writes the event file of a run: what it measures, settings and sample pictures.
pub struct TensorBoard<'t> {
    state: Mutex<State>,
    on_failure: &'t (dyn Fn(&WriteError) + Sync),
}

struct State {
    file: EventFile,
    /// When the last event was.
    time: f64,
    failure: Option<WriteError>,
}

/// What the first records hold: all that is known of a run before it trains.
struct Known<'r> {
    config: RunConfig,
    samples: Vec<crate::protobuf::Message>,
    epochs: &'r [EpochMetrics],
}

impl Known<'_> {
    /// A record written at `time` of a run that began at `began`.
    fn record(&self, index: usize, time: f64, began: f64) -> Option<Vec<u8>> {
        let event = match index {
            0 => events::version(time),
            1 => {
                let settings = [hparams::experiment(&self.config), hparams::start(&self.config, began)];
                events::event(time, 0, &[&settings[..], &self.samples].concat())
            }
            _ => {
                let epoch = self.epochs.get(index - BEFORE)?;
                events::event(time, epoch.epoch, &events::epoch(epoch))
            }
        };
        Some(event.into_bytes())
    }
}

impl<'t> TensorBoard<'t> {
    /// The event file of a run that is about to train, in the folder `tensorboard` of its own. It has what was known and measured before when this
    /// returns. `on_failure` is told when it can't be written any more; the run goes on.
    ///
    /// # Errors
    /// When the file can't be written.
    pub fn open(run: &Run, on_failure: &'t (dyn Fn(&WriteError) + Sync)) -> Result<Self, WriteError> {
        let (folder, now) = (run.folder().tensorboard(), now());
        let (path, bytes) = found(&folder, now)?;
        let known = Known {
            config: run.config().without_place(),
            samples: samples(run, &path)?,
            epochs: run.metrics(),
        };
        let times: Vec<f64> =
            records::intact(&bytes).iter().map_while(|(data, _)| events::time(data)).collect();
        // An event keeps its time when it is written again.
        let time = |index: usize| times.get(index).copied().unwrap_or(now);
        let record = |index: usize| known.record(index, time(index), time(0));
        let ends = agreeing(&bytes, |index, data| record(index).as_deref() == Some(data));
        let mut file = EventFile::open(path, ends)?;
        file.trim()?;
        while let Some(data) = record(file.len()) {
            file.put(file.len(), &data)?;
        }
        let state = State { time: time(file.len() - 1), file, failure: None };
        Ok(Self { state: Mutex::new(state), on_failure })
    }

    /// Whether all that was to be written is.
    ///
    /// # Errors
    /// Why it is not.
    pub fn close(self) -> Result<(), WriteError> {
        let State { failure, .. } = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        failure.map_or(Ok(()), Err)
    }

    /// Writes, unless that has failed before.
    fn write(&self, write: impl FnOnce(&mut State) -> Result<(), WriteError>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.failure.is_some() {
            return;
        }
        if let Err(error) = write(&mut state) {
            (self.on_failure)(&error);
            state.failure = Some(error);
        }
    }
}

impl Observer for TensorBoard<'_> {
    fn epoch(&self, metrics: &EpochMetrics, _left: Duration) {
        self.write(|state| {
            state.time = now();
            let event = events::event(state.time, metrics.epoch, &events::epoch(metrics));
            state.file.put(BEFORE + metrics.epoch - 1, &event.into_bytes())
        });
    }

    fn finished(&self, summary: &Summary) {
        self.write(|state| {
            // The time of the last event, so that a finished file is the same however often it is finished.
            let event = events::event(state.time, summary.epochs, &[hparams::end(state.time)]);
            state.file.put(BEFORE + summary.epochs, &event.into_bytes())?;
            state.file.settle()
        });
    }
}

/// Seconds since 1970.
fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

#[cfg(feature = "report")]
fn samples(run: &Run, path: &std::path::Path) -> Result<Vec<crate::protobuf::Message>, WriteError> {
    let refused =
        |problem| WriteError { path: path.to_owned(), reason: std::io::Error::other(problem), space: None };
    samples::samples(run).map_err(refused)
}

/// Pictures are written by what the report has for them.
#[cfg(not(feature = "report"))]
fn samples(_run: &Run, _path: &std::path::Path) -> Result<Vec<crate::protobuf::Message>, WriteError> {
    Ok(Vec::new())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn a_failure_is_told_once_and_kept() {
        let place = tempfile::NamedTempFile::new().unwrap();
        let told = AtomicUsize::new(0);
        let on_failure = |_: &WriteError| {
            told.fetch_add(1, Ordering::SeqCst);
        };
        let state = State { file: EventFile::read_only(place.path()), time: 0.0, failure: None };
        let events = TensorBoard { state: Mutex::new(state), on_failure: &on_failure };
        for epoch in 1..3 {
            events.epoch(&EpochMetrics { epoch, ..EpochMetrics::default() }, Duration::ZERO);
        }
        assert_eq!(told.load(Ordering::SeqCst), 1);
        assert_eq!(events.close().unwrap_err().path, place.path());
    }
}
