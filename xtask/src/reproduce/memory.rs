//! Table 2: how much memory each method's training takes, above the idle program.

use super::Profile;
use super::cell::{Cell, Data, Measure};
use super::runner::{Runner, write};
use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// A method's memory on a dataset, in bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Memory {
    pub(super) dataset: String,
    pub(super) method: String,
    /// Peak resident memory above that of the same program on the same data that trains one block on two images.
    pub(super) bytes: u64,
}

const FILE: &str = "memory.json";

/// The images of a measured run: four batches, and as many steps as say what all would take.
const SETTINGS: &str = "--limit-train=512 --limit-test=128 --batch-size=128 --epochs=1";
/// The program when it has read the data and does next to nothing.
const IDLE: &str = "--method=fm --steps=1 --limit-train=2 --limit-test=1 --batch-size=2 --epochs=1";

/// What was measured before; nothing when it was not.
pub(super) fn read(folder: &Path) -> Vec<Memory> {
    super::cell::read(&folder.join(FILE)).unwrap_or_default()
}

/// Measures each method on each dataset that is there, each in a process of its own.
pub(super) fn measure(runner: &Runner, profile: Profile, folder: &Path) -> Result<Vec<Memory>> {
    let mut all = Vec::new();
    let mut datasets: Vec<Data> = profile.rows().iter().map(|row| row.dataset).collect();
    datasets.sort_unstable();
    datasets.dedup();
    for dataset in datasets.into_iter().filter(|&dataset| runner.data_flags(dataset).is_ok()) {
        let idle = peak(runner, dataset, IDLE)?;
        for (method, _) in super::paper::TABLE_2 {
            let steps = if matches!(method, "dt" | "backprop") { 10 } else { 20 };
            let peak = peak(runner, dataset, &format!("--method={method} --steps={steps} {SETTINGS}"))?;
            let bytes = peak.saturating_sub(idle);
            eprintln!("memory of {method} on {}: {} MiB", dataset.title(), bytes >> 20);
            all.push(Memory { dataset: dataset.title().into(), method: method.into(), bytes });
        }
    }
    write(&folder.join(FILE), &all)?;
    Ok(all)
}

fn peak(runner: &Runner, dataset: Data, flags: &str) -> Result<u64> {
    let folder = tempfile::tempdir_in(runner.folder())?;
    let run = folder.path().join("run");
    let measure = Measure { runs: 1, averaged: false, steps: None };
    let flags = flags.split_whitespace().map(str::to_owned).collect();
    let cell = Cell { name: "memory".into(), dataset, flags, measure, work: 0.0 };
    let data = runner.data_flags(dataset).map_err(anyhow::Error::msg)?;
    if let Err(line) = runner.train(&cell, &run, &data)? {
        bail!("memory on {}: {line}", dataset.title());
    }
    Ok(runner.summary(&run)?.peak_rss_bytes)
}
