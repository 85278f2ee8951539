#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod block;
mod dt;
mod embedding;
mod error;
#[cfg(test)]
mod golden;
mod method;
mod schedule;

pub use block::{BlockConfig, DenoiseBlock, ImageShape, LayerInputs};
pub use dt::{DtConfig, NoPropDt, Objective};
pub use embedding::{EmbeddingConfig, EmbeddingStart, LabelEmbedding};
pub use error::BlocksError;
pub use method::{Batch, BlockStep, Features, LossTerms, Method, Trace, Weights};
pub use schedule::{NoiseSchedule, Posterior, ScheduleKind};
