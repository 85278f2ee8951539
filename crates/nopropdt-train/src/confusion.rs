//! Which classes are taken for which.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Counts of answers by true class and answered class. Memory grows with the pairs that occur, not with the square of the classes. Files
/// have it as a list of rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Vec<u64>>", into = "Vec<Vec<u64>>")]
pub struct Confusion {
    classes: usize,
    /// Of (true class, answered class); none is 0.
    counts: BTreeMap<(usize, usize), u64>,
}

impl Confusion {
    /// No answers of a network of `classes` classes.
    pub fn none(classes: usize) -> Self {
        Self { classes, counts: BTreeMap::new() }
    }

    /// m.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Counts an answer to an input of class `label`.
    ///
    /// # Panics
    /// When a class is not below [`Confusion::classes`].
    pub fn add(&mut self, label: usize, answer: usize) {
        assert!(
            label < self.classes && answer < self.classes,
            "confusion: classes must be below {}; found {label} and {answer}",
            self.classes
        );
        *self.counts.entry((label, answer)).or_insert(0) += 1;
    }

    /// Adds the counts of another of as many classes.
    ///
    /// # Panics
    /// When the classes differ in number.
    pub fn plus(&mut self, other: &Self) {
        assert_eq!(self.classes, other.classes, "confusion: must be of as many classes");
        for (&pair, count) in &other.counts {
            *self.counts.entry(pair).or_insert(0) += count;
        }
    }

    /// (true class, answered class, how often), of the pairs that occur, in the order of the classes.
    pub fn pairs(&self) -> impl Iterator<Item = (usize, usize, u64)> {
        self.counts.iter().map(|(&(label, answer), &count)| (label, answer, count))
    }

    /// How many inputs of class `label` were answered with `answer`.
    pub fn of(&self, label: usize, answer: usize) -> u64 {
        self.counts.get(&(label, answer)).copied().unwrap_or(0)
    }

    /// Right answers of each class.
    pub fn hits(&self) -> Vec<usize> {
        self.sums(|label, answer| (label == answer).then_some(label))
    }

    /// Inputs of each class.
    pub fn of_class(&self) -> Vec<usize> {
        self.sums(|label, _| Some(label))
    }

    /// Answers that named each class.
    pub fn answered(&self) -> Vec<usize> {
        self.sums(|_, answer| Some(answer))
    }

    /// Sums of the counts of pairs by the class that `class` gives them.
    fn sums(&self, class: impl Fn(usize, usize) -> Option<usize>) -> Vec<usize> {
        let mut sums = vec![0; self.classes];
        for (label, answer, count) in self.pairs() {
            if let Some(class) = class(label, answer) {
                sums[class] += count as usize;
            }
        }
        sums
    }
}

impl From<Confusion> for Vec<Vec<u64>> {
    fn from(confusion: Confusion) -> Self {
        let mut rows = vec![vec![0; confusion.classes]; confusion.classes];
        confusion.pairs().for_each(|(label, answer, count)| rows[label][answer] = count);
        rows
    }
}

impl TryFrom<Vec<Vec<u64>>> for Confusion {
    type Error = String;

    fn try_from(rows: Vec<Vec<u64>>) -> Result<Self, String> {
        let classes = rows.len();
        if let Some(row) = rows.iter().find(|row| row.len() != classes) {
            return Err(format!(
                "confusion: each of {classes} rows must have as many counts; found {}",
                row.len()
            ));
        }
        let of_row = |(label, row): (usize, Vec<u64>)| {
            row.into_iter().enumerate().map(move |(answer, count)| ((label, answer), count))
        };
        let counts = rows.into_iter().enumerate().flat_map(of_row).filter(|(_, count)| *count > 0);
        Ok(Self { classes, counts: counts.collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_the_answers() {
        let mut confusion = Confusion::none(3);
        for (label, answer) in [(0, 0), (0, 0), (0, 1), (1, 1), (1, 2)] {
            confusion.add(label, answer);
        }
        assert_eq!(confusion.hits(), [2, 1, 0]);
        assert_eq!(confusion.of_class(), [3, 2, 0]);
        assert_eq!(confusion.answered(), [2, 2, 1]);
        assert_eq!((confusion.of(0, 0), confusion.of(0, 2), confusion.pairs().count()), (2, 0, 4));
        let more = confusion.clone();
        confusion.plus(&more);
        assert_eq!(serde_json::to_string(&confusion).unwrap(), "[[4,2,0],[0,2,2],[0,0,0]]");
        assert_eq!(serde_json::from_str::<Confusion>("[[4,2,0],[0,2,2],[0,0,0]]").unwrap(), confusion);
        assert!(serde_json::from_str::<Confusion>("[[4,2],[0]]").is_err());
    }

    #[test]
    #[should_panic(expected = "classes must be below 3; found 1 and 3")]
    fn a_class_beyond_the_classes_is_told() {
        Confusion::none(3).add(1, 3);
    }
}
