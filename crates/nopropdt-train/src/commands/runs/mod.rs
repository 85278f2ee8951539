//! `runs`: what runs reached, and in what they differ.

mod arguments;
mod csv;
mod json;
mod table;

pub use arguments::RunsArguments;

use super::{UsageError, output};
use crate::registry::Registry;
use crate::runs::{Collection, Order, RunRecord, check_key, differing_settings};
use anyhow::{Context, Result, bail};
use arguments::RUNS;
use std::path::Path;

pub(super) fn run(arguments: &RunsArguments, registry: &Registry) -> Result<()> {
    let folder = &arguments.folder;
    check_folder(folder)?;
    let Collection { mut runs, broken } =
        Collection::read(folder, registry).with_context(|| format!("{}: can't be read", folder.display()))?;
    broken.iter().for_each(|error| output::complain(&format!("warning: {error}")));
    let order = arguments.sort.clone().unwrap_or_else(|| Order::new("name"));
    check_key(&order.key, &runs).map_err(|error| UsageError(format!("--sort: {error}")))?;
    for filter in &arguments.filter {
        check_key(&filter.key, &runs).map_err(|error| UsageError(format!("--filter: {error}")))?;
    }
    if runs.is_empty() && !broken.is_empty() {
        bail!("{}: must hold a run that can be read; none of {} can", folder.display(), broken.len());
    }
    let count = runs.len();
    runs.retain(|run| arguments.filter.iter().all(|filter| filter.holds(run)));
    (if arguments.reverse { order.reversed() } else { order }).sort(&mut runs);
    let differing = differing_settings(&runs);
    output::print(&match (arguments.json, arguments.csv) {
        (true, _) => json::list(&runs, &differing)?,
        (_, true) => csv::lines(&runs, &differing),
        _ if runs.is_empty() => nothing(folder, count),
        _ => table::drawn(&runs, &differing),
    })
}

fn check_folder(folder: &Path) -> Result<(), UsageError> {
    let told = |rule: &str| Err(UsageError(format!("{}: {rule}", folder.display())));
    match (folder.is_dir(), folder.exists()) {
        (true, _) => Ok(()),
        (_, true) => told("must be a folder of runs; it is a file"),
        _ if folder == Path::new(RUNS) => {
            told("there is no such folder here; say where runs are: nopropdt-train runs DIR")
        }
        _ => told("there is no such folder"),
    }
}

fn nothing(folder: &Path, count: usize) -> String {
    let folder = folder.display();
    match count {
        0 => format!("{folder}: no runs"),
        1 => format!("{folder}: the filter leaves nothing of its only run"),
        _ => format!("{folder}: the filter leaves none of {count} runs"),
    }
}

/// Epochs done, of a run that has not ended as a part of all: `3/10`.
fn epochs(run: &RunRecord) -> String {
    match run.is_finished() {
        true => run.epochs().to_string(),
        false => format!("{}/{}", run.epochs(), run.config.training.epochs),
    }
}
