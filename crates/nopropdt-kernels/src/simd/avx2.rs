//! AVX2: 16 registers of 8 f32.

use super::vectors::{Operation, Simd};
use crate::bf16::Pair;
use crate::isa::Isa;
use crate::random::Rounds;
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

impl Rounds for Avx2 {}

// SAFETY: only `detect` makes a value, after it has asked for every feature that a method or `vectorize` uses; vectors are of 8 f32.
#[allow(unsafe_code)]
unsafe impl Simd for Avx2 {
    const ISA: Isa = Isa::Avx2;
    const LANES: usize = 8;
    const ROWS: usize = 6;
    type F32 = __m256;
    type Pairs = __m256i;
    type Square = [__m256; 2];
    type Places = __m256i;

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
    fn sub(self, a: __m256, b: __m256) -> __m256 {
        // SAFETY: as for `zero`.
        unsafe { _mm256_sub_ps(a, b) }
    }

    #[inline(always)]
    fn mul(self, a: __m256, b: __m256) -> __m256 {
        // SAFETY: as for `zero`.
        unsafe { _mm256_mul_ps(a, b) }
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

    #[inline(always)]
    unsafe fn keep(self, random: *const u16, threshold: u16, scale: f32, values: *mut f32) {
        // SAFETY: the token proves the instructions; the caller vouches for 8 elements at both places.
        unsafe {
            let random = _mm256_cvtepu16_epi32(_mm_loadu_si128(random.cast()));
            let dropped = _mm256_cmpgt_epi32(_mm256_set1_epi32(i32::from(threshold)), random);
            let factors = _mm256_andnot_ps(_mm256_castsi256_ps(dropped), _mm256_set1_ps(scale));
            _mm256_storeu_ps(values, _mm256_mul_ps(_mm256_loadu_ps(values), factors));
        }
    }

    #[inline(always)]
    unsafe fn store_pooled(self, values: [__m256; 4], bias: __m256, out: *mut f32, largest: *mut u8) {
        // SAFETY: the token proves the instructions; the caller vouches for 8 writable elements at both places.
        unsafe {
            let [first, others @ ..] = values;
            let (mut best, mut which) = (first, _mm256_setzero_si256());
            for (index, value) in (1..).zip(others) {
                // One comparison can tell a larger number or a NaN, but not without a NaN in `best` giving way to a number.
                let above = _mm256_cmp_ps::<_CMP_GT_OQ>(value, best);
                let larger = _mm256_or_ps(above, _mm256_cmp_ps::<_CMP_UNORD_Q>(value, value));
                best = _mm256_blendv_ps(best, value, larger);
                which = _mm256_blendv_epi8(which, _mm256_set1_epi32(index), _mm256_castps_si256(larger));
            }
            // Of a NaN and a number, or of two zeros, the maximum is the second.
            let out_values = _mm256_max_ps(_mm256_setzero_ps(), _mm256_add_ps(best, bias));
            _mm256_storeu_ps(out, out_values);
            let words = _mm_packs_epi32(_mm256_castsi256_si128(which), _mm256_extracti128_si256::<1>(which));
            _mm_storel_epi64(largest.cast(), _mm_packus_epi16(words, words));
        }
    }

    #[inline(always)]
    fn passed_by_relu(self, output: __m256, gradient: __m256) -> __m256 {
        // SAFETY: as for `zero`. Not at most 0: above it, or NaN.
        unsafe { _mm256_and_ps(_mm256_cmp_ps::<_CMP_NLE_UQ>(output, _mm256_setzero_ps()), gradient) }
    }

    #[inline(always)]
    unsafe fn load_square(self, from: *const f32, row: usize) -> [__m256; 2] {
        // SAFETY: the token proves the instructions, the caller vouches for four readable numbers in each of four rows.
        unsafe {
            [0, 2].map(|first| {
                _mm256_set_m128(
                    _mm_loadu_ps(from.add((first + 1) * row)),
                    _mm_loadu_ps(from.add(first * row)),
                )
            })
        }
    }

    #[inline(always)]
    unsafe fn load_places(self, pixels: *const u8) -> __m256i {
        // SAFETY: the token proves the instructions, the caller vouches for 8 readable bytes.
        unsafe {
            let pixels = _mm256_cvtepu8_epi32(_mm_loadl_epi64(pixels.cast()));
            // The second row of a window is four numbers on in the square, not two.
            _mm256_add_epi32(pixels, _mm256_and_si256(pixels, _mm256_set1_epi32(2)))
        }
    }

    #[inline(always)]
    fn pick(self, square: [__m256; 2], places: __m256i, down: usize, right: usize) -> __m256 {
        // SAFETY: as for `zero`.
        unsafe {
            let places = _mm256_add_epi32(places, _mm256_set1_epi32((4 * down + right) as i32));
            let upper = _mm256_permutevar8x32_ps(square[0], places);
            let lower = _mm256_permutevar8x32_ps(square[1], places);
            // Places from 8 on are in the lower half: their bit becomes the sign that the blend looks at.
            _mm256_blendv_ps(upper, lower, _mm256_castsi256_ps(_mm256_slli_epi32::<28>(places)))
        }
    }

    #[inline(always)]
    unsafe fn load_pairs(self, from: *const Pair) -> __m256i {
        // SAFETY: the token proves the instruction, the caller vouches for 8 readable pairs; it needs no alignment.
        unsafe { _mm256_loadu_si256(from.cast()) }
    }

    #[inline(always)]
    fn splat_pair(self, pair: Pair) -> __m256i {
        // SAFETY: as for `zero`.
        unsafe { _mm256_set1_epi32(pair.bits().cast_signed()) }
    }

    #[inline(always)]
    fn dot(self, a: __m256i, b: __m256i, sum: __m256) -> __m256 {
        // SAFETY: as for `zero`.
        unsafe {
            let upper = _mm256_set1_epi32(0xFFFF_0000_u32.cast_signed());
            let [first_a, first_b] = [a, b].map(|pairs| _mm256_castsi256_ps(_mm256_slli_epi32::<16>(pairs)));
            let [second_a, second_b] =
                [a, b].map(|pairs| _mm256_castsi256_ps(_mm256_and_si256(pairs, upper)));
            _mm256_fmadd_ps(first_a, first_b, _mm256_fmadd_ps(second_a, second_b, sum))
        }
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
