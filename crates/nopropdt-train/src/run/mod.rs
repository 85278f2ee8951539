//! A run with a folder: trained epoch by epoch, saved after each, and taken up again where it was left.
//!
//! [`begin`], [`resume`] and [`extend`](fn@extend) are the short way. A program that has something to say in between goes by [`Prepared`] (the dataset was
//! looked through), [`Loaded`] (its images are in memory) and [`Run`] (it has its folder).

mod error;
mod extend;
mod judge;
mod left;
mod measured;
mod observer;
mod pace;
mod prepared;
mod resume;
mod saving;
mod session;
mod start;
mod training;

pub use error::{ResumeError, RunError};
pub use extend::Extended;
pub use judge::{best_of, judged};
pub use observer::{Both, Observer, Silent, Step};
pub use prepared::{Loaded, Prepared};
pub use resume::Saved;
pub use session::Run;
pub use start::{Start, check_new};

use crate::config::RunConfig;
use crate::run_folder::RunFolder;
use std::path::Path;

/// A new run in `folder`, on a dataset that is embedded or lies in `data_dir`.
///
/// # Errors
/// When the images can't be had, the network can't be made or not start as its settings say, or the folder holds a run or can't be
/// written.
pub fn begin(config: RunConfig, data_dir: &Path, folder: &Path) -> Result<Run, RunError> {
    check_new(&config)?;
    let loaded = Prepared::open(config, data_dir)?.load()?;
    Run::begin(loaded, RunFolder::create(folder)?)
}

/// The run in `folder`, after its last saved epoch.
///
/// # Errors
/// When the folder holds no run, or one that can't go on; when the images are not those it was started with.
pub fn resume(folder: &Path, data_dir: &Path) -> Result<Run, RunError> {
    let saved = Saved::open(folder, None)?;
    let loaded = Prepared::open(saved.config, data_dir)?.load()?;
    Run::resume(loaded, saved.folder)
}

/// The run in `folder`, after its last saved epoch, with another number of epochs: `config.toml` and the checkpoint have it when this
/// returns. With a constant learning rate, it ends with the bits of a run that had it from the start; else the further epochs have the
/// learning rates of such a run, and the finished ones had those of fewer.
///
/// # Errors
/// As [`resume`]; [`ResumeError::FewerEpochs`] when the run has begun more epochs.
pub fn extend(folder: &Path, data_dir: &Path, epochs: usize) -> Result<Run, RunError> {
    let saved = Saved::open(folder, None)?;
    let loaded = Prepared::open(saved.config, data_dir)?.load()?;
    Run::extend(loaded, saved.folder, epochs)
}
