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

pub use activation::relu;
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

/// The kernels this machine can run, slowest first. A further instruction set is a further line.
static KERNELS: LazyLock<Vec<Box<dyn Kernels>>> = LazyLock::new(|| {
    let mut kernels: Vec<Box<dyn Kernels>> = vec![Box::new(Portable)];
    #[cfg(target_arch = "x86_64")]
    {
        kernels.extend(simd::Avx2::detect().map(|token| Box::new(token) as Box<dyn Kernels>));
        kernels.extend(simd::Avx512::detect().map(|token| Box::new(token) as Box<dyn Kernels>));
        kernels.extend(simd::Avx512Bf16::detect().map(|token| Box::new(token) as Box<dyn Kernels>));
        kernels.extend(simd::Amx::detect().map(|token| Box::new(token) as Box<dyn Kernels>));
    }
    kernels
});
