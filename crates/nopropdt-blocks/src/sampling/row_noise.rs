//! The noise of a chain (paper Eq. 3).

use nopropdt_tensor::Tensor;
use nopropdt_tensor::random::Stream;

/// Standard normal values for latents of so many rows, each row from a stream of its own.
pub(crate) struct RowNoise<'n> {
    pub(crate) rows: usize,
    pub(crate) dim: usize,
    pub(crate) stream: &'n dyn Fn(usize) -> Stream,
}

impl RowNoise<'_> {
    /// Values [B, d] for step t, those of step 0 being z_0; row b's step t never shares a draw with another.
    pub(crate) fn of_step(&self, t: usize) -> Tensor {
        Tensor::filled_by(&[self.rows, self.dim], |data| {
            for (row, values) in data.chunks_exact_mut(self.dim).enumerate() {
                (self.stream)(row).child(t as u64).fill_normal(values);
            }
        })
    }
}
