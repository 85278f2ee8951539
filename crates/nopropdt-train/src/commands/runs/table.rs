//! Runs for people: a table, as wide as the terminal.

use super::epochs;
use crate::commands::percent;
use crate::one_line::one_line;
use crate::runs::{Difference, RunRecord};
use console::{Term, measure_text_width, truncate_str};

/// Between columns.
const GAP: &str = "  ";
/// What of a settings column is worth a look, in characters.
const LEAST_WIDTH: usize = 8;

/// One column: its name, where its values stand, and a value a run.
struct Column {
    name: &'static str,
    is_right: bool,
    values: Vec<String>,
}

/// The table; the last column, of settings, is cut at the edge of a terminal.
pub(super) fn drawn(runs: &[RunRecord], differing: &[Difference]) -> String {
    let terminal = Term::stdout();
    let width =
        terminal.size_checked().filter(|_| terminal.is_term()).map(|(_, columns)| usize::from(columns));
    lines(&columns(runs, differing), width)
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

fn lines(columns: &[Column], width: Option<usize>) -> String {
    let widest = |column: &Column| {
        let values = column.values.iter().map(|value| measure_text_width(value));
        values.max().unwrap_or(0).max(measure_text_width(column.name))
    };
    let widths: Vec<usize> = columns.iter().map(widest).collect();
    let count = columns.first().map_or(0, |column| column.values.len());
    let line = |cell: &dyn Fn(&Column) -> &str| {
        let cells = columns.iter().zip(&widths).map(|(column, &width)| {
            let (cell, fill) = (cell(column), width.saturating_sub(measure_text_width(cell(column))));
            if column.is_right { " ".repeat(fill) + cell } else { cell.to_owned() + &" ".repeat(fill) }
        });
        cells.collect::<Vec<_>>().join(GAP).trim_end().to_owned()
    };
    // Only settings may be cut: what is before them is left whole, and wraps on a terminal that is too narrow even for that.
    let before: usize = widths.iter().rev().skip(1).map(|width| width + GAP.len()).sum();
    let has_settings = columns.last().is_some_and(|column| column.name == "settings");
    let fitting = |line: String| match width {
        Some(width) if has_settings => truncate_str(&line, width.max(before + LEAST_WIDTH), "…").into_owned(),
        _ => line,
    };
    let head = line(&|column| column.name);
    let rows = (0..count).map(|row| line(&|column| &column.values[row]));
    std::iter::once(head).chain(rows).map(fitting).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_settings_are_cut() {
        let column = |name, is_right, values: [&str; 2]| Column {
            name,
            is_right,
            values: values.map(str::to_owned).to_vec(),
        };
        let columns = [
            column("name", false, ["a", "长-long"]),
            column("epochs", true, ["3/10", "20"]),
            column("settings", false, ["lr=0.1 steps=20", "lr=1"]),
        ];
        let whole = "name     epochs  settings\na          3/10  lr=0.1 steps=20\n长-long      20  lr=1";
        assert_eq!(lines(&columns, None), whole);
        assert_eq!(lines(&columns, Some(32)), whole);
        assert_eq!(lines(&columns, Some(26)), whole.replace("lr=0.1 steps=20", "lr=0.1 s…"));
        // Too narrow for anything.
        assert_eq!(lines(&columns, Some(5)), whole.replace("lr=0.1 steps=20", "lr=0.1 …"));
        assert_eq!(lines(&columns[..2], Some(5)), "name     epochs\na          3/10\n长-long      20");
    }
}
