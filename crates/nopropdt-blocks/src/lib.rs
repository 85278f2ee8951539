#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod adjoint;
mod backprop;
mod block;
mod ct;
mod dt;
mod embedding;
mod error;
mod fm;
#[cfg(test)]
mod golden;
mod head;
mod loss_tape;
mod method;
mod nearest;
mod network;
mod sampling;
mod schedule;

pub use adjoint::{Adjoint, AdjointConfig};
pub use backprop::{Backprop, BackpropConfig};
pub use block::{BlockConfig, BlockInputs, DenoiseBlock, LayerInputs};
pub use ct::{CtConfig, NoPropCt};
pub use dt::{DtConfig, NoPropDt, Objective, ObjectiveKind};
pub use embedding::{EmbeddingConfig, EmbeddingStart, LabelEmbedding};
pub use error::BlocksError;
pub use fm::{FmConfig, NoPropFm};
pub use head::{Head, HeadConfig};
pub use loss_tape::{Loss, LossTape};
pub use method::{Batch, BlockStep, Facts, Features, GradientSink, LossTerms, Method, Trace, Weights};
pub use nearest::nearest_to_all;
pub use network::NetworkConfig;
pub use sampling::{Denoised, Latent, Sampler, denoise, flow};
pub use schedule::{NoiseSchedule, Posterior, ScheduleKind};
