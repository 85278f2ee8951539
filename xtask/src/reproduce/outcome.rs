//! What came of cells, and of several together.

use super::origin::Origin;
use serde::{Deserialize, Serialize};

/// Mean and standard error over some runs, fractions.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Measured {
    pub(super) mean: f64,
    pub(super) standard_error: f64,
}

/// One cell's result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Outcome {
    pub(super) runs: usize,
    /// The paper's answer.
    pub(super) chain: Measured,
    pub(super) consensus: Measured,
    /// The same two of five averaged draws.
    pub(super) averaged: Option<[Measured; 2]>,
    /// Of training alone.
    pub(super) train_seconds: f64,
    pub(super) precision: String,
    pub(super) isa: String,
    /// Where it was measured; unknown of results that are older than this field.
    pub(super) origin: Option<Origin>,
}

/// Mean and standard error over the runs of several cells, as if they were one list: each cell tells its own mean and error.
pub(super) fn pooled(parts: &[(usize, Measured)]) -> Option<Measured> {
    let count: usize = parts.iter().map(|part| part.0).sum();
    if count == 0 {
        return None;
    }
    let total = count as f64;
    let mean = parts.iter().map(|(runs, part)| *runs as f64 * part.mean).sum::<f64>() / total;
    if count == 1 {
        return Some(Measured { mean, standard_error: 0.0 });
    }
    // Squared deviations within a cell, from its error, and of the cells' means from the common one.
    let squares = parts.iter().map(|(runs, part)| {
        let runs = *runs as f64;
        part.standard_error.powi(2) * runs * (runs - 1.0) + runs * (part.mean - mean).powi(2)
    });
    let variance = squares.sum::<f64>() / (total - 1.0);
    Some(Measured { mean, standard_error: (variance / total).sqrt() })
}

#[cfg(test)]
impl Outcome {
    pub(super) fn example(chain: f64) -> Self {
        let measured = |mean| Measured { mean, standard_error: 0.001 };
        Self {
            runs: 5,
            chain: measured(chain),
            consensus: measured(chain + 0.01),
            averaged: Some([measured(chain + 0.005), measured(chain + 0.012)]),
            train_seconds: 12.0,
            precision: "f32".into(),
            isa: "portable".into(),
            origin: Some(Origin {
                commit: "abc".into(),
                machine: "a computer".into(),
                date: "2026-01-02".into(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nopropdt_train::evaluate::mean_and_error;

    #[test]
    fn pooling_is_the_statistics_of_all_runs_together() {
        let lists = [vec![0.9, 0.91, 0.95], vec![0.8, 0.85, 0.85], vec![0.99, 0.9, 0.97]];
        let parts: Vec<(usize, Measured)> = lists
            .iter()
            .map(|list| {
                let (mean, standard_error) = mean_and_error(list);
                (list.len(), Measured { mean, standard_error })
            })
            .collect();
        let found = pooled(&parts).unwrap();
        let (mean, error) = mean_and_error(&lists.concat());
        assert!((found.mean - mean).abs() < 1e-12 && (found.standard_error - error).abs() < 1e-12);
        assert_eq!(pooled(&[]), None);
        assert_eq!(pooled(&[(1, parts[0].1)]).unwrap().standard_error, 0.0);
    }
}
