//! A table of text, column by column.

use console::{Term, measure_text_width, truncate_str};

/// Between columns.
const GAP: &str = "  ";
/// What of a settings column is worth a look, in characters.
const LEAST_WIDTH: usize = 8;

/// One column: its name, where its values stand, and a value a run.
pub(super) struct Column {
    pub(super) name: &'static str,
    /// Whether it stands at the right.
    pub(super) is_right: bool,
    pub(super) values: Vec<String>,
}

/// The table as wide as the terminal: its last column is cut there if it is one of settings.
pub(super) fn drawn(columns: &[Column]) -> String {
    let terminal = Term::stdout();
    let width =
        terminal.size_checked().filter(|_| terminal.is_term()).map(|(_, columns)| usize::from(columns));
    lines(columns, width)
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
