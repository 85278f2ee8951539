//! The reference repository's loss, as published, so that anyone can see both side by side.
//!
//! What differs from the paper: block t is fed z at ᾱ_t of a *falling* schedule; its error weight is negative for nine of ten
//! blocks, and a mean over d; the decoder is applied to û and once more inside the loss; only the last block
//! has a cross-entropy (on its own estimate, not on z_T) and ½‖u_y‖² for a KL term.

use super::NoPropDt;
use crate::loss_tape::LossTape;
use crate::method::{Batch, BlockStep, LossTerms};
use nopropdt_tensor::random::Stream;

pub(super) fn block_step(
    net: &NoPropDt,
    t: usize,
    mut on: LossTape<'_>,
    batch: &Batch,
    stream: Stream,
) -> BlockStep {
    let epsilon = on.noise(stream.purpose("z"));
    let z = on.noised(net.schedule.noising(t), epsilon);
    let logits = on.logits(batch, z, None, stream.purpose("dropout"));
    let estimate = on.estimate(logits);
    let compared = match net.net.block.decode(&mut on.tape, on.own[0], estimate) {
        Some(decoded) => on.tape.add(estimate, decoded),
        None => estimate,
    };
    let squared_error = on.tape.squared_error(compared, on.target);
    let weight = 0.5 * net.config.eta * net.schedule.snr_weight(t) / net.net.embedding.dim() as f64;
    let mut terms = vec![(squared_error, weight as f32)];
    let mut loss = LossTerms { squared_error: on.scalar(squared_error), ..LossTerms::default() };
    let last = t == net.schedule.steps();
    if last {
        let logits = on.head(estimate);
        let cross_entropy = on.tape.cross_entropy(logits, &batch.labels);
        let square = on.target_square();
        terms.extend([(cross_entropy, 1.0), (square, 0.5)]);
        (loss.cross_entropy, loss.kl) = (on.scalar(cross_entropy), 0.5 * on.scalar(square));
    }
    let total = on.tape.linear_combination(&terms, 0.0);
    loss.total = on.scalar(total);
    on.finish(total, loss, &[net.net.embedding.is_learned(), last])
}
