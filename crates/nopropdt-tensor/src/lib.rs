#![doc = include_str!("../README.md")]

pub mod gradient_check;
pub mod init;
pub mod kernels;
pub mod layers;
pub mod measure;
pub mod optim;
mod parameters;
pub mod random;
mod sizes;
pub mod subnormal;
mod tape;
mod tensor;

pub use kernels::bf16::Precision;
pub use parameters::{Entry, Layout, ParameterBuilder, ParameterId, Parameters, StatisticId};
pub use tape::{ConvEpilogue, Dropout, Gradients, Mode, Slot, StatisticUpdate, Tape, TensorSink, Var};
pub use tensor::{Tensor, TensorError};
