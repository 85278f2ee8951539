//! Runs as their folders tell of them, whoever trains them.

use crate::app::App;
use crate::reply::{Refusal, encode};
use nopropdt_train::config::Table;
use nopropdt_train::metrics::{EpochMetrics, Summary};
use nopropdt_train::runs::{Collection, Difference, ListedRun, RunRecord, differing_settings};
use serde::Serialize;
use std::fs;

/// A run as `nopropdt-train runs --json` tells of it, with what a page wants to know beside it. Accuracies are fractions.
#[derive(Serialize)]
struct Listed<'a> {
    #[serde(flatten)]
    run: ListedRun<'a>,
    /// Seconds since its folder changed last, where the system tells.
    age_seconds: Option<f64>,
    /// Whether a network is saved, to be asked.
    has_model: bool,
}

#[derive(Serialize)]
struct List<'a> {
    runs: Vec<Listed<'a>>,
    /// What is wrong with each run that can't be read.
    broken: Vec<String>,
}

/// One run, with every epoch.
#[derive(Serialize)]
struct One<'a> {
    run: Listed<'a>,
    settings: &'a Table,
    metrics: &'a [EpochMetrics],
    summary: Option<&'a Summary>,
}

fn listed<'a>(run: &'a RunRecord, differing: &'a [Difference]) -> Listed<'a> {
    let changed = fs::metadata(&run.folder).and_then(|folder| folder.modified());
    let age = changed.ok().and_then(|changed| changed.elapsed().ok());
    Listed {
        run: ListedRun::new(run, differing),
        age_seconds: age.map(|age| age.as_secs_f64()),
        has_model: run.model_file().is_file(),
    }
}

/// Every run, as JSON.
pub(crate) fn list(app: &App) -> Result<String, Refusal> {
    let folder = app.runs()?;
    let Collection { runs, broken } = Collection::read(folder, &app.registry)
        .map_err(|error| Refusal::failed(format!("{}: can't be read: {error}", folder.display())))?;
    let differing = differing_settings(&runs);
    let runs = runs.iter().map(|run| listed(run, &differing)).collect();
    encode(&List { runs, broken: broken.iter().map(ToString::to_string).collect() })
}

/// The run called `name`.
pub(crate) fn record(app: &App, name: &str) -> Result<RunRecord, Refusal> {
    RunRecord::read(&app.run_folder(name)?, name, &app.registry).map_err(Refusal::failed)
}

/// The run called `name` and its epochs, as JSON.
pub(crate) fn one(app: &App, name: &str) -> Result<String, Refusal> {
    let run = record(app, name)?;
    encode(&One {
        run: listed(&run, &[]),
        settings: &run.settings,
        metrics: &run.metrics,
        summary: run.summary.as_ref(),
    })
}
