//! Attention, put together from other operations.

use super::{Tape, Var};

impl Tape<'_> {
    /// Scaled dot-product attention, softmax(Q·Kᵀ/sqrt(d))·V for each set of queries, keys and values (Vaswani et al. 2017).
    ///
    /// # Shapes
    /// queries [.., n, d], keys [.., k, d], values [.., k, e] -> [.., n, e]
    ///
    /// # Panics
    /// When the shapes do not fit.
    pub fn attention(&mut self, queries: Var, keys: Var, values: Var) -> Var {
        let width = self.shape(queries).last().copied().unwrap_or_default();
        let products = self.batched_matmul(queries, keys, [false, true]);
        let scores = self.linear_combination(&[(products, 1.0 / (width as f32).sqrt())], 0.0);
        let weights = self.softmax(scores);
        self.batched_matmul(weights, values, [false, false])
    }
}
