//! Means and their errors.

mod seeds;
mod student;

pub use seeds::{OverSeeds, PairedDifference};
pub use student::student_t;

use serde::{Deserialize, Serialize};

/// Mean of some values and its standard error.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// Mean.
    pub mean: f64,
    /// Standard error of the mean; 0 for a single value.
    pub standard_error: f64,
}

impl Measured {
    /// Of all values together; NaN of none.
    pub fn of(values: &[f64]) -> Self {
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        if values.len() < 2 {
            return Self { mean, standard_error: 0.0 };
        }
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0);
        Self { mean, standard_error: (variance / count).sqrt() }
    }

    /// Of several lists of values as if they were one, each told by its length, mean and error; none of no values.
    pub fn pooled(parts: &[(usize, Self)]) -> Option<Self> {
        let count: usize = parts.iter().map(|part| part.0).sum();
        if count == 0 {
            return None;
        }
        let total = count as f64;
        let mean = parts.iter().map(|(count, part)| *count as f64 * part.mean).sum::<f64>() / total;
        if count == 1 {
            return Some(Self { mean, standard_error: 0.0 });
        }
        // Squared deviations within a list, from its error, and of the lists' means from the common one.
        let squares = parts.iter().map(|(count, part)| {
            let count = *count as f64;
            part.standard_error.powi(2) * count * (count - 1.0) + count * (part.mean - mean).powi(2)
        });
        let variance = squares.sum::<f64>() / (total - 1.0);
        Some(Self { mean, standard_error: (variance / total).sqrt() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn standard_error_of_known_values() {
        let found = Measured::of(&[1.0, 2.0, 3.0, 4.0]);
        assert_eq!(found.mean, 2.5);
        assert!((found.standard_error - (5.0f64 / 3.0 / 4.0).sqrt()).abs() < 1e-15);
        assert_eq!(Measured::of(&[0.5]), Measured { mean: 0.5, standard_error: 0.0 });
    }

    #[test]
    fn pooling_is_the_statistics_of_all_values_together() {
        let lists = [vec![0.9, 0.91, 0.95], vec![0.8, 0.85, 0.85, 0.8], vec![0.99, 0.9]];
        let parts: Vec<(usize, Measured)> =
            lists.iter().map(|list| (list.len(), Measured::of(list))).collect();
        let (found, all) = (Measured::pooled(&parts).unwrap(), Measured::of(&lists.concat()));
        assert!((found.mean - all.mean).abs() < 1e-12);
        assert!((found.standard_error - all.standard_error).abs() < 1e-12);
        assert_eq!(Measured::pooled(&[]), None);
        assert_eq!(Measured::pooled(&[(1, parts[0].1)]).unwrap().standard_error, 0.0);
    }
}
