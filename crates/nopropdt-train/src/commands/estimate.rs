//! What `info` says of a run before it starts.

use super::output::complain;
use crate::config::RunConfig;
use crate::estimate::{Memory, Timing, TimingError, Work, memory, timing};
use crate::memory_limit::left;
use anyhow::Result;
use nopropdt_blocks::Method;
use serde::Serialize;
use std::fmt::Write;

/// A run in numbers, as `info --json` has it.
#[derive(Debug, Serialize)]
pub(super) struct Estimate {
    epochs: usize,
    batches_per_epoch: usize,
    train_images: usize,
    test_images: usize,
    validation_images: usize,
    /// Computed from sizes, in bytes.
    memory: Memory,
    /// Memory that is left to this process, in bytes; null where the system does not tell.
    memory_left: Option<u64>,
    /// Measured by steps on random inputs; null where that was not wanted, or would not fit.
    timing: Option<Timing>,
}

impl Estimate {
    /// The estimate for `work`, on the threads of the pool it is called in; steps are timed if that is wanted and memory is enough.
    pub(super) fn new(config: &RunConfig, network: &dyn Method, work: &Work, timed: bool) -> Result<Self> {
        let memory = memory(config, network, work, rayon::current_num_threads())?;
        let memory_left = left().map(|left| left.bytes);
        // Its images are not read for that.
        let fits = memory_left.is_none_or(|left| memory.total - memory.images <= left);
        let enough = work.train >= 2 && work.test > 0;
        if timed && !fits {
            complain("note: no steps are timed: they would not fit into the memory that is left");
        }
        let timing = match (timed && fits && enough).then(|| timing(config, network, work)) {
            Some(Err(TimingError::Train(reason))) => {
                complain(&format!("note: no steps are timed: on random inputs, {reason}"));
                None
            }
            timing => timing.transpose()?,
        };
        Ok(Self {
            epochs: config.training.epochs,
            batches_per_epoch: work.batches(config),
            train_images: work.train,
            test_images: work.test,
            validation_images: work.validation,
            memory,
            memory_left,
            timing,
        })
    }

    /// The same for people.
    pub(super) fn describe(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        let Self { epochs, batches_per_epoch, train_images, test_images, memory, .. } = self;
        writeln!(
            text,
            "a run: {epochs} epochs of {batches_per_epoch} batches, {train_images} training and {test_images} test images"
        )?;
        let left =
            self.memory_left.map_or_else(String::new, |left| format!("; {} are left", mebibytes(left)));
        writeln!(text, "memory, computed  {}{left}", mebibytes(memory.total))?;
        writeln!(
            text,
            "                  {} images, {} weights, {} optimiser, {} a step, {} testing, {} saving",
            mebibytes(memory.images),
            mebibytes(memory.weights),
            mebibytes(memory.optimizer),
            mebibytes(memory.step),
            mebibytes(memory.evaluation),
            mebibytes(memory.saving),
        )?;
        if let Some(timing) = &self.timing {
            let epoch = timing.train_seconds_per_epoch + timing.test_seconds_per_epoch;
            writeln!(
                text,
                "time, measured    {} in all; {} an epoch, {} of it testing",
                duration(timing.seconds),
                duration(epoch),
                duration(timing.test_seconds_per_epoch)
            )?;
            if let Some(bytes) = timing.measured_bytes {
                writeln!(
                    text,
                    "memory, measured  {} for a few steps and a test, without images",
                    mebibytes(bytes)
                )?;
            }
        }
        Ok(text)
    }
}

fn mebibytes(bytes: u64) -> String {
    format!("{} MiB", bytes.div_ceil(1 << 20))
}

/// `0.35 s`, `12.3 s`, `4 min 10 s`, `2 h 5 min`.
fn duration(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match whole {
        0..10 => format!("{seconds:.2} s"),
        10..100 => format!("{seconds:.1} s"),
        100..3600 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", whole / 3600, whole % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_in_their_units() {
        for (seconds, told) in
            [(0.351, "0.35 s"), (12.34, "12.3 s"), (250.0, "4 min 10 s"), (7500.0, "2 h 5 min")]
        {
            assert_eq!(duration(seconds), told);
        }
        assert_eq!((mebibytes(1), mebibytes(3 << 20)), ("1 MiB".into(), "3 MiB".into()));
    }
}
