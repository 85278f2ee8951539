//! Momentum whose steps are orthogonal matrices.

use super::orthogonal::orthogonalise;
use nopropdt_kernels::flushed;

/// Root mean square of a step's values, as a share of the learning rate: about that of Adam.
const SIZE: f64 = 0.2;

/// The constants of one step, already rounded to f32.
///
/// ```text
/// b = momentum b + g
/// O = the orthogonal matrix nearest to g + momentum b
/// p = keep p - rate sqrt(longest side) O
/// ```
/// with rate = 0.2 learning_rate. What is kept, b and p, is [`flushed`].
///
/// # Source
/// Jordan et al. 2024 (orthogonal.rs); the size of a step from Liu et al., "Muon is scalable for LLM training", 2025.
pub(super) struct Update {
    momentum: f32,
    keep: f32,
    rate: f64,
}

impl Update {
    /// A step that first takes `fraction` off each parameter.
    pub(super) fn new(momentum: f64, fraction: f64, learning_rate: f64) -> Self {
        Self { momentum: momentum as f32, keep: (1.0 - fraction) as f32, rate: SIZE * learning_rate }
    }

    /// Updates a matrix and the sum of its gradients b.
    pub(super) fn apply(
        &self,
        parameters: &mut [f32],
        gradients: &[f32],
        sum: &mut [f32],
        shape: [usize; 2],
    ) {
        let mut step = gradients.to_vec();
        for (step, (b, &g)) in step.iter_mut().zip(sum.iter_mut().zip(gradients)) {
            *b = flushed(self.momentum * *b + g);
            *step += self.momentum * *b;
        }
        orthogonalise(&mut step, shape);
        let rate = (self.rate * (shape[0].max(shape[1]) as f64).sqrt()) as f32;
        for (p, step) in parameters.iter_mut().zip(&step) {
            *p = flushed(self.keep * *p - rate * step);
        }
    }
}
