//! Runs for people: a table, as wide as the terminal.

use super::epochs;
use crate::commands::columns::{self, Column};
use crate::commands::percent;
use crate::one_line::one_line;
use crate::runs::{Difference, RunRecord};

/// The table; the last column, of settings, is cut at the edge of a terminal.
pub(super) fn drawn(runs: &[RunRecord], differing: &[Difference]) -> String {
    columns::drawn(&columns(runs, differing))
}

fn columns(runs: &[RunRecord], differing: &[Difference]) -> Vec<Column> {
    let column = |name, is_right, value: &dyn Fn(&RunRecord) -> String| Column {
        name,
        is_right,
        values: runs.iter().map(|run| one_line(&value(run))).collect(),
    };
    let share = |share: Option<f64>| share.map_or_else(|| "–".to_owned(), percent);
    let mut columns = vec![
        column("name", false, &|run| run.name.clone()),
        column("method", false, &|run| run.config.method.name.clone()),
        column("block", false, &|run| run.config.block.name.clone()),
        column("dataset", false, &RunRecord::dataset),
    ];
    // Without an answer of its own a run is as good as its chain.
    if runs.iter().any(|run| run.answer().is_some()) {
        columns.push(column("accuracy", true, &|run| share(run.accuracy())));
    }
    columns.push(column("chain", true, &|run| share(run.chain())));
    columns.push(column("consensus", true, &|run| share(run.consensus())));
    columns.push(column("epochs", true, &epochs));
    columns.push(column("seconds", true, &|run| format!("{:.1}", run.seconds())));
    if !differing.is_empty() {
        columns.push(column("settings", false, &|run| settings(run, differing)));
    }
    columns
}

/// `lr=0.01 steps=20`; what a run has not is left out.
fn settings(run: &RunRecord, differing: &[Difference]) -> String {
    let told = differing
        .iter()
        .filter_map(|Difference { key, name }| Some(format!("{name}={}", run.settings.get(key)?.plain())));
    told.collect::<Vec<_>>().join(" ")
}
