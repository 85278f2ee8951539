#![doc = include_str!("../README.md")]

mod activation;
mod allocator;
#[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]
mod amx;
pub mod batch_norm;
mod bf16;
mod buffer;
pub mod conv3x3;
mod dispatch;
mod dropout;
pub mod gemm;
mod isa;
#[cfg(feature = "measure")]
pub mod measure;
mod portable;
mod precision;
mod product;
pub mod random;
pub mod simd;
pub mod sizes;
mod subnormal;
pub mod tile;
mod values;

pub use activation::{passed_by_relu, relu, replaces_maximum};
pub use allocator::{give_back_freed_memory, keep_freed_memory, one_heap};
pub use bf16::{Bf16, Pair, rounded};
pub use buffer::Scratch;
pub use dispatch::{Kernels, active, available};
pub use dropout::DropoutMask;
pub use isa::{ISA_VARIABLE, Isa, IsaError};
pub use precision::Precision;
pub use subnormal::flushed;
pub use values::{Values, ValuesMut};
