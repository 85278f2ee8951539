//! Vectors of f32, and of pairs of bf16, behind a proof that the processor has them.
//!
//! A token such as [`Avx512`] has no data and only detection can build it, so whoever holds one may use its instructions: that
//! makes vector arithmetic safe, and leaves `unsafe` for memory that a pointer reaches. Kernels are written once, generic over
//! [`Simd`], and compiled under the features of each instruction set by [`Simd::vectorize`]; everything they call must be
//! `#[inline(always)]` (or generic over a token), or it is compiled for the baseline processor.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(all(test, target_arch = "x86_64"))]
mod tests;
mod vectors;

#[cfg(target_arch = "x86_64")]
pub use avx2::Avx2;
#[cfg(target_arch = "x86_64")]
pub use avx512::{Amx, Avx512, Avx512Bf16};
pub use vectors::{Operation, Simd, WIDEST};
