//! Blocks that learn the class by its cross-entropy, and not the embedding by a squared error.
//!
//! Block t's own term is CE(logits_t(z_{t−1}, x), y) in place of (T/2)·η·(SNR(t) − SNR(t−1))·‖û_t − u_y‖². Both are least at the same logits, those of
//! the posterior p(y | x, z_{t−1}), whose mean embedding is the û that the chain wants; but the squared error hardly moves a block that is sure
//! and wrong, since the softmax is flat there. Dieleman et al., "Continuous diffusion for categorical data", 2022, train a denoiser of words so.

use super::objective::Objective;
use super::paper::{Noise, around};
use crate::batch::Batch;
use crate::loss_tape::{Loss, LossTape};
use crate::method::LossTerms;
use crate::readout::Readout;
use crate::schedule::NoiseSchedule;
use nopropdt_tensor::random::Stream;

/// The paper's objective with a cross-entropy for each block's own term. What it tells as cross-entropy is that and the head's together; the squared
/// error it tells has no part in the loss.
#[derive(Debug, Clone, Copy)]
pub struct Labels;

impl Objective for Labels {
    fn loss(
        &self,
        t: usize,
        schedule: &NoiseSchedule,
        on: &mut LossTape<'_>,
        batch: &Batch,
        stream: Stream,
    ) -> Loss {
        let noise = Noise::draw(on, stream);
        let z = on.noised(schedule.noising(t - 1), noise.previous);
        let logits = on.logits(batch, z, None, noise.dropout);
        let own = batch.cross_entropy(&mut on.tape, logits);
        // Told, not learned from.
        let estimate = on.estimate(logits);
        let squared_error = batch.squared_error(&mut on.tape, estimate, on.target);
        let [cross_entropy, kl] = around(schedule, on, batch, noise.last);
        let total = on.tape.linear_combination(&[(own, 1.0), (cross_entropy, 1.0), (kl, 1.0)], 0.0);
        // The block's own and the head's.
        let cross_entropy = on.scalar(own) + on.scalar(cross_entropy);
        let [value, squared_error, kl] = [total, squared_error, kl].map(|var| on.scalar(var));
        Loss { total, terms: LossTerms { total: value, squared_error, cross_entropy, kl } }
    }

    /// Each block answers with probabilities of classes, whose mean is the better answer wherever it was measured.
    fn readout(&self) -> Readout {
        Readout::Consensus
    }
}
