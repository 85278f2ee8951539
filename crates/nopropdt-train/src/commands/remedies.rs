//! What the library says of a failure, in the words of the command line: the flag of a setting, what to do, and how to go on.

use super::UsageError;
use super::dataset_remedies::failure;
use crate::checkpoint::CheckpointError;
use crate::config::{ConfigError, Smaller};
use crate::experiments::ExperimentError;
use crate::images::ImagesError;
use crate::metrics_file::MetricsError;
use crate::prototypes::PrototypesError;
use crate::run::{ResumeError, RunError};
use crate::run_folder::RunFolderError;
use crate::trainer::TrainError;
use anyhow::{Error, anyhow};
use nopropdt_blocks::BlocksError;
use nopropdt_data::DatasetSource;

/// A run ended before its last epoch, or before its last file was there.
#[derive(Debug, thiserror::Error)]
#[error("{reason}; {kept}")]
pub(super) struct Stopped {
    reason: String,
    /// What is left of the run, and how to go on.
    kept: String,
    /// Whether somebody wanted it so.
    pub(super) interrupted: bool,
}

/// The failure with its remedy. One that another flag mends becomes a [`UsageError`].
pub(super) fn with_remedy(error: Error) -> Error {
    let error = match error.downcast::<RunError>() {
        Ok(error) => return of_run(error),
        Err(error) => error,
    };
    let error = match error.downcast::<ImagesError>() {
        Ok(error) => return of_images(error),
        Err(error) => error,
    };
    let error = match error.downcast::<RunFolderError>() {
        Ok(error) => return of_folder(&error),
        Err(error) => error,
    };
    if let Some(ExperimentError::Interrupted) = error.downcast_ref() {
        let kept = "what is finished is kept, and the same command goes on".to_owned();
        return Stopped { reason: error.to_string(), kept, interrupted: true }.into();
    }
    match error.downcast::<ConfigError>() {
        Ok(error) => of_settings(&error),
        Err(error) => error,
    }
}

fn usage(line: String) -> Error {
    UsageError(line).into()
}

fn of_run(error: RunError) -> Error {
    match error {
        RunError::Isa(error) => usage(error.to_string()),
        RunError::Config(error) => of_settings(&error),
        RunError::Images(error) => of_images(error),
        RunError::Prototypes(error @ PrototypesError { .. }) => {
            anyhow!("{error}; raise --limit-train or take another embedding")
        }
        RunError::Folder(error) => of_folder(&error),
        RunError::Resume(error) => of_resume(&error),
        RunError::Stopped { reason, folder, saved, saved_part } => {
            let interrupted = matches!(reason, TrainError::Interrupted { .. });
            let kept = match saved {
                _ if interrupted => format!("go on with --resume {}", folder.display()),
                _ if saved_part => format!(
                    "try a smaller --lr or --clip-norm 1; {} keeps a part of epoch {}",
                    folder.join("checkpoint.bin").display(),
                    saved + 1
                ),
                0 => "try a smaller --lr or --clip-norm 1; no epoch was finished, so none is kept".into(),
                _ => format!(
                    "try a smaller --lr or --clip-norm 1; {} keeps the end of epoch {saved}",
                    folder.join("checkpoint.bin").display()
                ),
            };
            Stopped { reason: reason.to_string(), kept, interrupted }.into()
        }
        RunError::NotWritten { reason, folder, saved, saved_part } => {
            let folder = folder.display();
            let reason = match reason.downcast_ref() {
                Some(MetricsError::Value { .. }) => format!("{reason}; a lower --lr often helps"),
                _ => reason.to_string(),
            };
            let kept = match saved {
                _ if saved_part => {
                    let epoch = saved + 1;
                    format!("a part of epoch {epoch} is kept; then go on with --resume {folder}")
                }
                0 => format!("no epoch is kept; then begin again with --resume {folder}"),
                _ => format!("the end of epoch {saved} is kept; then go on with --resume {folder}"),
            };
            Stopped { reason, kept, interrupted: false }.into()
        }
        error => error.into(),
    }
}

fn of_settings(error: &ConfigError) -> Error {
    match error {
        // One without a flag is called by section and key.
        ConfigError::Range { setting, .. }
        | ConfigError::Value { setting, .. }
        | ConfigError::NoSuchSetting { setting, .. }
            if !setting.contains('.') =>
        {
            usage(format!("--{error}"))
        }
        ConfigError::TooLarge { found, most, ways } if !ways.is_empty() => {
            let ways: Vec<String> = ways.iter().map(|way: &Smaller| format!("--{way}")).collect();
            usage(format!("network: must have at most {most} parameters; found {found}; {}", ways.join(", ")))
        }
        ConfigError::Network(BlocksError::FallingSchedule) => {
            usage(format!("{error}; use --preset reference"))
        }
        ConfigError::NoValidation { .. } => usage(format!("--{error}; hold some out with --validation N")),
        error => usage(error.to_string()),
    }
}

fn of_images(error: ImagesError) -> Error {
    match error {
        ImagesError::Data { dataset, error } => failure(&dataset, *error),
        ImagesError::OneClass { dataset: ref dataset @ DatasetSource::Folder(_), ref class } => {
            usage(format!("{error}; if the classes are the folders in it, take {dataset}/{class}"))
        }
        ImagesError::NotFinite { .. } | ImagesError::Shape { .. } => anyhow!(error),
        ImagesError::OneClass { .. } => usage(error.to_string()),
        ImagesError::TooFew { .. } => {
            usage(format!("{error}; raise --limit-train, or lower --validation or --split"))
        }
        ImagesError::Network(error) => of_settings(&error),
    }
}

fn of_folder(error: &RunFolderError) -> Error {
    match error {
        RunFolderError::Taken { path } => usage(format!(
            "--out {path}: already holds a run; continue it with --resume {path} or choose another folder"
        )),
        RunFolderError::Io { .. } => anyhow!("{error}; choose another with --out"),
        RunFolderError::Busy { .. } => {
            usage(format!("{error}; wait for it, or choose another folder with --out"))
        }
        RunFolderError::NoRun { path } => usage(format!("--resume {error}; start one with --out {path}")),
        RunFolderError::NoFolder { .. } => usage(error.to_string()),
    }
}

fn of_resume(error: &ResumeError) -> Error {
    match error {
        ResumeError::Checkpoint(CheckpointError { .. }) | ResumeError::Lost { .. } => {
            anyhow!("{error}; restore it, or start anew with --out")
        }
        ResumeError::OtherSettings { .. } => anyhow!("{error}; restore it"),
        ResumeError::OtherImages { .. } => anyhow!("{error}; restore them, or start anew with --out"),
        ResumeError::OtherDataset { own, found } => {
            let rule = "must be left out, or say where its folder or file lies now";
            usage(format!("--dataset: with --resume {rule}; the run is of {own}; found {found}"))
        }
        ResumeError::FewerEpochs { .. } => usage(format!("--{error}")),
        ResumeError::Metrics(error) => anyhow!("{error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_of_a_run_is_told_as_it_is() {
        let kept = |saved, saved_part| {
            let reason = "model.safetensors: the disk is full".into();
            let error = RunError::NotWritten { reason, folder: "run".into(), saved, saved_part };
            of_run(error).to_string()
        };
        let ends = |told: String, wanted: &str| assert!(told.ends_with(wanted), "{told}");
        ends(kept(0, false), "full; no epoch is kept; then begin again with --resume run");
        ends(kept(0, true), "full; a part of epoch 1 is kept; then go on with --resume run");
        ends(kept(3, false), "full; the end of epoch 3 is kept; then go on with --resume run");
        ends(kept(3, true), "full; a part of epoch 4 is kept; then go on with --resume run");
    }
}
