//! Flags that are no settings.

use super::UsageError;
use crate::config::fields::field_names;
use crate::config::whole::Whole;
use crate::config::{Value, offering};
use clap::builder::TypedValueParser;
use nopropdt_blocks::Sampler;
use std::fmt::Display;

/// More threads than any machine has cores: a slip of the finger, which could exhaust the system's.
pub(super) const THREADS: Whole = Whole::new("threads", 1, Some(1024));
/// Far more than any standard error needs.
pub(super) const RUNS: Whole = Whole::new("runs", 1, Some(10_000));
/// As [`RUNS`].
pub(super) const DRAWS: Whole = Whole::new("draws", 1, Some(10_000));
/// The model's blocks set the upper bound.
const STOP_AFTER: Whole = Whole::new("stop-after", 1, None);

/// Parses `--threads`.
pub(super) fn threads(text: &str) -> Result<usize, String> {
    THREADS.parse(text)
}

/// Parses `--runs`.
pub(super) fn runs(text: &str) -> Result<u64, String> {
    RUNS.parse(text)
}

/// Parses `--draws`.
pub(super) fn draws(text: &str) -> Result<u64, String> {
    DRAWS.parse(text)
}

/// Parses `--stop-after`.
pub(super) fn stop_after(text: &str) -> Result<usize, String> {
    STOP_AFTER.parse(text)
}

/// Parses `--sampler`.
pub(super) fn sampler() -> impl TypedValueParser<Value = Sampler> {
    let names = field_names::<Sampler>().iter().map(|&name| (name, ""));
    offering(names.collect(), |text: &str| {
        Value::Text(text.to_owned()).read::<Sampler>().map_err(|error| error.to_string())
    })
}

/// Refuses what is outside the range; `name` is the flag or variable, `found` what it says.
pub(super) fn within(range: &Whole, name: &str, value: u64, found: &dyn Display) -> Result<(), UsageError> {
    if range.contains(value) {
        return Ok(());
    }
    Err(UsageError(format!("{name}: must be {}; found {found}", range.rule())))
}
