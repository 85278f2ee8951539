//! What trains a block that learns alone, and how a chain of such blocks answers.

use crate::batch::Batch;
use crate::error::BlocksError;
use crate::loss_tape::{Loss, LossTape};
use crate::sampling::{Denoised, Latent, Sampler, denoise};
use crate::schedule::NoiseSchedule;
use nopropdt_tensor::Tensor;
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

    /// Takes a latent through all blocks: `denoiser(t, z)` runs block t, and `read(t, logits)` is told, once a block, what it answered. The paper's
    /// chain (Eq. 3), or the probability flow by another `sampler`, unless an objective has a chain of its own.
    fn chain(
        &self,
        schedule: &NoiseSchedule,
        sampler: Sampler,
        latent: &mut Latent<'_>,
        denoiser: &mut dyn FnMut(usize, &Tensor) -> Denoised,
        read: &mut dyn FnMut(usize, Tensor),
    ) {
        denoise(sampler, schedule.alpha_bar(), latent, denoiser, read);
    }
}
