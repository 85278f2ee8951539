//! Runs for machines.

use crate::config::{Table, Value};
use crate::metrics::Summary;
use crate::runs::{Difference, RunRecord};
use serde::Serialize;
use std::collections::BTreeMap;

/// A run in the list that `--json` prints. Accuracies are fractions.
#[derive(Serialize)]
struct Listed<'a> {
    name: &'a str,
    folder: String,
    method: &'a str,
    block: &'a str,
    dataset: String,
    finished: bool,
    accuracy: Option<f64>,
    chain: Option<f64>,
    consensus: Option<f64>,
    epochs: usize,
    epochs_planned: usize,
    seconds: f64,
    /// Settings in which the runs differ; null where this one has it not.
    differing: BTreeMap<&'a str, Option<&'a Value>>,
    settings: &'a Table,
    summary: Option<&'a Summary>,
}

/// The runs in one line of JSON.
pub(super) fn list(runs: &[RunRecord], differing: &[Difference]) -> serde_json::Result<String> {
    let listed = |run| listed(run, differing);
    serde_json::to_string(&runs.iter().map(listed).collect::<Vec<_>>())
}

fn listed<'a>(run: &'a RunRecord, differing: &'a [Difference]) -> Listed<'a> {
    Listed {
        name: &run.name,
        folder: run.folder.display().to_string(),
        method: &run.config.method.name,
        block: &run.config.block.name,
        dataset: run.dataset(),
        finished: run.is_finished(),
        accuracy: run.accuracy(),
        chain: run.chain(),
        consensus: run.consensus(),
        epochs: run.epochs(),
        epochs_planned: run.config.training.epochs,
        seconds: run.seconds(),
        differing: differing
            .iter()
            .map(|setting| (setting.key.as_str(), run.settings.get(&setting.key)))
            .collect(),
        settings: &run.settings,
        summary: run.summary.as_ref(),
    }
}
