//! Every cell: what it reached draw by draw, and where; and the choice of settings on validation images.

use super::super::row::{Row, percent};
use super::mixture;
use nopropdt_train::evaluation::RunAccuracy;
use std::fmt::{Result, Write};

/// What was chosen on validation images, and from what.
pub(super) fn choice(text: &mut String, rows: &[Row<'_>]) -> Result {
    writeln!(
        text,
        "## Choice of settings\n\nAccuracy on validation images in percent, NoProp-DT, one seed ([rules](protocol.md#choosing)). The dropout with the better chain is that of the controls, of `quick` and of `figures` on the dataset; as long as a dataset's rows are not run, its dropout there is not chosen yet. No accuracy on the test set was kept.\n"
    )?;
    writeln!(
        text,
        "| cell | chain | consensus | seeds | seconds | departures (Table 3) |\n| --- | --- | --- | --- | --- | --- |"
    )?;
    for row in rows {
        let chain = row.over_seeds(|outcome| outcome.validation.map(|of| of.chain));
        let consensus = row.over_seeds(|outcome| outcome.validation.map(|of| of.consensus));
        let chain = if row.seeds() == 0 { "not run".into() } else { percent(chain) };
        writeln!(
            text,
            "| {} | {chain} | {} | {} | {} | {} |",
            row.name(),
            percent(consensus),
            row.progress(),
            row.seconds(),
            row.departures()
        )?;
    }
    writeln!(text, "\n{}", mixture(rows))
}

/// `folder` is the page's own, relative to the page.
pub(super) fn section(text: &mut String, rows: &[Row<'_>], folder: &str) -> Result {
    writeln!(
        text,
        "## Every cell\n\nThe accuracy of each draw, in percent; the file of a cell has the same of every block, and all settings.\n"
    )?;
    writeln!(
        text,
        "| cell | chain, draw by draw | consensus, draw by draw | seconds | threads | processor | kernels | commit | date |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- |"
    )?;
    for row in rows {
        for (cell, outcome) in &row.results.cells {
            let Some(outcome) = outcome else { continue };
            let draws = |of: fn(&RunAccuracy) -> f64| {
                outcome
                    .draws
                    .iter()
                    .map(|draw| format!("{:.2}", 100.0 * of(draw)))
                    .collect::<Vec<_>>()
                    .join(" ")
            };
            writeln!(
                text,
                "| [{name}]({folder}/cells/{}/{name}.json) | {} | {} | {:.0} | {} | {} | {}, {} | {} | {} |",
                row.profile.name(),
                draws(|draw| draw.chain),
                draws(|draw| draw.consensus),
                outcome.seconds,
                outcome.threads,
                outcome.origin.processor,
                outcome.precision,
                outcome.isa,
                outcome.origin.commit,
                outcome.origin.date,
                name = cell.name,
            )?;
        }
    }
    writeln!(text)
}
