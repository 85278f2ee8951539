//! Going on with a run: what it is, what it has done, and where its images lie now.

use super::UsageError;
use crate::checkpoint::Checkpoint;
use crate::config::{Overrides, RunConfig};
use crate::files::replace_file;
use crate::metrics::{EpochMetrics, read_metrics, refresh_metrics};
use crate::run_folder::RunFolder;
use crate::trainer::Trainer;
use anyhow::{Context, Result, anyhow, bail};
use nopropdt_data::DatasetSource;
use std::path::Path;

/// A run with finished epochs.
pub(super) struct TakenUp {
    /// Its settings, as files keep them.
    pub(super) config: RunConfig,
    checkpoint: Checkpoint,
}

/// The settings of the run at `path`, its own to the letter, and its folder. Where the pictures lie may be told anew.
pub(super) fn open(overrides: &Overrides, path: &Path) -> Result<(RunConfig, RunFolder)> {
    let place = overrides.dataset.clone();
    if *overrides != (Overrides { dataset: place.clone(), ..Overrides::default() }) {
        return Err(UsageError(
            "--resume: a run goes on with its own settings; leave the other flags out".into(),
        )
        .into());
    }
    let folder = RunFolder::open(path)?;
    refuse_lost_checkpoint(&folder)?;
    let mut config = match folder.config().is_file() {
        true => Overrides::from_file(&folder.config())?.resolve(None)?,
        false => config_of(&read(&folder.checkpoint())?, &folder.checkpoint())?,
    };
    match (&config.dataset, place) {
        (_, None) => {}
        (DatasetSource::Folder(_), Some(place @ DatasetSource::Folder(_))) => config.dataset = place,
        (own, Some(other)) if *own == other => {}
        (own, Some(other)) => {
            let rule = "must be left out, or say where the pictures of a folder lie now";
            return Err(UsageError(format!(
                "--dataset: with --resume {rule}; the run is of {own}; found {other}"
            ))
            .into());
        }
    }
    Ok((config, folder))
}

/// Files that only a finished epoch leaves, without the checkpoint that is written before them: to begin anew would write over them.
fn refuse_lost_checkpoint(folder: &RunFolder) -> Result<()> {
    if folder.checkpoint().exists() {
        return Ok(());
    }
    let left = [folder.summary(), folder.model(), folder.metrics(), folder.report()];
    let Some(file) = left.into_iter().find(|file| file.exists()) else { return Ok(()) };
    let epochs = read_metrics(&folder.metrics()).map_or(0, |epochs| epochs.len());
    let told = match epochs {
        0 => format!("{} is of a finished epoch", file.display()),
        1 => format!("{} tells of a finished epoch", folder.metrics().display()),
        _ => format!("{} tells of {epochs} finished epochs", folder.metrics().display()),
    };
    let checkpoint = folder.checkpoint();
    bail!("{}: is gone, but {told}; restore it, or start anew with --out", checkpoint.display())
}

fn read(path: &Path) -> Result<Checkpoint> {
    Checkpoint::read(path).map_err(|error| anyhow!("{error}; restore it, or start anew with --out"))
}

/// The settings in a checkpoint, as files keep them.
fn config_of(checkpoint: &Checkpoint, path: &Path) -> Result<RunConfig> {
    let named = || path.display().to_string();
    let overrides =
        Overrides::from_text(&checkpoint.config).map_err(anyhow::Error::msg).with_context(named)?;
    Ok(overrides.resolve(None).with_context(named)?.without_place())
}

/// What the run has done so far, when its settings and images are those it was started with; none when no epoch was finished.
/// The settings are written again where they lack the place where the images lie now.
pub(super) fn take_up(folder: &RunFolder, config: &RunConfig, images: [u8; 32]) -> Result<Option<TakenUp>> {
    let path = folder.checkpoint();
    let taken_up = match path.exists() {
        true => Some(checked(folder, read(&path)?, config, images)?),
        false => None,
    };
    let written = Overrides::from_file(&folder.config()).ok().and_then(|written| written.dataset);
    if written.as_ref() != Some(&config.dataset) {
        replace_file(&folder.config(), config.to_toml().as_bytes())?;
    }
    Ok(taken_up)
}

fn checked(
    folder: &RunFolder,
    checkpoint: Checkpoint,
    config: &RunConfig,
    images: [u8; 32],
) -> Result<TakenUp> {
    let path = folder.checkpoint();
    let started = config_of(&checkpoint, &path)?;
    // The same pictures are the same run, wherever they lie: their hash guards.
    let here = RunConfig { dataset: started.dataset.clone(), ..config.clone() };
    let same_kind =
        matches!((&config.dataset, &started.dataset), (DatasetSource::Folder(_), DatasetSource::Folder(_)));
    let found = if same_kind { here } else { config.clone() };
    if let Some((wanted, found)) = difference(&started.to_toml(), &found.to_toml()) {
        bail!(
            "{}: must be as the run was started, {wanted}; found {found}; restore it",
            folder.config().display()
        );
    }
    if checkpoint.images != images {
        bail!(
            "{}: must have the images the run was started with; {} has others now; restore them, or start anew with --out",
            path.display(),
            config.dataset
        );
    }
    Ok(TakenUp { config: started, checkpoint })
}

impl TakenUp {
    /// Puts the state into the trainer: the finished epochs, and the seconds they took.
    pub(super) fn restore(
        self,
        folder: &RunFolder,
        trainer: &mut Trainer<'_>,
    ) -> Result<(Vec<EpochMetrics>, f64)> {
        let path = folder.checkpoint();
        let (metrics, seconds) = (self.checkpoint.epochs(&path)?, self.checkpoint.seconds);
        let mut weights = trainer.weights().clone();
        let states = self.checkpoint.restore(&path, &mut weights)?;
        trainer.restore(weights, states).with_context(|| path.display().to_string())?;
        // The checkpoint is the truth: a kill may have come between the files.
        refresh_metrics(&folder.metrics(), &metrics)?;
        Ok((metrics, seconds))
    }
}

/// The first setting in which two configurations differ: (of the first, of the second), as their files spell it.
fn difference(first: &str, second: &str) -> Option<(String, String)> {
    let missing = |of: &str, from: &str| {
        of.lines().find(|line| !from.lines().any(|other| other == *line)).map(str::to_owned)
    };
    let (wanted, found) = (missing(first, second), missing(second, first));
    let key = |line: &String| line.split(" = ").next().unwrap_or_default().to_owned();
    // A setting that was added or removed has nothing beside it.
    let quoted = |line: Option<String>| line.map_or("nothing".to_owned(), |line| format!("`{line}`"));
    match (wanted, found) {
        (None, None) => None,
        (Some(wanted), Some(found)) if key(&wanted) != key(&found) => {
            Some((format!("`{wanted}`"), "another value".into()))
        }
        (wanted, found) => Some((quoted(wanted), quoted(found))),
    }
}
