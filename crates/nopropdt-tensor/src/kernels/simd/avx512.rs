//! AVX-512: 32 registers of 16 f32; multiply-adds on two ports where the server has both.

use super::{Avx2, Operation, Simd};
use crate::kernels::Isa;
use std::arch::x86_64::*;

/// Proof that the processor has AVX-512 F, BW, CD, DQ and VL, with AVX2, FMA and the bit instructions.
#[derive(Debug, Clone, Copy)]
pub struct Avx512(());

impl Avx512 {
    /// The token, if this processor has the instructions and the operating system saves their registers.
    pub fn detect() -> Option<Self> {
        (is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512cd")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl")
            && Avx2::detect().is_some())
        .then_some(Self(()))
    }
}

#[allow(unsafe_code)]
impl Simd for Avx512 {
    const ISA: Isa = Isa::Avx512;
    const LANES: usize = 16;
    const ROWS: usize = 14;
    type F32 = __m512;

    #[inline(always)]
    fn zero(self) -> __m512 {
        // SAFETY: the token proves that the processor has the instruction; it touches no memory.
        unsafe { _mm512_setzero_ps() }
    }

    #[inline(always)]
    fn splat(self, value: f32) -> __m512 {
        // SAFETY: as for `zero`.
        unsafe { _mm512_set1_ps(value) }
    }

    #[inline(always)]
    fn add(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: as for `zero`.
        unsafe { _mm512_add_ps(a, b) }
    }

    #[inline(always)]
    fn mul_add(self, a: __m512, b: __m512, c: __m512) -> __m512 {
        // SAFETY: as for `zero`.
        unsafe { _mm512_fmadd_ps(a, b, c) }
    }

    #[inline(always)]
    unsafe fn load(self, from: *const f32) -> __m512 {
        // SAFETY: the token proves the instruction, the caller vouches for 16 readable numbers; it needs no alignment.
        unsafe { _mm512_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn store(self, value: __m512, to: *mut f32) {
        // SAFETY: the token proves the instruction, the caller vouches for 16 writable numbers; it needs no alignment.
        unsafe { _mm512_storeu_ps(to, value) }
    }

    fn vectorize<O: Operation>(self, operation: O) -> O::Output {
        #[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx2,fma,bmi1,bmi2,popcnt")]
        fn shell<O: Operation>(simd: Avx512, operation: O) -> O::Output {
            operation.run(simd)
        }
        // SAFETY: `detect` asked for each of these features before it made the token.
        unsafe { shell(self, operation) }
    }
}
