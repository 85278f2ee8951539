//! What blocks share, in three numbers: enough to see it shrink, grow or fall together.

use nopropdt_blocks::{Method, Weights};
use nopropdt_tensor::flat;
use serde::{Deserialize, Serialize};

/// Multiply-adds that distances between classes may take, so that they can be measured after every epoch.
const MOST_WORK: usize = 1 << 30;

/// What blocks share.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SharedSets {
    /// Frobenius norm of W_embed; none where it is not trained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub embedding_norm: Option<f64>,
    /// Smallest Euclidean distance between the embeddings of two classes; none where they are not trained, or too many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub smallest_distance: Option<f64>,
    /// Frobenius norm of the output head's weight; none of a method without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head_norm: Option<f64>,
}

impl SharedSets {
    /// As they stand in `weights`.
    pub fn of(method: &dyn Method, weights: &Weights) -> Self {
        let head = weights.shared.values().find_map(|set| set.export("head.weight"));
        let mut sets = Self { head_norm: head.map(|weight| norm(&weight)), ..Self::default() };
        if method.facts().embedding.is_learned() {
            let matrix = method.embedding_matrix(weights);
            sets.embedding_norm = Some(norm(matrix.data()));
            sets.smallest_distance = smallest_distance(matrix.data(), matrix.shape()[1]);
        }
        sets
    }

    /// Its numbers by their names in files.
    pub(crate) fn named(&self) -> [(&'static str, Option<f64>); 3] {
        [
            ("embedding_norm", self.embedding_norm),
            ("smallest_distance", self.smallest_distance),
            ("head_norm", self.head_norm),
        ]
    }
}

fn norm(values: &[f32]) -> f64 {
    flat::dot(values, values).sqrt()
}

/// Between any two of the rows of `dim` values.
fn smallest_distance(rows: &[f32], dim: usize) -> Option<f64> {
    let rows: Vec<&[f32]> = rows.chunks_exact(dim.max(1)).collect();
    let work = rows.len().saturating_mul(rows.len()).saturating_mul(dim) / 2;
    if work > MOST_WORK {
        return None;
    }
    let behind = |index: usize| rows[index + 1..].iter().map(move |other| (index, other));
    let squares = (0..rows.len()).flat_map(behind).map(|(one, two)| flat::squared_distance(rows[one], two));
    squares.min_by(f64::total_cmp).map(f64::sqrt)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Overrides;
    use nopropdt_tensor::Tensor;

    #[test]
    fn numbers_are_those_of_the_matrices() {
        let overrides =
            Overrides::default().with("steps", 1).with("embedding", "learned").with("embedding-dim", 2);
        let method = overrides.resolve(None).unwrap().network(&[8, 8, 1], 3).unwrap();
        let mut weights = method.init(1);
        let rows = Tensor::from_vec(&[3, 2], vec![0.0, 3.0, 4.0, 0.0, 4.0, 1.5]).unwrap();
        method.embed(&mut weights, &rows);
        weights.shared["head"].values_mut().fill(2.0);
        let sets = SharedSets::of(method.as_ref(), &weights);
        assert_eq!(sets.embedding_norm, Some((9.0f64 + 16.0 + 16.0 + 2.25).sqrt()));
        assert_eq!(sets.smallest_distance, Some(1.5));
        // Six weights of 2; the bias does not count.
        assert_eq!(sets.head_norm, Some(24f64.sqrt()));
    }

    #[test]
    fn an_embedding_that_is_fixed_has_no_numbers() {
        let method = Overrides::default().with("steps", 1).resolve(None).unwrap();
        let method = method.network(&[8, 8, 1], 3).unwrap();
        let sets = SharedSets::of(method.as_ref(), &method.init(1));
        assert_eq!((sets.embedding_norm, sets.smallest_distance), (None, None));
        assert!(sets.head_norm.is_some_and(|norm| norm > 0.0));
        assert_eq!(smallest_distance(&vec![0.0; 1 << 16], 1), None);
        assert_eq!(smallest_distance(&[1.0], 1), None);
    }
}
