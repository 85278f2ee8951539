#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod flat;
pub mod gradient_check;
pub mod graph;
pub mod init;
pub mod layers;
pub mod optim;
mod parameters;
pub mod random;
pub mod symmetric;
mod tape;
mod tensor;

pub use nopropdt_kernels::{Isa, IsaError, Precision};
pub use parameters::{Entry, Layout, ParameterBuilder, ParameterId, Parameters, StatisticId};
pub use tape::{
    Backward, BatchNormParts, ConvEpilogue, ConvParts, Dropout, Gradients, Mode, Operation, Slot,
    StatisticUpdate, Tape, TensorSink, Var, Window,
};
pub use tensor::{Tensor, TensorError};
