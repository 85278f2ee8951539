//! Going on with a run: what it is, what it has done, and where its images lie now.

use super::error::{ResumeError, RunError};
use super::judge::best_of;
use super::measured::MeasuredFiles;
use crate::checkpoint::{Checkpoint, CheckpointError, Extension};
use crate::config::{ConfigError, Overrides, RunConfig, Value};
use crate::files::{WriteError, replace_file};
use crate::metrics::EpochMetrics;
use crate::metrics_file::read_metrics;
use crate::registry::Registry;
use crate::run_folder::RunFolder;
use crate::trainer::{Begun, Trainer};
use nopropdt_blocks::Weights;
use nopropdt_data::DatasetSource;
use std::path::Path;

/// A run that was saved, before its images are read.
pub struct Saved {
    /// Its settings, with the place where the images lie now.
    pub config: RunConfig,
    /// Its folder.
    pub folder: RunFolder,
}

impl Saved {
    /// The run at `path`, with its own settings to the letter. Where a folder of pictures or a file lies may be told anew by `place`.
    ///
    /// # Errors
    /// When there is no run, it has lost its checkpoint, or `place` is another dataset.
    pub fn open(path: &Path, place: Option<DatasetSource>) -> Result<Self, RunError> {
        Self::open_in(path, place, &Registry::builtin())
    }

    /// As [`Saved::open`], with the names of `registry`.
    ///
    /// # Errors
    /// As `open`.
    pub fn open_in(path: &Path, place: Option<DatasetSource>, registry: &Registry) -> Result<Self, RunError> {
        let folder = RunFolder::open(path)?;
        refuse_lost_checkpoint(&folder)?;
        let mut config = match folder.config().is_file() {
            true => Overrides::from_file_in(&folder.config(), registry)?.resolve_written_in(registry)?,
            false => {
                let path = folder.checkpoint();
                config_of(&Checkpoint::read(&path).map_err(ResumeError::from)?, &path, registry)?
            }
        };
        refuse_lost_start(&folder, &config)?;
        match (&config.data.dataset, place) {
            (_, None) => {}
            (own, Some(place)) if own.may_have_moved_to(&place) => config.data.dataset = place,
            (own, Some(other)) if *own == other => {}
            (own, Some(found)) => return Err(ResumeError::OtherDataset { own: own.clone(), found }.into()),
        }
        Ok(Self { config, folder })
    }
}

/// Files that only a finished epoch leaves, without the checkpoint that is written before them.
fn refuse_lost_checkpoint(folder: &RunFolder) -> Result<(), ResumeError> {
    let checkpoint = folder.checkpoint();
    if checkpoint.exists() {
        return Ok(());
    }
    let left = [folder.summary(), folder.model(), folder.metrics(), folder.report(), folder.diagnostics()];
    let Some(file) = left.into_iter().find(|file| file.exists()) else { return Ok(()) };
    let epochs = read_metrics(&folder.metrics()).map_or(0, |epochs| epochs.len());
    let told = match epochs {
        0 => format!("{} is of a finished epoch", file.display()),
        1 => format!("{} tells of a finished epoch", folder.metrics().display()),
        _ => format!("{} tells of {epochs} finished epochs", folder.metrics().display()),
    };
    Err(ResumeError::Lost { checkpoint, told })
}

/// A run that starts from a model file has its first weights in its checkpoint alone.
fn refuse_lost_start(folder: &RunFolder, config: &RunConfig) -> Result<(), ResumeError> {
    let checkpoint = folder.checkpoint();
    if config.training.init_from.is_none() || checkpoint.exists() {
        return Ok(());
    }
    let told = format!(
        "{} says that the run starts from a model file, whose weights it held",
        folder.config().display()
    );
    Err(ResumeError::Lost { checkpoint, told })
}

/// The settings in a checkpoint, as files keep them.
fn config_of(
    checkpoint: &Checkpoint<'_>,
    path: &Path,
    registry: &Registry,
) -> Result<RunConfig, ConfigError> {
    let named = |problem: String| ConfigError::File { file: path.display().to_string(), problem };
    let overrides = Overrides::from_text_in(&checkpoint.config, registry).map_err(named)?;
    Ok(overrides.resolve_written_in(registry).map_err(|error| named(error.to_string()))?.without_place())
}

/// A run that was saved: after some epochs, or before its first one where it starts from a model file.
pub(super) struct TakenUp {
    /// Its settings, as files keep them.
    pub(super) config: RunConfig,
    /// The finished epochs.
    pub(super) metrics: Vec<EpochMetrics>,
    /// Seconds they took.
    pub(super) seconds: f64,
    /// When it was given other numbers of epochs.
    pub(super) extensions: Vec<Extension>,
    /// What is done of the epoch after the finished ones, and in how many seconds.
    pub(super) begun: Option<(Begun, f64)>,
    checkpoint: Checkpoint<'static>,
}

impl TakenUp {
    /// What the run has done so far, when its settings and images are those it was started with; none when nothing was saved.
    /// The settings are written again where they lack the place where the images lie now, or the number of epochs that the run was
    /// given last.
    pub(super) fn find(
        folder: &RunFolder,
        config: &RunConfig,
        images: [u8; 32],
    ) -> Result<Option<Self>, RunError> {
        let path = folder.checkpoint();
        let taken_up = match path.exists() {
            true => {
                let checkpoint = Checkpoint::read(&path).map_err(ResumeError::from)?;
                Some(Self::checked(folder, checkpoint, config, images)?)
            }
            false => {
                refuse_lost_start(folder, config)?;
                None
            }
        };
        let mut right = config.clone();
        right.training.epochs = taken_up.as_ref().map_or(config, |run| &run.config).training.epochs;
        let written = Overrides::from_file_in(&folder.config(), &config.registry).ok();
        let place = written.as_ref().and_then(|written| written.get("dataset")?.text());
        if place != Some(&right.data.dataset.to_string()) || right.training.epochs != config.training.epochs {
            replace_file(&folder.config(), right.to_toml().as_bytes())?;
        }
        Ok(taken_up)
    }

    fn checked(
        folder: &RunFolder,
        checkpoint: Checkpoint<'static>,
        config: &RunConfig,
        images: [u8; 32],
    ) -> Result<Self, RunError> {
        let path = folder.checkpoint();
        let started = config_of(&checkpoint, &path, &config.registry)?;
        // The same images are the same run, wherever they lie: their hash guards.
        let mut here = config.clone();
        here.data.dataset = started.data.dataset.clone();
        let extensions = checkpoint.extensions().to_vec();
        if extensions.last().is_some_and(|last| last.before == config.training.epochs) {
            // A kill came after the checkpoint got its new number, and before config.toml did.
            here.training.epochs = started.training.epochs;
        }
        let may_have_moved = started.data.dataset.may_have_moved_to(&config.data.dataset);
        if !may_have_moved {
            here.data.dataset = config.data.dataset.clone();
        }
        if let Some((wanted, found)) = difference(&started, &here) {
            return Err(ResumeError::OtherSettings { config: folder.config(), wanted, found }.into());
        }
        if checkpoint.images != images {
            let dataset = config.data.dataset.clone();
            return Err(ResumeError::OtherImages { checkpoint: path, dataset }.into());
        }
        let metrics = checkpoint.epochs(&path).map_err(ResumeError::from)?;
        let (seconds, begun) = (checkpoint.seconds, checkpoint.begun());
        Ok(Self { config: started, metrics, seconds, extensions, begun, checkpoint })
    }

    /// Writes the checkpoint with `config`, which has another number of epochs than `before`.
    pub(super) fn extend(
        &mut self,
        folder: &RunFolder,
        config: &RunConfig,
        before: usize,
    ) -> Result<(), ResumeError> {
        self.config = config.clone();
        self.extensions.push(Extension { finished: self.metrics.len(), before });
        self.checkpoint.set_extended(config.to_toml(), self.extensions.clone());
        Ok(self.checkpoint.write(&folder.checkpoint())?)
    }

    /// Fails unless the epoch that it is in the middle of is one of so many waves and losses.
    pub(super) fn check_within(
        &self,
        folder: &RunFolder,
        waves: usize,
        losses: usize,
    ) -> Result<(), ResumeError> {
        if self.begun.as_ref().is_none_or(|(begun, _)| begun.is_within(waves, losses)) {
            return Ok(());
        }
        let problem = "the epoch that it is in the middle of is not of this network".to_owned();
        Err(CheckpointError { file: folder.checkpoint().display().to_string(), problem }.into())
    }

    /// Puts the state into the trainer, and the finished epochs into their files.
    pub(super) fn restore(
        self,
        folder: &RunFolder,
        trainer: &mut Trainer<'_>,
        keeps_best: bool,
        readouts: usize,
    ) -> Result<Restored, ResumeError> {
        let path = folder.checkpoint();
        let wrong = |problem: String| CheckpointError { file: path.display().to_string(), problem };
        let Self { metrics, begun, checkpoint, .. } = self;
        let mut weights = trainer.weights().clone();
        let older_best = checkpoint.best(&path, &weights)?;
        let average = checkpoint.average(&path, &weights)?;
        if average.is_some() != trainer.average().is_some() {
            return Err(wrong(
                "must have running averages of the weights where the settings say so, and only there".into(),
            )
            .into());
        }
        let states = checkpoint.restore(&path, &mut weights)?;
        trainer.restore(weights, average, states).map_err(|error| wrong(error.to_string()))?;
        let best = match best_of(&metrics).filter(|_| keeps_best) {
            None => None,
            Some(best) if best.epoch == metrics.len() && begun.is_none() => Some(trainer.answering().clone()),
            Some(best) => Some(
                older_best
                    .ok_or_else(|| wrong(format!("lacks the weights of epoch {}, the best", best.epoch)))?,
            ),
        };
        // Without an epoch there are no such files: they tell of finished ones.
        if !metrics.is_empty() {
            // The checkpoint is the truth: a kill may have come between the files.
            MeasuredFiles::of(folder, &metrics, readouts)?
                .write()
                .map_err(|error: WriteError| ResumeError::Metrics(error.into()))?;
        }
        Ok(Restored { metrics, best, begun })
    }
}

/// What was saved of a run, beside the state of its trainer.
#[derive(Default)]
pub(super) struct Restored {
    pub(super) metrics: Vec<EpochMetrics>,
    /// The weights of the best epoch, where they are kept.
    pub(super) best: Option<Weights>,
    /// What is done of the epoch after the finished ones, and in how many seconds.
    pub(super) begun: Option<(Begun, f64)>,
}

/// The first setting in which two configurations differ: (of the first, of the second), by name.
fn difference(first: &RunConfig, second: &RunConfig) -> Option<(String, String)> {
    let (first, second) = (first.named_settings(), second.named_settings());
    let value = |of: &[(String, Value)], name: &str| {
        of.iter().find(|(own, _)| own == name).map(|(_, value)| value.clone())
    };
    let names = first.iter().chain(&second).map(|(name, _)| name);
    names.map(|name| (name, value(&first, name), value(&second, name))).find_map(|(name, wanted, found)| {
        // A setting that was added or removed has nothing beside it.
        let quoted = |value: &Option<Value>| match value {
            Some(value) => format!("`{name} = {value}`"),
            None => "nothing".to_owned(),
        };
        (wanted != found).then(|| (quoted(&wanted), quoted(&found)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(block: &str) -> RunConfig {
        Overrides::default().with("block", block).resolve(None).unwrap()
    }

    #[test]
    fn a_difference_is_told_by_name() {
        let (one, other) = (config("paper"), config("reference"));
        assert_eq!(difference(&one, &one.clone()), None);
        let (wanted, found) = difference(&one, &other).unwrap();
        assert_eq!((wanted.as_str(), found.as_str()), ("`block = \"paper\"`", "`block = \"reference\"`"));
        let mut limited = one.clone();
        limited.data.limit_train = Some(9);
        let (wanted, found) = difference(&one, &limited).unwrap();
        assert_eq!((wanted.as_str(), found.as_str()), ("nothing", "`limit-train = 9`"));
    }

    /// Both have the lines `steps = 3` and `steps = 7`, in sections of a method and of a block that has steps too.
    #[test]
    fn a_setting_is_not_taken_for_another_of_the_same_key() {
        let with = |of_method: i128, of_block: i128| {
            let mut config = config("paper");
            config.method.settings.insert("steps".into(), Value::Whole(of_method));
            config.block.settings.insert("steps".into(), Value::Whole(of_block));
            config
        };
        let (wanted, found) = difference(&with(3, 7), &with(7, 3)).unwrap();
        assert_eq!((wanted.as_str(), found.as_str()), ("`steps = 3`", "`steps = 7`"));
    }
}
