//! A row of a table: an arm of a grid, by what the paper's tables have it.

use super::data::Data;
use super::profile::Profile;
use nopropdt_train::config::{Preset, Value};
use nopropdt_train::experiments::{ArmResults, Outcome};
use nopropdt_train::statistics::{OverSeeds, PairedDifference};

/// An arm with its results, by dataset, method, embedding and variation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row<'g> {
    pub(super) profile: Profile,
    pub(super) data: Data,
    pub(super) results: &'g ArmResults<'g>,
}

/// What is said of a row that departs in nothing.
const NO_DEPARTURE: &str = "none";

/// A figure of a cell.
pub(super) type Figure = fn(&Outcome) -> Option<f64>;

impl<'g> Row<'g> {
    pub(super) fn name(&self) -> &'g str {
        self.results.arm.name()
    }

    pub(super) fn method(&self) -> &'g str {
        &self.results.arm.config().method.name
    }

    pub(super) fn embedding(&self) -> String {
        Value::of(&self.results.arm.config().embedding.kind).plain()
    }

    /// What its name says beyond dataset, method and embedding.
    pub(super) fn variation(&self) -> Option<&'g str> {
        let (name, plain) =
            (self.name(), format!("{}-{}-{}", self.data.key(), self.method(), self.embedding()));
        match name.strip_prefix(&plain) {
            Some(rest) => rest.strip_prefix('-'),
            None => name.strip_prefix(self.data.key())?.strip_prefix('-'),
        }
    }

    pub(super) fn seeds(&self) -> usize {
        self.results.outcomes().count()
    }

    /// Each seed's figure.
    pub(super) fn each(&self, figure: Figure) -> Vec<(u64, f64)> {
        self.results.outcomes().filter_map(|(seed, outcome)| Some((seed, figure(outcome)?))).collect()
    }

    pub(super) fn over_seeds(&self, figure: Figure) -> Option<OverSeeds> {
        OverSeeds::of(&self.each(figure).iter().map(|(_, value)| *value).collect::<Vec<_>>())
    }

    /// Minus another row, seed by seed.
    pub(super) fn minus(&self, figure: Figure, other: &Row<'_>, others: Figure) -> Option<PairedDifference> {
        PairedDifference::of(&self.each(figure), &other.each(others))
    }

    /// Mean seconds of training.
    pub(super) fn seconds(&self) -> String {
        let seconds = self.over_seeds(|outcome| Some(outcome.seconds));
        seconds.map_or_else(String::new, |of| format!("{:.0}", of.mean))
    }

    /// Seeds that were run of those that are wanted.
    pub(super) fn progress(&self) -> String {
        let (done, all) = (self.seeds(), self.results.cells.len());
        if done == all { all.to_string() } else { format!("{done} of {all}") }
    }

    /// Whether its settings and its measurement are the paper's.
    pub(super) fn is_the_papers(&self) -> bool {
        self.departures() == NO_DEPARTURE
    }

    /// Where its settings are not the paper's, each with the paper's value in brackets.
    pub(super) fn departures(&self) -> String {
        let plain = |value: Option<Value>| value.map_or_else(|| "–".into(), |value| value.plain());
        let each = self.results.arm.config().departures(Preset::Paper).unwrap_or_default();
        let each =
            each.into_iter().map(|of| format!("{} {} ({})", of.name, plain(of.value), plain(of.of_preset)));
        let mut each: Vec<String> = each.collect();
        if let Some(steps) = self.results.arm.cells()[0].measure.steps {
            each.push(format!("answered in {steps} steps"));
        }
        if each.is_empty() { NO_DEPARTURE.into() } else { each.join(", ") }
    }
}

/// Accuracy of block 1 alone: the mean over draws.
pub(super) fn first_block(outcome: &Outcome) -> Option<f64> {
    mean(outcome.draws.iter().filter_map(|draw| draw.per_block.first().copied()))
}

/// Mean accuracy of the blocks, each alone, over draws.
pub(super) fn mean_of_blocks(outcome: &Outcome) -> Option<f64> {
    mean(outcome.draws.iter().flat_map(|draw| draw.per_block.iter().copied()))
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let values: Vec<f64> = values.collect();
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// In percent: a mean over seeds, with its standard error where there are several.
pub(super) fn percent(of: Option<OverSeeds>) -> String {
    match of {
        None => String::new(),
        Some(OverSeeds { mean, standard_error: None, .. }) => format!("{:.2}", 100.0 * mean),
        Some(OverSeeds { mean, standard_error: Some(error), .. }) => {
            format!("{:.2} ± {:.2}", 100.0 * mean, 100.0 * error)
        }
    }
}
