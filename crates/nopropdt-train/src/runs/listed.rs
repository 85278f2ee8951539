//! A run in a list for machines.

use super::{Difference, RunRecord};
use crate::config::Value;
use serde::Serialize;
use std::collections::BTreeMap;

/// What lists of runs in JSON say of each: `runs --json`, and the HTTP API of nopropdt-serve. Accuracies are fractions.
#[derive(Debug, Clone, Serialize)]
pub struct ListedRun<'a> {
    name: &'a str,
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
}

impl<'a> ListedRun<'a> {
    /// A run among others, from which it differs in these settings.
    pub fn new(run: &'a RunRecord, differing: &'a [Difference]) -> Self {
        Self {
            name: &run.name,
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
        }
    }
}
