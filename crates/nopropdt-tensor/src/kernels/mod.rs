//! The arithmetic itself, on slices and sizes: nothing here knows a [`Tensor`](crate::Tensor).
//!
//! This module is the only place of the workspace where `unsafe` is allowed. A folder a family of kernels: its `mod.rs` is the
//! front that checks lengths and cuts the work by shape alone, `portable.rs` the meaning and the oracle of the tests,
//! `tiled.rs` the same on vectors, written once for every instruction set of [`simd`]. [`Kernels`] is what an instruction set
//! brings, [`available`] lists those of this machine, [`active`] is the one in use.

mod activation;
mod allocator;
pub mod batch_norm;
pub mod bf16;
mod buffer;
pub mod conv3x3;
pub mod dropout;
pub mod gemm;
mod isa;
pub mod simd;
pub mod tile;

pub use activation::{passed_by_relu, relu, replaces_maximum};
pub use allocator::{give_back_freed_memory, keep_freed_memory};
pub use buffer::Scratch;
pub use isa::{ISA_VARIABLE, Isa, IsaError, active, available};

use simd::Simd;

/// The kernels of an instruction set, family by family. They trust the fronts to have checked every length: with others they panic or
/// give wrong numbers. `unsafe` code trusts neither: it checks once more what its loads and stores reach.
pub trait Kernels: batch_norm::BatchNorms + conv3x3::Groups + gemm::Products + Send + Sync {
    /// The instruction set.
    fn isa(&self) -> Isa;
}

/// The kernels every machine has.
struct Portable;

impl Kernels for Portable {
    fn isa(&self) -> Isa {
        Isa::Portable
    }
}

impl<S: Simd> Kernels for S {
    fn isa(&self) -> Isa {
        S::ISA
    }
}

/// Looks for an instruction set on this processor. A further one is a further line. Nothing is run of another one than what the set itself
/// is built on.
fn detect(isa: Isa) -> Option<Box<dyn Kernels>> {
    #[cfg(target_arch = "x86_64")]
    fn boxed<S: Simd>(token: Option<S>) -> Option<Box<dyn Kernels>> {
        token.map(|token| Box::new(token) as Box<dyn Kernels>)
    }
    match isa {
        Isa::Portable => Some(Box::new(Portable)),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => boxed(simd::Avx2::detect()),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => boxed(simd::Avx512::detect()),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512Bf16 => boxed(simd::Avx512Bf16::detect()),
        #[cfg(target_arch = "x86_64")]
        Isa::Amx => boxed(simd::Amx::detect()),
        #[cfg(not(target_arch = "x86_64"))]
        _ => None,
    }
}
