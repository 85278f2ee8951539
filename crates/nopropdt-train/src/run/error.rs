//! Why a run can't begin, go on or end.

use crate::checkpoint::CheckpointError;
use crate::config::ConfigError;
use crate::files::WriteError;
use crate::images::ImagesError;
use crate::metrics_file::MetricsError;
use crate::model_file::ModelFileError;
use crate::prototypes::PrototypesError;
use crate::run_folder::RunFolderError;
use crate::trainer::TrainError;
use nopropdt_data::DatasetSource;
use nopropdt_tensor::IsaError;
use std::path::PathBuf;

/// Why a run can't begin, go on or end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The instruction set that was asked for is not there.
    #[error(transparent)]
    Isa(#[from] IsaError),
    /// A setting breaks a rule.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The images can't be had.
    #[error(transparent)]
    Images(#[from] ImagesError),
    /// A class has no image to start from.
    #[error(transparent)]
    Prototypes(#[from] PrototypesError),
    /// The model file to start from can't be read, or has nothing in common with the network.
    #[error(transparent)]
    Start(#[from] ModelFileError),
    /// The folder can't hold the run.
    #[error(transparent)]
    Folder(#[from] RunFolderError),
    /// What was saved can't be taken up.
    #[error(transparent)]
    Resume(#[from] ResumeError),
    /// A file can't be written before training begins.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// Training stopped before its last epoch.
    #[error("{reason}")]
    Stopped {
        /// Why.
        reason: TrainError,
        /// The run's folder.
        folder: PathBuf,
        /// Epochs that the checkpoint holds; 0 without one.
        saved: usize,
        /// Whether it holds a part of the epoch after them too.
        saved_part: bool,
    },
    /// A file of the run could not be written.
    #[error("{reason}")]
    NotWritten {
        /// What is wrong with which file.
        reason: Box<dyn std::error::Error + Send + Sync>,
        /// The run's folder.
        folder: PathBuf,
        /// Epochs that the checkpoint holds; 0 without one.
        saved: usize,
        /// Whether it holds a part of the epoch after them too.
        saved_part: bool,
    },
    /// The report can't be drawn.
    #[cfg(feature = "report")]
    #[error(transparent)]
    Report(#[from] crate::report::ReportError),
}

/// Why a saved run can't be taken up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResumeError {
    /// The checkpoint can't be read or does not fit.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// Epochs were finished, or a model file was started from, and the checkpoint that holds them is not there: to begin anew would write
    /// over them.
    #[error("{}: is gone, but {told}", checkpoint.display())]
    Lost {
        /// The checkpoint.
        checkpoint: PathBuf,
        /// What tells of them.
        told: String,
    },
    /// The settings are not those the run was started with.
    #[error("{}: must be as the run was started, {wanted}; found {found}", config.display())]
    OtherSettings {
        /// The file of settings.
        config: PathBuf,
        /// The first that differs, as it was.
        wanted: String,
        /// As it is.
        found: String,
    },
    /// The images are not those the run was started with.
    #[error("{}: must have the images the run was started with; {dataset} has others now", checkpoint.display())]
    OtherImages {
        /// The checkpoint, which knows their hash.
        checkpoint: PathBuf,
        /// The dataset.
        dataset: DatasetSource,
    },
    /// Another dataset was asked for.
    #[error("dataset: must be the run's own, {own}, or say where its folder or file lies now; found {found}")]
    OtherDataset {
        /// The run's.
        own: DatasetSource,
        /// The one asked for.
        found: DatasetSource,
    },
    /// A run was given fewer epochs than it has begun.
    #[error("epochs: must be at least {begun}, as many as the run has begun; found {found}")]
    FewerEpochs {
        /// Epochs that it has begun.
        begun: usize,
        /// Epochs that were asked for.
        found: usize,
    },
    /// `metrics.jsonl` can't be made again from the checkpoint.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
}
