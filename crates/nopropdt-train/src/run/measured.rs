//! The files of what the finished epochs of a run measured.

use crate::files::{WriteError, refresh_file};
use crate::metrics::EpochMetrics;
use crate::metrics_csv::metrics_csv;
use crate::metrics_file::{MetricsError, metrics_lines};
use crate::run_folder::RunFolder;

/// What `metrics.jsonl` and `metrics.csv` hold, both made of the same epochs.
pub(super) struct MeasuredFiles<'r> {
    folder: &'r RunFolder,
    lines: Vec<u8>,
    table: String,
}

impl<'r> MeasuredFiles<'r> {
    /// Of these epochs of a method with so many read-outs.
    ///
    /// # Errors
    /// [`MetricsError::Value`] when a number is none that the files can hold.
    pub(super) fn of(
        folder: &'r RunFolder,
        epochs: &[EpochMetrics],
        readouts: usize,
    ) -> Result<Self, MetricsError> {
        let lines = metrics_lines(&folder.metrics(), epochs)?;
        Ok(Self { folder, lines, table: metrics_csv(epochs, readouts) })
    }

    /// Replaces both files.
    ///
    /// # Errors
    /// When one can't be written.
    pub(super) fn write(&self) -> Result<(), WriteError> {
        refresh_file(&self.folder.metrics(), &self.lines)?;
        refresh_file(&self.folder.metrics_table(), self.table.as_bytes())
    }
}
