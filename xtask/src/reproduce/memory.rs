//! Table 2: how much memory each method's training takes, above the program that has read its images.

use super::data::{Data, Places};
use super::profile::Profile;
use anyhow::Result;
use nopropdt_train::commands::complain;
use nopropdt_train::config::{ConfigError, Order, Overrides, Preset, RunConfig};
use nopropdt_train::experiments::{ExperimentError, Origin, Place, Runner, read_record, write_record};
use nopropdt_train::metrics_file::read_summary;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// A method's memory on a dataset.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Memory {
    pub(super) dataset: String,
    pub(super) method: String,
    /// Every setting of the run; a measurement of others is made again.
    pub(super) settings: String,
    /// What training added to the resident memory.
    pub(super) bytes: u64,
    pub(super) origin: Origin,
}

/// One thread, so that the figure does not depend on the machine.
const THREADS: usize = 1;

/// The file of the measurements, with the results.
fn file(profile: Profile) -> PathBuf {
    match profile {
        Profile::Smoke => profile.cells().join("../memory.json"),
        _ => profile.cells().join("../../memory.json"),
    }
}

/// What was measured before; nothing when it was not.
pub(super) fn read(profile: Profile) -> Vec<Memory> {
    read_record(&file(profile)).unwrap_or_default()
}

/// What is measured: four batches, and as many steps as say what all would take.
fn config(dataset: Data, method: &str) -> Result<RunConfig, ConfigError> {
    let steps = if matches!(method, "dt" | "backprop") { 10 } else { 20 };
    let settings = Overrides::default()
        .with("dataset", dataset.source())
        .with("method", method)
        .with("steps", steps)
        .with("order", Order::Interleaved)
        .with("limit-train", 512)
        .with("limit-test", 128)
        .with("epochs", 1);
    settings.resolve(Some(Preset::Paper))
}

/// Measures each method on each dataset of the profile that is there, each in a process of its own, unless that was done before and need not
/// be done `again`: what failed.
pub(super) fn measure(
    runner: &Runner,
    places: &Places,
    profile: Profile,
    again: bool,
) -> Result<Vec<String>> {
    let datasets: &[Data] = match profile {
        Profile::Smoke => &[Data::Digits],
        _ => &[Data::Mnist, Data::Cifar10Jpeg],
    };
    measure_into(&file(profile), datasets, runner, places, again)
}

fn measure_into(
    file: &Path,
    datasets: &[Data],
    runner: &Runner,
    places: &Places,
    again: bool,
) -> Result<Vec<String>> {
    let (mut all, mut failed) = (read_record(file).unwrap_or_else(Vec::<Memory>::new), Vec::new());
    for &dataset in datasets {
        let title = dataset.title();
        let place = match places.of(dataset) {
            Ok(place) => place,
            Err(why) => {
                failed.push(format!("memory on {title}: {why}"));
                continue;
            }
        };
        for (method, _) in super::paper::TABLE_2 {
            let config = config(dataset, method)?;
            let settings = config.to_toml();
            let same = |known: &Memory| known.dataset == title && known.method == method;
            if !again && all.iter().any(|known| same(known) && known.settings == settings) {
                continue;
            }
            match added(runner, &config, &place)? {
                Err(line) => failed.push(format!("memory of {method} on {title}: {line}")),
                Ok(bytes) => {
                    complain(&format!("memory of {method} on {title}: {:.1} MiB", mebibytes(bytes)));
                    all.retain(|known| !same(known));
                    let origin = runner.origin().now();
                    all.push(Memory {
                        dataset: title.into(),
                        method: method.into(),
                        settings,
                        bytes,
                        origin,
                    });
                    write_record(file, &all)?;
                }
            }
        }
    }
    Ok(failed)
}

/// In MiB.
pub(super) fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// What a training added to the resident memory; the inner error is why that is not known.
fn added(runner: &Runner, config: &RunConfig, place: &Place) -> Result<Result<u64, String>, ExperimentError> {
    let folder = tempfile::tempdir_in(runner.work())
        .map_err(|reason| ExperimentError::Io { path: runner.work().to_owned(), reason })?;
    let run = folder.path().join("run");
    // The log of a failure goes with the folder.
    if let Err(line) = runner.program().train(config, &run, place, Some(THREADS), &|| ())? {
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
