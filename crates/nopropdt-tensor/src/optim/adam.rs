//! Adam and AdamW, as one loop.

use nopropdt_kernels::flushed;

/// The constants of one step, already rounded to f32.
///
/// ```text
/// g' = g + penalty p
/// m  = m + (1 - beta1) (g' - m)
/// v  = beta2 v + (1 - beta2) g'^2
/// p  = keep p - rate m / (sqrt(v) / root_correction + eps)
/// ```
/// with rate = learning_rate / (1 - beta1^step) and root_correction = sqrt(1 - beta2^step). Adam and AdamW differ
/// in the constants only: `keep` is 1 for Adam, `penalty` is 0 for AdamW. What is kept, m, v and p, is [`flushed`].
pub(super) struct Update {
    keep: f32,
    penalty: f32,
    mean_gain: f32,
    square_keep: f32,
    square_gain: f32,
    root_correction: f32,
    eps: f32,
    rate: f32,
}

impl Update {
    /// Step number `step` (the first is 1) without weight decay.
    pub(super) fn new([beta1, beta2]: [f64; 2], eps: f64, learning_rate: f64, step: u64) -> Self {
        // Any beta representable below 1 to the power of i32::MAX is as good as 0 in f32 arithmetic.
        let power = i32::try_from(step).unwrap_or(i32::MAX);
        Self {
            keep: 1.0,
            penalty: 0.0,
            mean_gain: (1.0 - beta1) as f32,
            square_keep: beta2 as f32,
            square_gain: (1.0 - beta2) as f32,
            root_correction: (1.0 - beta2.powi(power)).sqrt() as f32,
            eps: eps as f32,
            rate: (learning_rate / (1.0 - beta1.powi(power))) as f32,
        }
    }

    /// Adds `weight_decay` times the parameter to its gradient.
    pub(super) fn with_penalty(self, weight_decay: f64) -> Self {
        Self { penalty: weight_decay as f32, ..self }
    }

    /// Takes `fraction` off each parameter before the step.
    pub(super) fn with_decay(self, fraction: f64) -> Self {
        Self { keep: (1.0 - fraction) as f32, ..self }
    }

    /// Updates parameters and averages; `moments` are m and v.
    pub(super) fn apply(&self, parameters: &mut [f32], gradients: &[f32], moments: &mut [&mut [f32]]) {
        let [mean, square] = moments.get_disjoint_mut([0, 1]).expect("Adam is made with two averages");
        let averages = mean.iter_mut().zip(square.iter_mut());
        for ((p, &g), (m, v)) in parameters.iter_mut().zip(gradients).zip(averages) {
            let g = g + self.penalty * *p;
            *m = flushed(*m + self.mean_gain * (g - *m));
            *v = flushed(self.square_keep * *v + self.square_gain * g * g);
            *p = flushed(self.keep * *p - self.rate * *m / (v.sqrt() / self.root_correction + self.eps));
        }
    }
}
