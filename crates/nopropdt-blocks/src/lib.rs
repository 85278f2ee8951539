#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod adjoint;
mod at_times;
mod backprop;
mod batch;
mod block;
mod committee;
mod ct;
mod dt;
mod embedding;
mod error;
mod fm;
#[cfg(test)]
mod golden;
mod head;
mod inspect;
mod loss_tape;
mod method;
mod mirrored;
mod named;
mod nearest;
mod network;
mod readout;
mod sampling;
mod schedule;
mod steps;
mod tensors;
mod trace;
mod weights;

pub use adjoint::{Adjoint, AdjointConfig};
pub use backprop::{Backprop, BackpropConfig};
pub use batch::Batch;
pub use block::{
    Block, BlockDesign, BlockInputs, BlockSite, ConvBlock, DeepBlock, LayerInputs, PatchBlock,
    TIME_EMBEDDING, embed_times,
};
pub use committee::{Committee, CommitteeConfig};
pub use ct::{CtConfig, NoPropCt};
pub use dt::{
    Blind, Blindfold, Denoiser, DtConfig, Labels, NoPropDt, Objective, ObjectiveKind, Paper, Reference,
};
pub use embedding::{EmbeddingConfig, EmbeddingStart, LabelEmbedding};
pub use error::BlocksError;
pub use fm::{FmConfig, NoPropFm};
pub use head::{Head, HeadConfig};
pub use inspect::{Alone, InChain, Inspect};
pub use loss_tape::{Loss, LossTape};
pub use method::{BlockStep, Facts, GradientSink, LossTerms, Method, StepInput, Term};
pub use mirrored::Mirrored;
pub use named::Named;
pub use nearest::nearest_to_all;
pub use network::{Network, NetworkConfig};
pub use readout::Readout;
pub use sampling::{Answer, Denoised, Runner, Sampler, Value, denoise, flow};
pub use schedule::{NoiseSchedule, Posterior, ScheduleKind};
pub use tensors::Tensors;
pub use trace::{Features, Trace};
pub use weights::Weights;
