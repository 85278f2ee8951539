//! What a grid and each of its arms may say: how often cells are trained and measured, how long that takes, and what it must reach.

use super::error::Mistake;
use super::fields::Fields;
use crate::config::Value;
use crate::config::whole::{RUNS, Whole};
use std::collections::HashSet;

/// Far more seeds than anybody trains.
const MOST_SEEDS: u64 = 1_000;
const AVERAGED: Whole = Whole::new("averaged", 2, RUNS.most);
/// Each method has an upper bound of its own.
const ANSWER_STEPS: Whole = Whole::new("answer-steps", 1, None);

/// What is said; the rest is said elsewhere, or nowhere.
#[derive(Debug, Clone, Default)]
pub(super) struct Terms {
    pub(super) seeds: Option<Vec<u64>>,
    pub(super) runs: Option<usize>,
    pub(super) averaged: Option<usize>,
    pub(super) answer_steps: Option<usize>,
    pub(super) seconds: Option<f64>,
    pub(super) at_least: Option<f64>,
}

impl Terms {
    /// Reads them from a table's keys; of a grid that leaves the test set alone, nothing that is of the test set.
    pub(super) fn read(fields: &mut Fields<'_>, test: bool) -> Result<Self, Mistake> {
        let positive = |seconds: f64| seconds > 0.0 && seconds.is_finite();
        let terms = Self {
            seeds: fields.read("seeds", SEEDS, seeds)?,
            runs: fields.whole(RUNS)?,
            averaged: fields.whole(AVERAGED)?,
            answer_steps: fields.whole(ANSWER_STEPS)?,
            seconds: fields.number("seconds", "above 0 and finite", positive)?,
            at_least: fields.number("at-least", "from 0 to 1", |share| (0.0..=1.0).contains(&share))?,
        };
        let of_tests = [
            ("runs", terms.runs.is_some()),
            ("averaged", terms.averaged.is_some()),
            ("answer-steps", terms.answer_steps.is_some()),
        ];
        match of_tests.iter().find(|(_, said)| *said && !test) {
            None => Ok(terms),
            Some((key, _)) => Err(Mistake {
                place: fields.place(key),
                problem: format!("{key}: must be left out where test = false"),
            }),
        }
    }

    /// These, and those of `below` where these say nothing.
    pub(super) fn over(self, below: &Self) -> Self {
        Self {
            seeds: self.seeds.or_else(|| below.seeds.clone()),
            runs: self.runs.or(below.runs),
            averaged: self.averaged.or(below.averaged),
            answer_steps: self.answer_steps.or(below.answer_steps),
            seconds: self.seconds.or(below.seconds),
            at_least: self.at_least.or(below.at_least),
        }
    }
}

const SEEDS: &str = "a list of different whole numbers, or how many from 0 on (1 to 1000)";

fn seeds(value: &Value) -> Option<Vec<u64>> {
    let whole = |value: &Value| match value {
        Value::Whole(number) => u64::try_from(*number).ok(),
        _ => None,
    };
    match value {
        Value::List(values) => {
            let seeds: Vec<u64> = values.iter().map(whole).collect::<Option<_>>()?;
            let different = seeds.iter().collect::<HashSet<_>>().len() == seeds.len();
            Some(seeds).filter(|seeds| different && !seeds.is_empty() && seeds.len() as u64 <= MOST_SEEDS)
        }
        value => {
            whole(value).filter(|count| (1..=MOST_SEEDS).contains(count)).map(|count| (0..count).collect())
        }
    }
}
