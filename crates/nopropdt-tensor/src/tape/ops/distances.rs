//! TEMPORARY until merged.
use super::{Tape, Var};
impl Tape<'_> {
    /// temp
    pub fn squared_distances(&mut self, x: Var, w: Var) -> Var {
        let (rows, d) = self.value(x).matrix_shape("d");
        let (m, _) = self.value(w).matrix_shape("d");
        let (xs, ws) = (self.value(x).data().to_vec(), self.value(w).data().to_vec());
        let t = crate::tensor::Tensor::filled_by(&[rows, m], |o| {
            for b in 0..rows {
                for k in 0..m {
                    o[b * m + k] = (0..d).map(|i| (xs[b * d + i] - ws[k * d + i]).powi(2)).sum();
                }
            }
        });
        self.constant(t)
    }
}
