//! `metrics.csv`: what an epoch's line of `metrics.jsonl` says, as a row of a table.

use crate::csv;
use crate::metrics::{EpochMetrics, Measured};
use serde_json::Value;

/// The table of these epochs, for a method with so many read-outs: a line of names, then a line an epoch. It has every column from the
/// first epoch on, those of later measurements too; what an epoch does not have is empty. Numbers are written as in `metrics.jsonl`.
pub(crate) fn metrics_csv(epochs: &[EpochMetrics], readouts: usize) -> String {
    let columns = Columns::of(epochs, readouts);
    let names = EpochMetrics::default();
    let names = names.measured().into_iter().flat_map(|(key, kind)| columns.names(key, &kind));
    let mut text = csv::line(&names.collect::<Vec<_>>()) + "\n";
    for epoch in epochs {
        let cells = epoch.measured().into_iter().flat_map(|(_, value)| columns.cells(&value));
        text += &csv::line(&cells.collect::<Vec<_>>());
        text += "\n";
    }
    text
}

/// How many columns a value of each block takes.
struct Columns {
    losses: usize,
    readouts: usize,
}

impl Columns {
    fn of(epochs: &[EpochMetrics], readouts: usize) -> Self {
        let mut columns = Self { losses: 0, readouts };
        for (_, value) in epochs.iter().flat_map(EpochMetrics::measured) {
            match value {
                Measured::Losses(values) => columns.losses = columns.losses.max(values.len()),
                Measured::Readouts(shares) => columns.readouts = columns.readouts.max(shares.len()),
                _ => {}
            }
        }
        columns
    }

    /// Names of the columns of a value.
    fn names(&self, key: &str, kind: &Measured<'_>) -> Vec<String> {
        let numbered = |count: usize| (1..=count).map(|number| format!("{key}_{number}")).collect();
        match kind {
            Measured::Losses(_) => numbered(self.losses),
            Measured::Readouts(_) => numbered(self.readouts),
            Measured::Parts(parts) => parts.iter().map(|(part, _)| format!("{key}_{part}")).collect(),
            _ => vec![key.to_owned()],
        }
    }

    /// What stands in them.
    fn cells(&self, value: &Measured<'_>) -> Vec<String> {
        let padded = |values: &[f64], count: usize| {
            let values = values.iter().map(|&value| Some(value)).chain(std::iter::repeat(None));
            values.take(count).map(cell).collect()
        };
        match value {
            Measured::Epoch(number) => vec![number.to_string()],
            Measured::Number(number) => vec![cell(Some(*number))],
            Measured::Fraction(share) => vec![cell(*share)],
            Measured::Losses(values) => padded(values, self.losses),
            Measured::Readouts(shares) => padded(shares, self.readouts),
            Measured::Parts(parts) => parts.iter().map(|&(_, part)| cell(part)).collect(),
            Measured::Answer(readout) => vec![readout.map_or_else(String::new, |at| at.to_string())],
        }
    }
}

fn cell(value: Option<f64>) -> String {
    value.map_or_else(String::new, |value| Value::from(value).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostics::SharedSets;
    use nopropdt_blocks::Readout;

    #[test]
    fn columns_are_there_before_they_are_filled() {
        let unmeasured = EpochMetrics {
            epoch: 1,
            seconds: 2.0,
            train_loss: vec![0.5, 1e-7],
            learning_rate: 1e-3,
            shared: Some(SharedSets { head_norm: Some(0.1), ..SharedSets::default() }),
            ..EpochMetrics::default()
        };
        let measured = EpochMetrics {
            epoch: 2,
            test_accuracy: Some(0.75),
            test_accuracy_per_block: vec![0.25, 0.5, 0.75],
            readout: Some(Readout::Chain),
            ..unmeasured.clone()
        };
        let first = metrics_csv(std::slice::from_ref(&unmeasured), 3);
        let both = metrics_csv(&[unmeasured, measured], 3);
        assert!(both.starts_with(&first), "{both}");
        let lines: Vec<Vec<&str>> = both.lines().map(|line| line.split(',').collect()).collect();
        assert!(lines.iter().all(|line| line.len() == lines[0].len()), "{both}");
        let of = |row: usize, name: &str| lines[row][lines[0].iter().position(|own| *own == name).unwrap()];
        assert_eq!(lines[0][..5], ["epoch", "seconds", "train_loss_1", "train_loss_2", "total_1"]);
        assert_eq!(lines[1][..5], ["1", "2.0", "0.5", "1e-7", ""]);
        assert_eq!((of(1, "shared_head_norm"), of(1, "shared_embedding_norm")), ("0.1", ""));
        assert_eq!((of(1, "test_accuracy_per_block_3"), of(2, "test_accuracy_per_block_3")), ("", "0.75"));
        assert_eq!((of(1, "readout"), of(2, "readout"), of(2, "learning_rate")), ("", "chain", "0.001"));
    }

    #[test]
    fn a_run_without_epochs_has_the_names_alone() {
        let text = metrics_csv(&[], 2);
        assert_eq!(text.lines().count(), 1);
        assert!(text.contains(",test_accuracy_per_block_1,test_accuracy_per_block_2,"), "{text}");
    }
}
