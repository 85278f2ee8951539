//! One block at a time: what the chain gives it, and what it makes of any latent.

use crate::sampling::{Denoised, Value};
use crate::trace::{Features, Trace};
use crate::weights::Weights;
use nopropdt_tensor::Tensor;
use nopropdt_tensor::random::Stream;
use std::cell::RefCell;
use std::collections::BTreeMap;

/// A block in the chain.
#[derive(Debug, Clone, Copy)]
pub struct InChain<'a> {
    /// Which one, from 1; of one network for all steps, which of its read-outs.
    pub block: usize,
    /// What it was given: the latent z [B, d], or what stands in for z.
    pub given: &'a Tensor,
    /// Class logits [B, m].
    pub logits: &'a Tensor,
    /// û [B, d].
    pub estimate: &'a Tensor,
}

/// What a block makes of a latent.
#[derive(Debug, Clone)]
pub struct Alone {
    /// Class logits [B, m].
    pub logits: Tensor,
    /// û [B, d].
    pub estimate: Tensor,
}

impl From<Denoised> for Alone {
    fn from(denoised: Denoised) -> Self {
        Self { logits: denoised.logits.into_numbers(), estimate: denoised.estimate.into_numbers() }
    }
}

/// Looks at blocks that denoise. Block t = 1 .. [`Facts::readouts`](crate::Facts::readouts) is a block of its own, or one network at its
/// t-th read-out. All is in evaluation mode.
pub trait Inspect: Send + Sync {
    /// ᾱ of the latents that block `t` was trained on: z ~ N(sqrt(ᾱ)·u_y, (1 − ᾱ)·I).
    ///
    /// # Panics
    /// When there is no such block.
    fn level(&self, weights: &Weights, t: usize) -> f64;

    /// What block `t` makes of latents z [B, d]. A method whose chain gives a block something else in place of z does so here.
    ///
    /// # Panics
    /// When there is no such block, or shapes do not fit.
    fn alone(&self, weights: &Weights, t: usize, features: &Features, z: &Tensor) -> Alone;

    /// [`Method::sample`](crate::Method::sample) with the same noise, and the same trace. `tell` is told of each block in turn, as soon as
    /// it has answered, so that no more than one block's latents need be kept.
    fn watch(
        &self,
        weights: &Weights,
        features: &Features,
        noise: &dyn Fn(usize) -> Stream,
        tell: &mut dyn FnMut(InChain<'_>),
    ) -> Trace;
}

/// Is told of a block that has answered: which one, from 1, what it was given, and what it made of it.
pub(crate) type Tell<'t> = dyn FnMut(usize, &Value, &Denoised) + 't;

/// Tells `tell` of numbers.
pub(crate) fn in_numbers(tell: &mut dyn FnMut(InChain<'_>)) -> impl FnMut(usize, &Value, &Denoised) {
    move |block, given, Denoised { logits, estimate }| {
        let [given, logits, estimate] = [given, logits, estimate].map(Value::numbers);
        tell(InChain { block, given, logits, estimate });
    }
}

/// Runs of a chain that are not read yet. A rule may run the next step to look ahead before this one is read, and then runs that step again:
/// the last run before a step is read is the one whose logits are read. Nothing is kept where nobody watches, as in every ordinary answer.
pub(crate) struct Runs(Option<RefCell<BTreeMap<usize, (Value, Denoised)>>>);

impl Runs {
    /// No run yet.
    pub(crate) fn of(is_watched: bool) -> Self {
        Self(is_watched.then(RefCell::default))
    }

    /// Step `step` was given `given`.
    pub(crate) fn keep(&self, step: usize, given: &Value, made: &Denoised) {
        if let Some(runs) = &self.0 {
            runs.borrow_mut().insert(step, (given.clone(), made.clone()));
        }
    }

    /// The run of a step that is read.
    pub(crate) fn take(&self, step: usize) -> Option<(Value, Denoised)> {
        self.0.as_ref()?.borrow_mut().remove(&step)
    }
}
