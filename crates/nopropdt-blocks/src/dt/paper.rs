//! The paper's local loss of block t (Eq. 8):
//! CE(f(z_T), y) + KL(q(z_0|y) ‖ N(0, I)) + (T/2)·η·(SNR(t) − SNR(t−1))·‖û_t(z_{t−1}, x) − u_y‖².

use super::objective::Objective;
use crate::batch::Batch;
use crate::loss_tape::{Loss, LossTape};
use crate::method::LossTerms;
use crate::schedule::{NoiseSchedule, divergence_of_spread};
use nopropdt_tensor::random::Stream;
use nopropdt_tensor::{Tensor, Var};

/// The paper's objective (Eq. 8).
#[derive(Debug, Clone, Copy)]
pub struct Paper {
    /// η, weight of the squared error.
    pub eta: f64,
}

impl Objective for Paper {
    fn loss(
        &self,
        t: usize,
        schedule: &NoiseSchedule,
        on: &mut LossTape<'_>,
        batch: &Batch,
        stream: Stream,
    ) -> Loss {
        self.loss_with(t, schedule, on, batch, Noise::draw(on, stream), |_, z| Some(z))
    }
}

/// All that is random in a loss.
pub(super) struct Noise {
    /// ε [B, d] of z_{t−1}.
    pub(super) previous: Tensor,
    /// ε [B, d] of z_T.
    pub(super) last: Tensor,
    /// Of dropout.
    pub(super) dropout: Stream,
}

impl Noise {
    pub(super) fn draw(on: &LossTape<'_>, stream: Stream) -> Self {
        let [previous, last] = ["z", "z_last"].map(|purpose| on.noise(stream.purpose(purpose)));
        Self { previous, last, dropout: stream.purpose("dropout") }
    }
}

impl Paper {
    /// The loss of block t with the given noise. Gradient reaches θ_t through the squared error alone, f through the
    /// cross-entropy alone, and a learned W_embed through every term: û, the target u_y, and, reparameterised, z_{t−1} and z_T. The block
    /// is given what `sight` makes of z_{t−1}, or no latent.
    pub(super) fn loss_with(
        &self,
        t: usize,
        schedule: &NoiseSchedule,
        on: &mut LossTape<'_>,
        batch: &Batch,
        noise: Noise,
        sight: impl FnOnce(&mut LossTape<'_>, Var) -> Option<Var>,
    ) -> Loss {
        let z = on.noised(schedule.noising(t - 1), noise.previous);
        let logits = match sight(on, z) {
            Some(z) => on.logits(batch, z, None, noise.dropout),
            None => on.blind_logits(batch, noise.dropout),
        };
        let estimate = on.estimate(logits);
        let squared_error = batch.squared_error(&mut on.tape, estimate, on.target);

        let [cross_entropy, kl] = around(schedule, on, batch, noise.last);
        let weight = self.error_weight(schedule, t) as f32;
        let terms = [(cross_entropy, 1.0), (kl, 1.0), (squared_error, weight)];
        let total = on.tape.linear_combination(&terms, 0.0);
        let terms = LossTerms {
            total: on.scalar(total),
            squared_error: on.scalar(squared_error),
            cross_entropy: on.scalar(cross_entropy),
            kl: on.scalar(kl),
        };
        Loss { total, terms }
    }

    /// (T/2)·η·(SNR(t) − SNR(t−1)), weight of block t's squared error.
    pub(super) fn error_weight(&self, schedule: &NoiseSchedule, t: usize) -> f64 {
        0.5 * schedule.steps() as f64 * self.eta * schedule.snr_weight(t)
    }
}

/// What a loss has beside the block's own term: CE(f(z_T), y), with the noise of z_T, and KL(q(z_0|y) ‖ N(0, I)).
pub(super) fn around(
    schedule: &NoiseSchedule,
    on: &mut LossTape<'_>,
    batch: &Batch,
    last: Tensor,
) -> [Var; 2] {
    let z_last = on.noised(schedule.noising(schedule.steps()), last);
    let logits = on.head(z_last);
    [batch.cross_entropy(&mut on.tape, logits), kl(schedule, on, batch)]
}

/// KL of one sample: ½ Σ_d [ᾱ_0·u² − ᾱ_0 − ln(1 − ᾱ_0)], a mean over the batch.
fn kl(schedule: &NoiseSchedule, on: &mut LossTape<'_>, batch: &Batch) -> Var {
    let alpha_bar = schedule.alpha_bar()[0];
    let constant = on.dim() as f64 * divergence_of_spread(alpha_bar, 1.0 - alpha_bar);
    let square = on.target_square(batch);
    on.tape.linear_combination(&[(square, (0.5 * alpha_bar) as f32)], constant as f32)
}
