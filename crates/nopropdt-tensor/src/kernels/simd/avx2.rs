//! AVX2: 16 registers of 8 f32.

use super::{Operation, Simd};
use crate::kernels::Isa;
use std::arch::x86_64::*;

/// Proof that the processor has AVX2 and FMA, with the bit instructions of the same generation.
#[derive(Debug, Clone, Copy)]
pub struct Avx2(());

impl Avx2 {
    /// The token, if this processor has the instructions and the operating system saves their registers.
    pub fn detect() -> Option<Self> {
        (is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("fma")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("popcnt"))
        .then_some(Self(()))
    }
}

#[allow(unsafe_code)]
impl Simd for Avx2 {
    const ISA: Isa = Isa::Avx2;
    const LANES: usize = 8;
    const ROWS: usize = 6;
    type F32 = __m256;

    #[inline(always)]
    fn zero(self) -> __m256 {
        // SAFETY: the token proves that the processor has the instruction; it touches no memory.
        unsafe { _mm256_setzero_ps() }
    }

    #[inline(always)]
    fn splat(self, value: f32) -> __m256 {
        // SAFETY: as for `zero`.
        unsafe { _mm256_set1_ps(value) }
    }

    #[inline(always)]
    fn add(self, a: __m256, b: __m256) -> __m256 {
        // SAFETY: as for `zero`.
        unsafe { _mm256_add_ps(a, b) }
    }

    #[inline(always)]
    fn mul_add(self, a: __m256, b: __m256, c: __m256) -> __m256 {
        // SAFETY: as for `zero`.
        unsafe { _mm256_fmadd_ps(a, b, c) }
    }

    #[inline(always)]
    unsafe fn load(self, from: *const f32) -> __m256 {
        // SAFETY: the token proves the instruction, the caller vouches for 8 readable numbers; it needs no alignment.
        unsafe { _mm256_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn store(self, value: __m256, to: *mut f32) {
        // SAFETY: the token proves the instruction, the caller vouches for 8 writable numbers; it needs no alignment.
        unsafe { _mm256_storeu_ps(to, value) }
    }

    fn vectorize<O: Operation>(self, operation: O) -> O::Output {
        #[target_feature(enable = "avx2,fma,bmi1,bmi2,popcnt")]
        fn shell<O: Operation>(simd: Avx2, operation: O) -> O::Output {
            operation.run(simd)
        }
        // SAFETY: `detect` asked for each of these features before it made the token.
        unsafe { shell(self, operation) }
    }
}
