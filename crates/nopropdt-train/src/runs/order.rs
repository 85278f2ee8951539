//! Runs in order.

use super::record::{RunRecord, number};
use crate::config::Value;
use std::cmp::Ordering;

/// What runs are sorted by. Those without such a value come last, and runs that are equal in it go by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// A key of [`RunRecord::value`].
    pub key: String,
    /// Whether the largest comes first.
    pub descending: bool,
}

impl Order {
    /// By `key`, the best accuracy first, everything else from small to large; by `-KEY`, from large to small.
    pub fn new(key: &str) -> Self {
        match key.strip_prefix('-') {
            Some(key) => Self { key: key.to_owned(), descending: true },
            None => {
                let best_first = ["chain", "consensus"].contains(&key) || key.contains("accuracy");
                Self { key: key.to_owned(), descending: best_first }
            }
        }
    }

    /// The other way round.
    #[must_use]
    pub fn reversed(self) -> Self {
        Self { descending: !self.descending, ..self }
    }

    /// Sorts `runs`.
    pub fn sort(&self, runs: &mut [RunRecord]) {
        runs.sort_by(|one, other| {
            let by_value = match (one.value(&self.key), other.value(&self.key)) {
                (Some(one), Some(other)) if self.descending => compare(&other, &one),
                (Some(one), Some(other)) => compare(&one, &other),
                (one, other) => other.is_some().cmp(&one.is_some()),
            };
            by_value.then_with(|| natural(&one.name, &other.name))
        });
    }
}

/// Numbers by size, before texts.
fn compare(one: &Value, other: &Value) -> Ordering {
    match (number(one), number(other)) {
        (Some(one), Some(other)) => one.total_cmp(&other),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => natural(&one.plain(), &other.plain()),
    }
}

/// As people sort names: `run-2` before `run-10`.
fn natural(one: &str, other: &str) -> Ordering {
    let (mut left, mut right) = (one, other);
    while let (Some(a), Some(b)) = (left.chars().next(), right.chars().next()) {
        let digits = |text: &str| text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (in_left, in_right) = (digits(left), digits(right));
        let (taken, found) = match (in_left, in_right) {
            (0, _) | (_, 0) => ((a.len_utf8(), b.len_utf8()), a.cmp(&b)),
            _ => {
                let plain = |text: &str| text.trim_start_matches('0').to_owned();
                let (a, b) = (plain(&left[..in_left]), plain(&right[..in_right]));
                ((in_left, in_right), a.len().cmp(&b.len()).then_with(|| a.cmp(&b)))
            }
        };
        if found.is_ne() {
            return found;
        }
        (left, right) = (&left[taken.0..], &right[taken.1..]);
    }
    left.len().cmp(&right.len()).then_with(|| one.cmp(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_as_people_do() {
        let mut names = ["run-10", "run-2", "b", "run", "a/é9", "run-02", "a/é10", "run-2x"];
        names.sort_by(|one, other| natural(one, other));
        assert_eq!(names, ["a/é9", "a/é10", "b", "run", "run-02", "run-2", "run-2x", "run-10"]);
    }

    #[test]
    fn accuracies_are_best_first() {
        for (typed, key, descending) in [
            ("accuracy", "accuracy", true),
            ("consensus", "consensus", true),
            ("test_balanced_accuracy", "test_balanced_accuracy", true),
            ("-accuracy", "accuracy", true),
            ("seconds", "seconds", false),
            ("-training.lr", "training.lr", true),
        ] {
            assert_eq!(Order::new(typed), Order { key: key.into(), descending });
        }
        assert!(!Order::new("accuracy").reversed().descending);
    }
}
