//! The latent on its way through the chain (paper Eq. 3).

use crate::schedule::Posterior;
use nopropdt_tensor::Tensor;
use nopropdt_tensor::random::Stream;

/// z_t [B, d], each row with noise from a stream of its own.
pub struct Latent<'n> {
    /// The latent.
    pub z: Tensor,
    dim: usize,
    noise: &'n dyn Fn(usize) -> Stream,
}

impl<'n> Latent<'n> {
    /// z_0 ~ N(0, I).
    pub fn new(rows: usize, dim: usize, noise: &'n dyn Fn(usize) -> Stream) -> Self {
        let mut latent = Self { z: Tensor::zeros(&[rows, dim]), dim, noise };
        latent.z = latent.fresh(0);
        latent
    }

    /// Standard normal values [B, d] for step t; row b's step t never shares a draw with another.
    pub fn fresh(&self, t: usize) -> Tensor {
        Tensor::filled_by(self.z.shape(), |data| {
            for (row, values) in data.chunks_exact_mut(self.dim).enumerate() {
                (self.noise)(row).child(t as u64).fill_normal(values);
            }
        })
    }

    /// z_t = a·û + b·z_{t−1} + sqrt(c)·ε.
    pub fn step(&mut self, t: usize, posterior: &Posterior, estimate: &Tensor) {
        let epsilon = self.fresh(t);
        let (a, b) = (posterior.estimate as f32, posterior.latent as f32);
        let deviation = posterior.variance.sqrt() as f32;
        let rest = estimate.data().iter().zip(epsilon.data());
        for (z, (u, e)) in self.z.data_mut().iter_mut().zip(rest) {
            *z = a * u + b * *z + deviation * e;
        }
    }
}
