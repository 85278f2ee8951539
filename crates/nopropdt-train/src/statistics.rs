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
}
