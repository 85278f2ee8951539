//! What trains a block that learns alone, and how a chain of such blocks answers.

use crate::batch::Batch;
use crate::error::BlocksError;
use crate::loss_tape::{Loss, LossTape};
use crate::readout::Readout;
use crate::sampling::{Denoised, Runner, Sampler, Value, denoise};
use crate::schedule::NoiseSchedule;
use nopropdt_tensor::random::Stream;

/// The loss of each block along a noise schedule. [`NoPropDt::with_objective`](super::NoPropDt::with_objective) makes a method of it.
///
/// Only what stands on the tape can learn from it: the block's own set, the head where [`LossTape::head`] was called, and a learned
/// embedding. So no objective can reach another block.
pub trait Objective: std::fmt::Debug + Send + Sync {
    /// The loss of block `t` = 1..=T on a batch. Noise and dropout are drawn from `stream` alone.
    fn loss(
        &self,
        t: usize,
        schedule: &NoiseSchedule,
        on: &mut LossTape<'_>,
        batch: &Batch,
        stream: Stream,
    ) -> Loss;

    /// Refuses a schedule or a sampler that the objective can't go with. By default the schedule must rise: along a falling one the paper's
    /// chain has no real coefficients.
    ///
    /// # Errors
    /// What does not go.
    fn check(&self, schedule: &NoiseSchedule, _sampler: Sampler) -> Result<(), BlocksError> {
        if schedule.rises() { Ok(()) } else { Err(BlocksError::FallingSchedule) }
    }

    /// What block `t` is given in place of a latent z of the chain; none where it is given z itself.
    fn given<'p>(&self, _t: usize, _on: &mut Runner<'_, 'p>, _z: &Value) -> Option<Value> {
        None
    }

    /// Whether blocks are given latents at all; if not, they answer by [`Block::blind_logits`](crate::Block::blind_logits).
    fn sees_latents(&self) -> bool {
        true
    }

    /// Where the answer of blocks trained by it is read when nothing better is known; the paper's read-out unless an objective says otherwise.
    fn readout(&self) -> Readout {
        Readout::Chain
    }

    /// ᾱ of the latents that block `t` = 1..=T is trained on: that of level t − 1 unless an objective says otherwise.
    fn level(&self, t: usize, schedule: &NoiseSchedule) -> f64 {
        schedule.alpha_bar()[t - 1]
    }

    /// Takes a latent from z_0 through all blocks to z_T: `denoiser` runs block t, and `read(t, logits)` is told, once a block, what it answered.
    /// The paper's chain (Eq. 3), or the probability flow by another `sampler`, unless an objective has a chain of its own.
    fn chain<'r, 'p>(
        &self,
        schedule: &NoiseSchedule,
        sampler: Sampler,
        on: &mut Runner<'r, 'p>,
        denoiser: &mut Denoiser<'_, 'r, 'p>,
        read: &mut dyn FnMut(usize, Value),
    ) -> Value {
        denoise(sampler, schedule.alpha_bar(), on, denoiser, read)
    }
}

/// What runs block t = 1..=T on a latent of level t − 1.
pub type Denoiser<'d, 'r, 'p> = dyn FnMut(&mut Runner<'r, 'p>, usize, &Value) -> Denoised + 'd;
