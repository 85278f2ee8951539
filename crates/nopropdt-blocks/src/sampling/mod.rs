//! From noise to an answer: rules that follow a denoiser along a noise schedule, or a velocity field through time.

mod denoise;
mod flow;
mod row_noise;
mod runner;

#[cfg(test)]
pub(crate) use denoise::stochastic;
pub use denoise::{Denoised, denoise};
pub use flow::flow;
#[cfg(test)]
pub(crate) use row_noise::RowNoise;
pub use runner::{Answer, Runner, Value};

use crate::error::BlocksError;
use serde::{Deserialize, Serialize};

/// How the next latent follows from the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Sampler {
    /// The paper's chain (Eq. 3): fresh noise at every step.
    Stochastic,
    /// No noise but the first: one Euler step of the probability flow, or of the velocity field.
    Euler,
    /// As [`Sampler::Euler`], with Heun's correction: two evaluations a step, second order.
    Heun,
}

impl std::fmt::Display for Sampler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Stochastic => "stochastic",
            Self::Euler => "euler",
            Self::Heun => "heun",
        })
    }
}

impl Sampler {
    /// This rule, if it is one for a velocity field.
    pub(crate) fn of_a_flow(self) -> Result<Self, BlocksError> {
        match self {
            Self::Euler | Self::Heun => Ok(self),
            Self::Stochastic => {
                Err(BlocksError::range("sampler", "euler or heun for a method that follows a field", self))
            }
        }
    }
}
