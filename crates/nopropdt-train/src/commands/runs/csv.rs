//! Runs for spreadsheets.

use crate::config::Value;
use crate::csv::line;
use crate::runs::{Difference, RunRecord};

/// The columns before those of settings.
const HEAD: [&str; 11] = [
    "name",
    "method",
    "block",
    "dataset",
    "accuracy",
    "chain",
    "consensus",
    "epochs",
    "epochs_planned",
    "finished",
    "seconds",
];

/// A line of names, then a line a run (RFC 4180, with line feeds). Accuracies are fractions; what a run has not is empty.
pub(super) fn lines(runs: &[RunRecord], differing: &[Difference]) -> String {
    let head = HEAD.into_iter().chain(differing.iter().map(|setting| setting.key.as_str()));
    let mut text = line(&head.map(str::to_owned).collect::<Vec<_>>()) + "\n";
    for run in runs {
        let number = |number: Option<f64>| number.map_or_else(String::new, |number| number.to_string());
        let fixed = [
            run.name.clone(),
            run.config.method.name.clone(),
            run.config.block.name.clone(),
            run.dataset(),
            number(run.accuracy()),
            number(run.chain()),
            number(run.consensus()),
            run.epochs().to_string(),
            run.config.training.epochs.to_string(),
            run.is_finished().to_string(),
            run.seconds().to_string(),
        ];
        let settings = differing
            .iter()
            .map(|setting| run.settings.get(&setting.key).map_or_else(String::new, Value::plain));
        text += &line(&fixed.into_iter().chain(settings).collect::<Vec<_>>());
        text += "\n";
    }
    text
}
