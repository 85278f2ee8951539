//! Giving a run another number of epochs, before or after its last one.
//!
//! First the files of a finished run go, then the checkpoint gets the new number, then `config.toml`. The checkpoint is the truth: a kill in
//! between leaves a run that goes on with one of the two numbers.

use super::error::{ResumeError, RunError};
use super::judge::has_run_out;
use super::resume::TakenUp;
use crate::config::RunConfig;
use crate::files::{remove_file, replace_file};
use crate::run_folder::RunFolder;
use crate::trainer::Rates;

/// A run that was given another number of epochs, and what its learning rate does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Extended {
    /// Epochs that it was to have.
    pub before: usize,
    /// Epochs that it is to have.
    pub epochs: usize,
    /// Epochs that were finished.
    pub finished: usize,
    /// Learning rate of the last step that is done; none without one.
    pub rate_before: Option<f64>,
    /// Those of the first and the last step that are left; none when no epoch is left.
    pub rates: Option<[f64; 2]>,
    /// Whether its patience had run out, and counts anew from the finished epochs on.
    pub patience_anew: bool,
    /// Whether the steps that are done had the learning rates of a run of `epochs` from the start.
    pub as_from_the_start: bool,
}

/// What of a run decides its learning rates, beside its settings.
#[derive(Debug, Clone, Copy)]
pub(super) struct Steps {
    /// Batches an epoch.
    pub(super) batches: usize,
    /// Times that an epoch goes over them.
    pub(super) rounds: usize,
}

/// How far a run is.
#[derive(Debug, Clone, Copy)]
struct Done {
    finished: usize,
    /// Waves of the epoch after them.
    waves: usize,
}

impl Extended {
    fn new([before, now]: [&RunConfig; 2], done: Done, patience_anew: bool, steps: Steps) -> Self {
        let Steps { batches, rounds } = steps;
        let [old, new] = [before, now].map(|config| Rates::new(&config.training, batches));
        let Done { finished, waves } = done;
        let of = |rates: &Rates, epoch: usize, wave: usize| rates.of_wave(epoch, wave, batches, rounds);
        let (epochs, last) = (now.training.epochs, rounds * batches - 1);
        let last_done = match waves {
            0 => finished.checked_sub(1).map(|epoch| (epoch, last)),
            _ => Some((finished, waves - 1)),
        };
        let ends = (0..finished).flat_map(|epoch| [(epoch, 0), (epoch, last)]).chain(last_done);
        Self {
            before: before.training.epochs,
            epochs,
            finished,
            rate_before: last_done.map(|(epoch, wave)| of(&old, epoch, wave).into()),
            rates: (finished < epochs)
                .then(|| [of(&new, finished, waves).into(), of(&new, epochs - 1, last).into()]),
            patience_anew: patience_anew && finished < epochs,
            as_from_the_start: { ends }.all(|(epoch, wave)| of(&old, epoch, wave) == of(&new, epoch, wave)),
        }
    }
}

/// Gives the run in `folder` this number of epochs, in its files and in `config` and `kept`, its settings and those that files keep. None
/// when it has it already, and its patience has not run out.
///
/// # Errors
/// When the run has begun more epochs, another setting needs more, or a file can't be written.
pub(super) fn extend(
    folder: &RunFolder,
    [config, kept]: [&mut RunConfig; 2],
    taken_up: Option<&mut TakenUp>,
    epochs: usize,
    steps: Steps,
) -> Result<Option<Extended>, RunError> {
    let finished = taken_up.as_ref().map_or(0, |run| run.metrics.len());
    let waves = taken_up.as_ref().and_then(|run| run.begun.as_ref()).map_or(0, |(begun, _)| begun.waves);
    let begun = finished + usize::from(waves > 0);
    let before = config.clone();
    let patience_anew = taken_up
        .as_ref()
        .is_some_and(|run| has_run_out(&run.metrics, before.training.patience, &run.extensions));
    let mut now = before.clone();
    now.training.epochs = epochs;
    now.validate()?;
    if epochs < begun {
        return Err(ResumeError::FewerEpochs { begun, found: epochs }.into());
    }
    if epochs == before.training.epochs && (!patience_anew || epochs == finished) {
        return Ok(None);
    }
    for of_a_finished_run in [folder.summary(), folder.report(), folder.diagnostics()] {
        remove_file(&of_a_finished_run)?;
    }
    kept.training.epochs = epochs;
    if let Some(run) = taken_up {
        run.extend(folder, kept, before.training.epochs)?;
    }
    *config = now;
    replace_file(&folder.config(), config.to_toml().as_bytes())?;
    Ok(Some(Extended::new([&before, config], Done { finished, waves }, patience_anew, steps)))
}
