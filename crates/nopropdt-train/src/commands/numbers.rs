//! Flags that are no settings.

use super::UsageError;
use crate::config::fields::field_names;
pub(super) use crate::config::whole::RUNS;
use crate::config::whole::Whole;
use crate::config::{Value, offering};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use nopropdt_blocks::{Readout, Sampler};
use std::fmt::Display;

/// More threads than any machine has cores: a slip of the finger, which could exhaust the system's.
pub(super) const THREADS: Whole = Whole::new("threads", 1, Some(1024));
/// As many as runs.
pub(super) const DRAWS: Whole = Whole::new("draws", 1, RUNS.most);
/// More minutes than a year has: a slip of the finger.
const CHECKPOINT_MINUTES: Whole = Whole::new("checkpoint-minutes", 0, Some(1_000_000));
/// More than any machine has.
const CACHE_MIB: Whole = Whole::new("cache-mib", 0, Some(1 << 30));
/// As many as a split can hold.
const DIAGNOSTICS: Whole = Whole::new("diagnostics", 1, None);
/// The model's blocks set the upper bound.
const STOP_AFTER: Whole = Whole::new("stop-after", 1, None);

/// Parses `--threads`.
pub(super) fn threads(text: &str) -> Result<usize, String> {
    THREADS.parse(text)
}

/// Parses `--checkpoint-minutes`.
pub(super) fn checkpoint_minutes(text: &str) -> Result<u64, String> {
    parsed(CHECKPOINT_MINUTES, text)
}

/// Parses `--cache-mib`.
pub(super) fn cache_mib(text: &str) -> Result<u64, String> {
    parsed(CACHE_MIB, text)
}

fn parsed(range: Whole, text: &str) -> Result<u64, String> {
    let found = range.parse(text)?;
    if range.contains(found) { Ok(found) } else { Err(format!("must be a whole number {}", range.rule())) }
}

/// Parses `--runs`.
pub(super) fn runs(text: &str) -> Result<u64, String> {
    RUNS.parse(text)
}

/// Parses `--draws`.
pub(super) fn draws(text: &str) -> Result<u64, String> {
    DRAWS.parse(text)
}

/// Parses `--diagnostics`.
pub(super) fn diagnostics(text: &str) -> Result<usize, String> {
    parsed(DIAGNOSTICS, text).map(|count| count as usize)
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

/// Parses `--readout`, and lists the names.
pub(super) fn readout() -> impl TypedValueParser<Value = Readout> {
    let named = |name: String| Readout::ALL.into_iter().find(|readout| readout.name() == name);
    let names = PossibleValuesParser::new(Readout::ALL.map(Readout::name));
    names.map(move |name| named(name).expect("one of the possible values"))
}

/// Refuses what is outside the range; `name` is the flag or variable, `found` what it says.
pub(super) fn within(range: &Whole, name: &str, value: u64, found: &dyn Display) -> Result<(), UsageError> {
    if range.contains(value) {
        return Ok(());
    }
    Err(UsageError(format!("{name}: must be {}; found {found}", range.rule())))
}
