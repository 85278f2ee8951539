//! An answer on its way: each draw of the noise, block by block.

use super::{PredictError, Prediction, Predictor};
use crate::evaluate::noise;
use nopropdt_tensor::Tensor;
use std::cell::RefCell;

/// An answer, and what happened in each draw of the noise that it is the mean of.
#[derive(Debug, Clone, PartialEq)]
pub struct Watched<P> {
    /// What [`Predictor::predict`] says.
    pub answer: Prediction,
    /// The draws, in order.
    pub draws: Vec<Draw<P>>,
}

/// One draw of the noise. Latents are as the caller sees them.
#[derive(Debug, Clone, PartialEq)]
pub struct Draw<P> {
    /// What it answers alone, by the predictor's read-out.
    pub answer: Said,
    /// What each read-out on the way says `[T]`.
    pub after_each: Vec<Said>,
    /// What each block was given `[T]`: z_0 .. z_{T−1}, or what stands in for z. Of one network for all steps, at its read-outs. Empty for a
    /// method whose blocks can't be asked alone.
    pub given: Vec<P>,
    /// What each made of it `[T]`: û_1 .. û_T. Empty as `given` is.
    pub estimates: Vec<P>,
}

/// The class of the largest probability, the first of equals, and that probability in 0..1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Said {
    /// The class.
    pub class: usize,
    /// Its probability.
    pub probability: f64,
}

impl Said {
    /// Of probabilities [1, m].
    fn of(probabilities: &Tensor) -> Self {
        let class = probabilities.argmax_rows()[0];
        Self { class, probability: f64::from(probabilities.data()[class]) }
    }
}

impl Predictor {
    /// What the image shows, and each draw on its way there. `see` turns a latent z `[d]` into what is kept of it, so memory need not grow
    /// with d.
    ///
    /// # Shapes
    /// `image` is as [`Predictor::predict`] takes it.
    ///
    /// # Errors
    /// As `predict`.
    pub fn watch<P: Send>(
        &self,
        image: &[f32],
        see: impl Fn(&[f32]) -> P + Sync,
    ) -> Result<Watched<P>, PredictError> {
        let (network, weights) = (&self.model.network, &self.model.weights);
        let watched = self.over(&[image], |rows, features| {
            let draws = RefCell::new(Vec::new());
            let mut answers = self.answers(rows, &|seed, draw| {
                let noise = |_| noise(seed, draw, 0);
                let (mut given, mut estimates) = (Vec::new(), Vec::new());
                let trace = match network.inspect() {
                    Some(blocks) => blocks.watch(weights, features, &noise, &mut |block| {
                        given.push(see(block.given.data()));
                        estimates.push(see(block.estimate.data()));
                    }),
                    None => network.sample(weights, features, &noise),
                };
                let answer = Said::of(&trace.read(self.readout));
                let after_each = trace.block_probabilities().iter().map(Said::of).collect();
                draws.borrow_mut().push(Draw { answer, after_each, given, estimates });
                trace
            });
            (answers.pop().flatten(), draws.into_inner())
        })?;
        let of_batch = watched.into_iter().next();
        match of_batch {
            Some((Some(answer), draws)) => Ok(Watched { answer, draws }),
            _ => Err(PredictError::NoAnswer { index: 0 }),
        }
    }
}
