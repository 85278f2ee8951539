//! The reference repository's loss, as published, so that anyone can see both side by side.
//!
//! What differs from the paper: block t is fed z at ᾱ_t of a *falling* schedule; its error weight is negative for nine of ten
//! blocks, and a mean over d; the decoder is applied to û and once more inside the loss; only the last block
//! has a cross-entropy (on its own estimate, not on z_T) and ½‖u_y‖² for a KL term.

use super::objective::{Denoiser, Objective};
use crate::batch::Batch;
use crate::error::BlocksError;
use crate::loss_tape::{Loss, LossTape};
use crate::method::LossTerms;
use crate::sampling::{Denoised, Runner, Sampler, Value};
use crate::schedule::NoiseSchedule;
use nopropdt_tensor::random::Stream;

/// The reference repository's objective.
#[derive(Debug, Clone, Copy)]
pub struct Reference {
    /// η, weight of the squared error.
    pub eta: f64,
}

impl Objective for Reference {
    fn loss(
        &self,
        t: usize,
        schedule: &NoiseSchedule,
        on: &mut LossTape<'_>,
        batch: &Batch,
        stream: Stream,
    ) -> Loss {
        let epsilon = on.noise(stream.purpose("z"));
        let z = on.noised(schedule.noising(t), epsilon);
        let logits = on.logits(batch, z, None, stream.purpose("dropout"));
        let estimate = on.estimate(logits);
        let compared = match on.decode(estimate) {
            Some(decoded) => on.tape.add(estimate, decoded),
            None => estimate,
        };
        let squared_error = batch.squared_error(&mut on.tape, compared, on.target);
        let weight = 0.5 * self.eta * schedule.snr_weight(t) / on.dim() as f64;
        let mut sum = vec![(squared_error, weight as f32)];
        let mut terms = LossTerms { squared_error: on.scalar(squared_error), ..LossTerms::default() };
        if t == schedule.steps() {
            let logits = on.head(estimate);
            let cross_entropy = batch.cross_entropy(&mut on.tape, logits);
            let square = on.target_square(batch);
            sum.extend([(cross_entropy, 1.0), (square, 0.5)]);
            (terms.cross_entropy, terms.kl) = (on.scalar(cross_entropy), 0.5 * on.scalar(square));
        }
        let total = on.tape.linear_combination(&sum, 0.0);
        terms.total = on.scalar(total);
        Loss { total, terms }
    }

    /// Any schedule goes; its chain is its own, so no other sampler does.
    fn check(&self, _: &NoiseSchedule, sampler: Sampler) -> Result<(), BlocksError> {
        if sampler == Sampler::Stochastic {
            return Ok(());
        }
        let rule = "stochastic with objective reference, whose chain is its own";
        Err(BlocksError::range("sampler", rule, sampler))
    }

    /// Block t is trained on latents of level t.
    fn level(&self, t: usize, schedule: &NoiseSchedule) -> f64 {
        schedule.alpha_bar()[t]
    }

    /// z_t = û.
    fn chain<'r, 'p>(
        &self,
        schedule: &NoiseSchedule,
        _: Sampler,
        on: &mut Runner<'r, 'p>,
        denoiser: &mut Denoiser<'_, 'r, 'p>,
        read: &mut dyn FnMut(usize, Value),
    ) -> Value {
        let mut z = on.start();
        for t in 1..=schedule.steps() {
            on.step(&z);
            let Denoised { logits, estimate } = denoiser(on, t, &z);
            z = estimate;
            read(t, logits);
        }
        on.step(&z);
        z
    }
}
