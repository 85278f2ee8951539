//! Stochastic gradient descent with momentum.

use nopropdt_kernels::flushed;

/// The constants of one step, already rounded to f32.
///
/// ```text
/// g' = g + penalty p
/// b  = momentum b + g'
/// p  = p - rate b
/// ```
/// What is kept, b and p, is [`flushed`].
pub(super) struct Update {
    momentum: f32,
    penalty: f32,
    rate: f32,
}

impl Update {
    pub(super) fn new(momentum: f64, weight_decay: f64, learning_rate: f64) -> Self {
        Self { momentum: momentum as f32, penalty: weight_decay as f32, rate: learning_rate as f32 }
    }

    /// Updates the parameters and, when there is one, the sum of gradients b.
    pub(super) fn apply(&self, parameters: &mut [f32], gradients: &[f32], moments: &mut [Vec<f32>]) {
        let pairs = parameters.iter_mut().zip(gradients);
        match moments.first_mut() {
            Some(sum) => {
                for ((p, &g), b) in pairs.zip(sum) {
                    *b = flushed(self.momentum * *b + (g + self.penalty * *p));
                    *p = flushed(*p - self.rate * *b);
                }
            }
            None => {
                for (p, &g) in pairs {
                    *p = flushed(*p - self.rate * (g + self.penalty * *p));
                }
            }
        }
    }
}
