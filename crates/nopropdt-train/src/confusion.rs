//! Which classes are taken for which.

use crate::class_balance::balanced_accuracy;
use serde::{Deserialize, Serialize};

/// Counts of answers by true class and answered class. Files have it as a list of rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Vec<u64>>", into = "Vec<Vec<u64>>")]
pub struct Confusion {
    classes: usize,
    /// [m, m], a row for each true class.
    counts: Vec<u64>,
}

impl Confusion {
    /// No answers of a network of `classes` classes.
    pub fn none(classes: usize) -> Self {
        Self { classes, counts: vec![0; classes * classes] }
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
        self.counts[label * self.classes + answer] += 1;
    }

    /// Adds the counts of another of as many classes.
    ///
    /// # Panics
    /// When the classes differ in number.
    pub fn plus(&mut self, other: &Self) {
        assert_eq!(self.classes, other.classes, "confusion: must be of as many classes");
        self.counts.iter_mut().zip(&other.counts).for_each(|(sum, more)| *sum += more);
    }

    /// The counts row by row: of the inputs of a class, how many were answered with each class.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[u64]> {
        self.counts.chunks_exact(self.classes.max(1))
    }

    /// Right answers of each class.
    pub fn hits(&self) -> Vec<usize> {
        (0..self.classes).map(|class| self.counts[class * (self.classes + 1)] as usize).collect()
    }

    /// Inputs of each class.
    pub fn of_class(&self) -> Vec<usize> {
        self.rows().map(|row| row.iter().sum::<u64>() as usize).collect()
    }

    /// Answers that named each class.
    pub fn answered(&self) -> Vec<usize> {
        let mut sums = vec![0; self.classes];
        for row in self.rows() {
            sums.iter_mut().zip(row).for_each(|(sum, &count)| *sum += count as usize);
        }
        sums
    }

    /// Share of right answers; NaN without answers.
    pub fn accuracy(&self) -> f64 {
        let (hits, all) = (self.hits().iter().sum::<usize>(), self.counts.iter().sum::<u64>());
        hits as f64 / all as f64
    }

    /// Mean over the classes that have inputs of the share of right answers.
    pub fn balanced_accuracy(&self) -> f64 {
        balanced_accuracy(&self.hits(), &self.of_class())
    }
}

impl From<Confusion> for Vec<Vec<u64>> {
    fn from(confusion: Confusion) -> Self {
        confusion.rows().map(<[u64]>::to_vec).collect()
    }
}

impl TryFrom<Vec<Vec<u64>>> for Confusion {
    type Error = String;

    fn try_from(rows: Vec<Vec<u64>>) -> Result<Self, String> {
        let classes = rows.len();
        match rows.iter().find(|row| row.len() != classes) {
            Some(row) => Err(format!(
                "confusion: each of {classes} rows must have as many counts; found {}",
                row.len()
            )),
            None => Ok(Self { classes, counts: rows.concat() }),
        }
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
        assert_eq!(confusion.accuracy(), 0.6);
        // Two of three and one of two; nothing is known of the class without inputs.
        assert!((confusion.balanced_accuracy() - (2.0 / 3.0 + 0.5) / 2.0).abs() < 1e-15);
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
