//! Stochastic gradient descent with momentum.

use nopropdt_kernels::flushed;

/// The constants of one step, already rounded to f32.
///
/// ```text
/// g' = g + penalty p
/// b  = momentum b + g'
/// p  = p - rate b                        Nesterov: p - rate (g' + momentum b)
/// ```
/// What is kept, b and p, is [`flushed`].
pub(super) struct Update {
    momentum: f32,
    penalty: f32,
    rate: f32,
    nesterov: bool,
}

impl Update {
    pub(super) fn new(momentum: f64, weight_decay: f64, learning_rate: f64) -> Self {
        let [momentum, penalty, rate] =
            [momentum, weight_decay, learning_rate].map(|constant| constant as f32);
        Self { momentum, penalty, rate, nesterov: false }
    }

    /// The same, looking ahead or not.
    pub(super) fn looking_ahead(self, nesterov: bool) -> Self {
        Self { nesterov, ..self }
    }

    /// Updates the parameters and, when there is one, the sum of gradients b.
    pub(super) fn apply(&self, parameters: &mut [f32], gradients: &[f32], moments: &mut [&mut [f32]]) {
        let pairs = parameters.iter_mut().zip(gradients);
        match moments.first_mut() {
            Some(sum) => {
                for ((p, &g), b) in pairs.zip(sum.iter_mut()) {
                    let g = g + self.penalty * *p;
                    *b = flushed(self.momentum * *b + g);
                    let step = if self.nesterov { g + self.momentum * *b } else { *b };
                    *p = flushed(*p - self.rate * step);
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
