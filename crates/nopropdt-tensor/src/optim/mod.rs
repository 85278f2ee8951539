//! Optimisers over flat buffers: all parameters of a network lie in one slice, their gradients in another.
//!
//! The update rules are those of PyTorch's `Adam`, `AdamW` and `SGD`, down to the order of operations; but no parameter and no running
//! average is ever left subnormal (see [`flushed`](nopropdt_kernels::flushed)).
//!
//! ```
//! # use nopropdt_tensor::optim::{LearningRate, Optimizer, OptimizerConfig, clip_gradient_norm};
//! # fn main() -> Result<(), nopropdt_tensor::optim::OptimizerError> {
//! let (base, steps) = (0.1, 200);
//! let schedule = LearningRate::Cosine { warmup_steps: 10, final_fraction: 0.0 };
//! schedule.validate(base)?;
//! let mut optimizer = Optimizer::new(&OptimizerConfig::adamw(0.0), 2)?;
//! let mut parameters = [3.0, -2.0];
//! for step in 0..steps {
//!     let mut gradients = parameters.map(|p| 2.0 * p);
//!     clip_gradient_norm(&mut gradients, 1.0);
//!     optimizer.step(&mut parameters, &gradients, schedule.at(step, steps, base));
//! }
//! assert!(parameters.iter().all(|p| p.abs() < 0.05));
//! # Ok(())
//! # }
//! ```

mod adam;
mod clip;
mod config;
mod error;
mod learning_rate;
mod muon;
mod orthogonal;
mod parts;
mod sgd;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use self::{
    clip::{check_max_norm, clip_gradient_norm, clip_norm_of_parts},
    config::OptimizerConfig,
    error::OptimizerError,
    learning_rate::LearningRate,
    parts::Decayed,
};
use crate::parameters::Parameters;
use parts::Part;

/// All that an optimiser remembers between steps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OptimizerState {
    /// Steps taken so far.
    pub step: u64,
    /// Running averages, each as long as the parameters. Adam and AdamW have two, of the gradient and of its
    /// square; SGD has one with momentum and none without.
    pub moments: Vec<Vec<f32>>,
}

/// An update rule with its running averages, for one flat buffer of parameters.
#[derive(Clone, Debug)]
pub struct Optimizer {
    config: OptimizerConfig,
    length: usize,
    parts: Vec<Part>,
    state: OptimizerState,
}

impl Optimizer {
    /// An optimiser of `length` parameters that has taken no step. It does not know which of them are whose: all decay, and none are matrices.
    ///
    /// # Errors
    /// If the configuration fails [`OptimizerConfig::validate`].
    pub fn new(config: &OptimizerConfig, length: usize) -> Result<Self, OptimizerError> {
        Self::with_parts(config, length, vec![Part::whole(length)])
    }

    /// An optimiser of a set's parameters that has taken no step; `decayed` says which of them shrink.
    ///
    /// # Errors
    /// If the configuration fails [`OptimizerConfig::validate`].
    pub fn of(config: &OptimizerConfig, set: &Parameters, decayed: Decayed) -> Result<Self, OptimizerError> {
        Self::with_parts(config, set.len(), parts::parts(set, decayed, config.takes_matrices()))
    }

    fn with_parts(config: &OptimizerConfig, length: usize, parts: Vec<Part>) -> Result<Self, OptimizerError> {
        config.validate()?;
        let moments = vec![vec![0.0; length]; config.moment_count()];
        Ok(Self { config: *config, length, parts, state: OptimizerState { step: 0, moments } })
    }

    /// Moves `parameters` against `gradients`.
    ///
    /// # Panics
    /// If either slice has another length than the optimiser was made for.
    pub fn step(&mut self, parameters: &mut [f32], gradients: &[f32], learning_rate: f32) {
        let length = self.length;
        assert!(
            parameters.len() == length && gradients.len() == length,
            "optimizer: made for {length} parameters; found {} and {} gradients",
            parameters.len(),
            gradients.len()
        );
        let learning_rate = f64::from(learning_rate);
        let OptimizerState { step, moments } = &mut self.state;
        *step = step.saturating_add(1);
        for part in &self.parts {
            let range = part.range.clone();
            let mut moments: Vec<&mut [f32]> =
                moments.iter_mut().map(|moment| &mut moment[range.clone()]).collect();
            let of_part = (&mut parameters[range.clone()], &gradients[range]);
            part_step(&self.config, part, (learning_rate, *step), of_part, &mut moments);
        }
    }

    /// What must be saved for the next step to be the same after [`restore`](Self::restore).
    pub fn state(&self) -> &OptimizerState {
        &self.state
    }

    /// Continues from a saved state: the next step is bit for bit the one the saved optimiser would have taken.
    ///
    /// # Errors
    /// If the number or the length of the averages is not this optimiser's; it is then unchanged.
    pub fn restore(&mut self, state: OptimizerState) -> Result<(), OptimizerError> {
        let (expected, found) = (self.config.moment_count(), state.moments.len());
        if found != expected {
            return Err(OptimizerError::MomentCount { expected, found });
        }
        if let Some((index, moment)) = state.moments.iter().enumerate().find(|(_, m)| m.len() != self.length)
        {
            return Err(OptimizerError::MomentLength { index, expected: self.length, found: moment.len() });
        }
        self.state = state;
        Ok(())
    }
}

/// Moves the parameters of one part.
fn part_step(
    config: &OptimizerConfig,
    part: &Part,
    (learning_rate, step): (f64, u64),
    (parameters, gradients): (&mut [f32], &[f32]),
    moments: &mut [&mut [f32]],
) {
    let decay = |weight_decay: f64| if part.decays { weight_decay } else { 0.0 };
    match (*config, part.matrix) {
        (OptimizerConfig::Adam { betas, eps, weight_decay }, _) => {
            adam::Update::new(betas, eps, learning_rate, step)
                .with_penalty(decay(weight_decay))
                .apply(parameters, gradients, moments);
        }
        (OptimizerConfig::Muon { momentum, weight_decay, .. }, Some(shape)) => {
            muon::Update::new(momentum, learning_rate * decay(weight_decay), learning_rate)
                .apply(parameters, gradients, moments[0], shape);
        }
        (
            OptimizerConfig::AdamW { betas, eps, weight_decay }
            | OptimizerConfig::Muon { betas, eps, weight_decay, .. },
            _,
        ) => {
            adam::Update::new(betas, eps, learning_rate, step)
                .with_decay(learning_rate * decay(weight_decay))
                .apply(parameters, gradients, moments);
        }
        (OptimizerConfig::Sgd { momentum, weight_decay, nesterov }, _) => {
            sgd::Update::new(momentum, decay(weight_decay), learning_rate)
                .looking_ahead(nesterov)
                .apply(parameters, gradients, moments);
        }
    }
}
