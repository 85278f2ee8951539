//! Table 2: how much memory each method's training takes, above the program that has read its images.

use super::data::{Data, Places};
use super::profile::{self, Profile, datasets};
use anyhow::Result;
use nopropdt_train::commands::complain;
use nopropdt_train::experiments::{
    Cell, ExperimentError, Measure, Origin, Place, Runner, read_record, write_record,
};
use nopropdt_train::metrics_file::read_summary;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// A method's memory on a dataset.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Memory {
    pub(super) dataset: String,
    pub(super) method: String,
    /// Every setting of the run; a measurement of others is made again.
    pub(super) settings: String,
    /// What training added to the resident memory.
    pub(super) bytes: u64,
    pub(super) origin: Option<Origin>,
}

const FILE: &str = "memory.json";

/// The images of a measured run: four batches, and as many steps as say what all would take. One thread, so that the figure does not
/// depend on the machine.
const SETTINGS: &str = "--preset=paper --order=interleaved --lr-schedule=cosine --limit-train=512 --limit-test=128 --batch-size=128 --epochs=1";
const THREADS: usize = 1;

/// What was measured before; nothing when it was not.
pub(super) fn read(folder: &Path) -> Vec<Memory> {
    read_record(&folder.join(FILE)).unwrap_or_default()
}

/// The run that is measured.
fn cell(dataset: Data, method: &str) -> Result<Cell, String> {
    let steps = if matches!(method, "dt" | "backprop") { 10 } else { 20 };
    let flags = format!("--method={method} --steps={steps} {SETTINGS}");
    let flags: Vec<String> = flags.split_whitespace().map(str::to_owned).collect();
    let measure = Measure { runs: 1, averaged: None, steps: None };
    profile::cell("memory".into(), dataset, &flags, measure, 0.0)
}

/// Measures each method on each dataset that is there, each in a process of its own, unless that was done before and need not be done
/// `again`: all that is known then, and what failed.
pub(super) fn measure(
    runner: &Runner,
    places: &Places,
    profile: Profile,
    again: bool,
) -> Result<(Vec<Memory>, Vec<String>)> {
    let (mut all, mut failed) = (read(runner.work()), Vec::new());
    for dataset in datasets(&profile.rows()) {
        let Ok(place) = places.of(dataset) else { continue };
        for (method, _) in super::paper::TABLE_2 {
            let (title, cell) = (dataset.title(), cell(dataset, method).map_err(anyhow::Error::msg)?);
            let settings = cell.config.to_toml();
            let same = |known: &Memory| known.dataset == title && known.method == method;
            if !again && all.iter().any(|known| same(known) && known.settings == settings) {
                continue;
            }
            let found = added(runner, &cell, &place)?;
            match found {
                Err(line) => failed.push(format!("memory of {method} on {title}: {line}")),
                Ok(bytes) => {
                    complain(&format!("memory of {method} on {title}: {:.1} MiB", mebibytes(bytes)));
                    all.retain(|known| !same(known));
                    let origin = Some(runner.origin().now());
                    all.push(Memory {
                        dataset: title.into(),
                        method: method.into(),
                        settings,
                        bytes,
                        origin,
                    });
                    write_record(&runner.work().join(FILE), &all)?;
                }
            }
        }
    }
    Ok((all, failed))
}

/// In MiB.
pub(super) fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// What a training added to the resident memory; the inner error is why that is not known.
fn added(runner: &Runner, cell: &Cell, place: &Place) -> Result<Result<u64, String>, ExperimentError> {
    let folder = tempfile::tempdir_in(runner.work())
        .map_err(|reason| ExperimentError::Io { path: runner.work().to_owned(), reason })?;
    let run = folder.path().join("run");
    // The log of a failure goes with the folder.
    if let Err(line) = runner.program().train(&cell.config, &run, place, Some(THREADS), &|| ())? {
        return Ok(Err(line));
    }
    let summary = match read_summary(&run.join("summary.json")) {
        Ok(summary) => summary,
        Err(error) => return Ok(Err(error.to_string())),
    };
    Ok(summary.train_rss_bytes.ok_or_else(|| "is known on Linux only".to_owned()))
}

#[cfg(all(test, unix))]
mod tests;
