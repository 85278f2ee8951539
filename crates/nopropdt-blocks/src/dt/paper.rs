//! The paper's local loss of block t (Eq. 8):
//! CE(f(z_T), y) + KL(q(z_0|y) ‖ N(0, I)) + (T/2)·η·(SNR(t) − SNR(t−1))·‖û_t(z_{t−1}, x) − u_y‖².

use super::{HEAD, LossTape, NoPropDt};
use crate::method::{Batch, BlockStep, LossTerms};
use nopropdt_tensor::random::Stream;
use nopropdt_tensor::{Tensor, Var};

/// The loss of block t with noise and dropout drawn from `stream`.
pub(super) fn block_step(
    net: &NoPropDt,
    t: usize,
    mut on: LossTape<'_>,
    batch: &Batch,
    stream: Stream,
) -> BlockStep {
    let noise = Noise::draw(&on, stream);
    let loss = Loss::record(net, t, &mut on, batch, noise, stream.purpose("dropout"));
    loss.finish(net, on)
}

/// The standard normal values [B, d] that a loss is a function of.
pub(super) struct Noise {
    /// ε of z_{t−1}.
    pub(super) previous: Tensor,
    /// ε of z_T.
    pub(super) last: Tensor,
}

impl Noise {
    pub(super) fn draw(on: &LossTape<'_>, stream: Stream) -> Self {
        Self { previous: on.noise(stream.purpose("z")), last: on.noise(stream.purpose("z_last")) }
    }
}

/// A loss on its tape: its terms, and the values on the way to them.
pub(super) struct Loss {
    /// z_{t−1} [B, d].
    pub(super) z: Var,
    /// û_t(z_{t−1}, x) [B, d].
    pub(super) estimate: Var,
    /// z_T [B, d].
    pub(super) z_last: Var,
    /// f(z_T) [B, m].
    pub(super) logits: Var,
    squared_error: Var,
    cross_entropy: Var,
    kl: Var,
    total: Var,
}

impl Loss {
    /// Gradient reaches θ_t through the squared error alone, f through the cross-entropy alone, and a learned W_embed
    /// through every term: û, the target u_y, and, reparameterised, z_{t−1} and z_T.
    pub(super) fn record(
        net: &NoPropDt,
        t: usize,
        on: &mut LossTape<'_>,
        batch: &Batch,
        noise: Noise,
        dropout: Stream,
    ) -> Self {
        let z = on.noised(net.schedule.noising(t - 1), noise.previous);
        let estimate = on.estimate(net, batch, z, dropout);
        let squared_error = on.tape.squared_error(estimate, on.target);

        let z_last = on.noised(net.schedule.noising(net.schedule.steps()), noise.last);
        let logits = net.head.forward(&mut on.tape, on.shared[HEAD], z_last);
        let cross_entropy = on.tape.cross_entropy(logits, &batch.labels);

        let kl = kl(net, on);
        let terms = [(cross_entropy, 1.0), (kl, 1.0), (squared_error, error_weight(net, t) as f32)];
        let total = on.tape.linear_combination(&terms, 0.0);
        Self { z, estimate, z_last, logits, squared_error, cross_entropy, kl, total }
    }

    pub(super) fn finish(self, net: &NoPropDt, on: LossTape<'_>) -> BlockStep {
        let terms = LossTerms {
            total: on.scalar(self.total),
            squared_error: on.scalar(self.squared_error),
            cross_entropy: on.scalar(self.cross_entropy),
            kl: on.scalar(self.kl),
        };
        on.finish(self.total, terms, [net.embedding.is_learned(), true])
    }
}

/// (T/2)·η·(SNR(t) − SNR(t−1)), weight of block t's squared error.
pub(super) fn error_weight(net: &NoPropDt, t: usize) -> f64 {
    0.5 * net.schedule.steps() as f64 * net.config.eta * net.schedule.snr_weight(t)
}

/// KL of one sample: ½ Σ_d [ᾱ_0·u² − ᾱ_0 − ln(1 − ᾱ_0)], a mean over the batch.
fn kl(net: &NoPropDt, on: &mut LossTape<'_>) -> Var {
    let alpha_bar = net.schedule.alpha_bar()[0];
    let constant = -0.5 * net.embedding.dim() as f64 * (alpha_bar + (-alpha_bar).ln_1p());
    let square = on.target_square();
    on.tape.linear_combination(&[(square, (0.5 * alpha_bar) as f32)], constant as f32)
}
