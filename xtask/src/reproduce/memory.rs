//! Table 2: how much memory each method's training takes, above the program that has read its images.

use super::Profile;
use super::cell::{Cell, Data, Measure};
use super::origin::Origin;
use super::runner::{Runner, write};
use anyhow::Result;
use nopropdt_train::commands::complain;
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
const SETTINGS: &str = "--preset=paper --order=interleaved --lr-schedule=cosine --limit-train=512 --limit-test=128 --batch-size=128 --epochs=1 --threads=1";

/// What was measured before; nothing when it was not.
pub(super) fn read(folder: &Path) -> Vec<Memory> {
    super::cell::read(&folder.join(FILE)).unwrap_or_default()
}

/// The run that is measured.
fn cell(dataset: Data, method: &str) -> Cell {
    let steps = if matches!(method, "dt" | "backprop") { 10 } else { 20 };
    let flags = format!("--method={method} --steps={steps} {SETTINGS}");
    let flags = flags.split_whitespace().map(str::to_owned).collect();
    let measure = Measure { runs: 1, averaged: false, steps: None };
    Cell { name: "memory".into(), dataset, flags, measure, work: 0.0 }
}

/// Measures each method on each dataset that is there, each in a process of its own, unless that was done before and need not be done
/// `again`: all that is known then, and what failed.
pub(super) fn measure(runner: &Runner, profile: Profile, again: bool) -> Result<(Vec<Memory>, Vec<String>)> {
    let (mut all, mut failed) = (read(runner.folder()), Vec::new());
    for dataset in Data::of(&profile.rows()).into_iter().filter(|&data| runner.data_flags(data).is_ok()) {
        for (method, _) in super::paper::TABLE_2 {
            let (title, cell) = (dataset.title(), cell(dataset, method));
            let settings = cell.config().map_err(anyhow::Error::msg)?.to_toml();
            let same = |known: &Memory| known.dataset == title && known.method == method;
            if !again && all.iter().any(|known| same(known) && known.settings == settings) {
                continue;
            }
            let found = added(runner, &cell)?;
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
                    write(&runner.folder().join(FILE), &all)?;
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
fn added(runner: &Runner, cell: &Cell) -> Result<Result<u64, String>> {
    let folder = tempfile::tempdir_in(runner.folder())?;
    let run = folder.path().join("run");
    let data = match runner.data_flags(cell.dataset) {
        Ok(data) => data,
        Err(why) => return Ok(Err(why)),
    };
    Ok(match runner.train(cell, &run, &data)? {
        Ok(()) => runner.summary(&run)?.train_rss_bytes.ok_or_else(|| "is known on Linux only".to_owned()),
        // The log goes with the folder.
        Err(line) => Err(line),
    })
}
