//! Runs for machines.

use crate::config::Table;
use crate::metrics::Summary;
use crate::runs::{Difference, ListedRun, RunRecord};
use serde::Serialize;

/// A run in the list that `--json` prints.
#[derive(Serialize)]
struct Listed<'a> {
    #[serde(flatten)]
    run: ListedRun<'a>,
    folder: String,
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
        run: ListedRun::new(run, differing),
        folder: run.folder.display().to_string(),
        settings: &run.settings,
        summary: run.summary.as_ref(),
    }
}
