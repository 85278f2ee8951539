//! One run, as its folder tells of it.

use crate::config::known::canonical;
use crate::config::{ConfigError, Overrides, RunConfig, Table, Value};
use crate::metrics::{EpochMetrics, Summary};
use crate::metrics_file::{MetricsError, read_metrics, read_summary};
use crate::one_line::one_line;
use crate::registry::Registry;
use crate::run_folder::{CONFIG, METRICS, MODEL, SUMMARY};
use std::path::{Path, PathBuf};

/// Why a folder's run can't be read; each error names the file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// `config.toml` can't be read.
    #[error("{}", one_line(&.0.to_string()))]
    File(ConfigError),
    /// `config.toml` has settings that this program refuses.
    #[error("{}: {}", file.display(), one_line(&reason.to_string()))]
    Settings {
        /// The file.
        file: PathBuf,
        /// What is wrong with which.
        reason: ConfigError,
    },
    /// `metrics.jsonl` or `summary.json` can't be read.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
}

/// A run as its folder tells of it.
#[derive(Debug, Clone)]
pub struct RunRecord {
    /// Its folder.
    pub folder: PathBuf,
    /// What it is called among others: its folder, seen from where they all lie.
    pub name: String,
    /// Its settings, complete.
    pub config: RunConfig,
    /// The settings that mean something to it, by `section.key`; see [`RunConfig::meant_settings`].
    pub settings: Table,
    /// Its finished epochs.
    pub metrics: Vec<EpochMetrics>,
    /// Its result; none of a run that has not ended.
    pub summary: Option<Summary>,
    /// The result by the keys of `summary.json`; empty without one.
    pub(super) result: Table,
}

impl RunRecord {
    /// The run in `folder`, with the names of `registry`. Nothing is locked or written: another process may be at the run.
    ///
    /// # Errors
    /// When one of its files can't be read. A run that was just begun lacks `metrics.jsonl`, one that has not ended `summary.json`:
    /// that is no failure.
    pub fn read(folder: &Path, name: &str, registry: &Registry) -> Result<Self, RecordError> {
        let file = folder.join(CONFIG);
        let config = Overrides::from_file_in(&file, registry).map_err(RecordError::File)?;
        let config =
            config.resolve_written_in(registry).map_err(|reason| RecordError::Settings { file, reason })?;
        // The result first: a run that ends in between is one that has not ended.
        let summary = there(&folder.join(SUMMARY)).map(|path| read_summary(&path)).transpose()?;
        let metrics = there(&folder.join(METRICS)).map(|path| read_metrics(&path)).transpose()?;
        Ok(Self {
            folder: folder.to_owned(),
            name: name.to_owned(),
            settings: config.meant_settings(),
            config,
            metrics: metrics.unwrap_or_default(),
            result: summary.as_ref().map(Value::table_of).unwrap_or_default(),
            summary,
        })
    }

    /// Whether the last epoch is done and the result is there.
    pub fn is_finished(&self) -> bool {
        self.summary.is_some()
    }

    /// Where its network is, once one is saved.
    pub fn model_file(&self) -> PathBuf {
        model_file(&self.folder)
    }

    /// Finished epochs.
    pub fn epochs(&self) -> usize {
        self.summary.as_ref().map_or(self.metrics.len(), |summary| summary.epochs)
    }

    /// What `dataset` is called in a few letters.
    pub fn dataset(&self) -> String {
        self.config.data.dataset.short_name()
    }

    /// Accuracy of the answer by the read-out that was chosen for the run, a fraction; of a run that has not ended, after the last epoch
    /// that was measured so far. None in files of before.
    pub fn answer(&self) -> Option<f64> {
        let of_result = self.summary.as_ref().and_then(|summary| summary.answer_accuracy);
        of_result.or_else(|| self.metrics.iter().rev().find_map(|epoch| epoch.answer_accuracy))
    }

    /// The accuracy that counts, a fraction: that of the answer where the result has it, else the chain's.
    pub fn accuracy(&self) -> Option<f64> {
        self.answer().or_else(|| self.chain())
    }

    /// Accuracy of the chain, a fraction; of a run that has not ended, after the last one measured so far.
    pub fn chain(&self) -> Option<f64> {
        let of_result = self.summary.as_ref().map(|summary| summary.test_accuracy);
        of_result.or_else(|| self.metrics.iter().rev().find_map(|epoch| epoch.test_accuracy))
    }

    /// Accuracy of the consensus, a fraction; of a run that has not ended, after the last one measured so far.
    pub fn consensus(&self) -> Option<f64> {
        let of_result = self.summary.as_ref().map(|summary| summary.test_accuracy_consensus);
        of_result.or_else(|| self.metrics.iter().rev().find_map(|epoch| epoch.test_accuracy_consensus))
    }

    /// Seconds of the whole run; of one that has not ended, of its training so far.
    pub fn seconds(&self) -> f64 {
        // A sum of none would be -0.
        let so_far = || self.metrics.iter().fold(0.0, |seconds, epoch| seconds + epoch.seconds);
        self.summary.as_ref().map_or_else(so_far, |summary| summary.seconds)
    }

    /// The value of a key: a column ([`COLUMNS`](super::COLUMNS)), a key of `summary.json`, or a setting by its flag's name or
    /// `section.key`. A name that is several of them is the first. None where the run has no such value.
    pub fn value(&self, key: &str) -> Option<Value> {
        let text = |text: &str| Some(Value::Text(text.to_owned()));
        match key {
            "name" => text(&self.name),
            "method" => text(&self.config.method.name),
            "block" => text(&self.config.block.name),
            "dataset" => text(&self.dataset()),
            "accuracy" => self.accuracy().map(Value::Number),
            "chain" => self.chain().map(Value::Number),
            "consensus" => self.consensus().map(Value::Number),
            "epochs" => Some(Value::Whole(self.epochs() as i128)),
            "seconds" => Some(Value::Number(self.seconds())),
            _ => self.result.get(key).or_else(|| self.settings.get(&canonical(key))).cloned(),
        }
    }
}

/// Where the network of the run in `folder` is, once one is saved.
pub fn model_file(folder: &Path) -> PathBuf {
    folder.join(MODEL)
}

fn there(path: &Path) -> Option<PathBuf> {
    path.exists().then(|| path.to_owned())
}

/// The number that a value is.
pub(super) fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => Some(*number),
        Value::Whole(number) => Some(*number as f64),
        _ => None,
    }
}
