//! What is added up over an epoch.

use nopropdt_blocks::{LossTerms, Term};

/// The gradient's length is taken of the first of every so many batches: measuring costs a pass over the gradient.
pub const MEASURED_EVERY: usize = 10;

/// What a loss says on a batch, or sums of that over some batches.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct LossSums {
    /// Terms of the loss.
    pub terms: LossTerms,
    /// Euclidean norm of its gradient before clipping, own and shared parts together; 0 of a batch where it was not measured
    /// ([`MEASURED_EVERY`]).
    pub gradient_norm: f64,
    /// Seconds of its gradient and of the step of its own optimiser.
    pub seconds: f64,
}

impl LossSums {
    /// Number by number.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            terms: self.terms.plus(other.terms),
            gradient_norm: self.gradient_norm + other.gradient_norm,
            seconds: self.seconds + other.seconds,
        }
    }

    /// As a checkpoint has them.
    pub(crate) fn numbers(self) -> [f64; 6] {
        let LossTerms { total, squared_error, cross_entropy, kl } = self.terms;
        [total, squared_error, cross_entropy, kl, self.gradient_norm, self.seconds]
    }

    /// From [`LossSums::numbers`].
    pub(crate) fn of_numbers(
        [total, squared_error, cross_entropy, kl, gradient_norm, seconds]: [f64; 6],
    ) -> Self {
        Self { terms: LossTerms { total, squared_error, cross_entropy, kl }, gradient_norm, seconds }
    }
}

/// How much of an epoch is done.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Begun {
    /// Waves that are done.
    pub waves: usize,
    /// Sums over them of what each loss says; empty before the first wave.
    pub sums: Vec<LossSums>,
}

impl Begun {
    /// Whether so much can have been done of an epoch of so many waves and losses, with something left.
    pub(crate) fn is_within(&self, waves: usize, losses: usize) -> bool {
        let sums = if self.waves == 0 { 0 } else { losses };
        self.waves < waves && self.sums.len() == sums
    }
}

/// An epoch of training: of each block, or one value where blocks learn together.
#[derive(Debug, Clone, PartialEq)]
pub struct EpochLoss {
    /// Mean over the epoch's batches of what each loss shows (see [`Facts::shown`](nopropdt_blocks::Facts::shown)): each block's ‖û − u‖².
    pub shown: Vec<f64>,
    /// Means of all terms.
    pub terms: Vec<LossTerms>,
    /// Means of the gradient's norm, over the batches where it was measured.
    pub gradient_norm: Vec<f64>,
    /// Seconds of each loss over the epoch; those of blocks that learn side by side overlap.
    pub loss_seconds: Vec<f64>,
    /// Learning rate of the epoch's last step.
    pub learning_rate: f64,
    /// Images trained on.
    pub images: usize,
}

impl EpochLoss {
    /// Of sums over `batches` batches.
    pub(super) fn of(
        sums: &[LossSums],
        shown: Term,
        batches: usize,
        learning_rate: f32,
        images: usize,
    ) -> Self {
        let (all, measured) = (batches as f64, batches.div_ceil(MEASURED_EVERY) as f64);
        let terms: Vec<LossTerms> = sums.iter().map(|sum| sum.terms.map(|term| term / all)).collect();
        Self {
            shown: sums.iter().map(|sum| shown.of(&sum.terms) / all).collect(),
            terms,
            gradient_norm: sums.iter().map(|sum| sum.gradient_norm / measured).collect(),
            loss_seconds: sums.iter().map(|sum| sum.seconds).collect(),
            learning_rate: f64::from(learning_rate),
            images,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_are_over_the_batches_that_were_measured() {
        let terms = LossTerms { total: 22.0, squared_error: 11.0, cross_entropy: 5.5, kl: 0.0 };
        let sums = [LossSums { terms, gradient_norm: 6.0, seconds: 3.0 }];
        // Batches 0 and 10 of 11.
        let epoch = EpochLoss::of(&sums, Term::CrossEntropy, 11, 0.5, 700);
        assert_eq!((epoch.shown, epoch.gradient_norm, epoch.loss_seconds), (vec![0.5], vec![3.0], vec![3.0]));
        assert_eq!(epoch.terms, [LossTerms { total: 2.0, squared_error: 1.0, cross_entropy: 0.5, kl: 0.0 }]);
        assert_eq!(LossSums::of_numbers(sums[0].numbers()), sums[0]);
    }
}
