//! AVX-512: 32 registers of 16 f32; multiply-adds on two ports where the server has both. With the BF16 extension a product of
//! pairs is one instruction too.

use super::avx2::Avx2;
use super::vectors::{Operation, Simd};
use crate::amx;
use crate::bf16::{Bf16, Pair};
use crate::isa::Isa;
use crate::random::{Lanes, MULTIPLIERS, ROUNDS, Rounds, WEYL};
use std::arch::x86_64::*;
use std::mem::transmute;

/// Proof that the processor has AVX-512 F, BW, CD, DQ and VL, with AVX2, FMA and the bit instructions.
#[derive(Debug, Clone, Copy)]
pub struct Avx512With<const BF16: bool, const TILES: bool>(());

/// Products of pairs by f32 arithmetic.
pub type Avx512 = Avx512With<false, false>;
/// Products of pairs by `vdpbf16ps`.
pub type Avx512Bf16 = Avx512With<true, false>;
/// Products of pairs by AMX tiles where they fit, else by `vdpbf16ps`.
pub type Amx = Avx512With<true, true>;

impl<const BF16: bool, const TILES: bool> Avx512With<BF16, TILES> {
    /// The token, if this processor has the instructions and the operating system saves their registers.
    pub fn detect() -> Option<Self> {
        (is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512cd")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl")
            && (!BF16 || is_x86_feature_detected!("avx512bf16"))
            && (!TILES || amx::available())
            && Avx2::detect().is_some())
        .then_some(Self(()))
    }
}

#[allow(unsafe_code)]
impl<const BF16: bool, const TILES: bool> Rounds for Avx512With<BF16, TILES> {
    #[inline(always)]
    fn philox<const L: usize>(self, key: [u32; 2], counters: Lanes<L>) -> Lanes<L> {
        const { assert!(L.is_multiple_of(16), "Stream draws whole vectors of counters") };
        let mut words = counters;
        for first in (0..L).step_by(16) {
            // SAFETY: the token proves the instructions; 16 words from `first` are inside each array, as L is a multiple of 16.
            unsafe {
                let [a, b, c, d] =
                    words.each_mut().map(|words| words.as_mut_ptr().add(first).cast::<__m512i>());
                let state = [a.read_unaligned(), b.read_unaligned(), c.read_unaligned(), d.read_unaligned()];
                let state = philox(key, state);
                a.write_unaligned(state[0]);
                b.write_unaligned(state[1]);
                c.write_unaligned(state[2]);
                d.write_unaligned(state[3]);
            }
        }
        words
    }
}

/// The rounds of Philox on 16 counters.
///
/// The product of two words fills 64 bits, so even and odd lanes go separate ways, each in the lower halves of 64-bit lanes. The upper
/// halves hold what is left over; no round reads them.
///
/// # Safety
/// The processor must have AVX-512 F.
#[allow(unsafe_code)]
#[inline(always)]
unsafe fn philox(key: [u32; 2], counters: [__m512i; 4]) -> [__m512i; 4] {
    // SAFETY: the caller vouches for the instructions; they touch no memory.
    unsafe {
        let factors = MULTIPLIERS.map(|factor| _mm512_set1_epi32(factor.cast_signed()));
        let mut keys = key.map(|key| _mm512_set1_epi32(key.cast_signed()));
        let [mut even, mut odd] = [counters, counters.map(|words| _mm512_shuffle_epi32::<0xF5>(words))];
        for _ in 0..ROUNDS {
            even = round(even, keys, factors);
            odd = round(odd, keys, factors);
            keys[0] = _mm512_add_epi32(keys[0], _mm512_set1_epi32(WEYL[0].cast_signed()));
            keys[1] = _mm512_add_epi32(keys[1], _mm512_set1_epi32(WEYL[1].cast_signed()));
        }
        for (even, odd) in even.iter_mut().zip(odd) {
            *even = _mm512_mask_shuffle_epi32::<0xA0>(*even, 0xAAAA, odd);
        }
        even
    }
}

/// A round on the lower halves of 64-bit lanes.
///
/// # Safety
/// The processor must have AVX-512 F.
#[allow(unsafe_code)]
#[inline(always)]
unsafe fn round([a, b, c, d]: [__m512i; 4], keys: [__m512i; 2], factors: [__m512i; 2]) -> [__m512i; 4] {
    // SAFETY: the caller vouches for the instructions; they touch no memory. 0x96 is the exclusive or of three.
    unsafe {
        let (first, second) = (_mm512_mul_epu32(a, factors[0]), _mm512_mul_epu32(c, factors[1]));
        let a = _mm512_ternarylogic_epi32::<0x96>(_mm512_srli_epi64::<32>(second), b, keys[0]);
        let c = _mm512_ternarylogic_epi32::<0x96>(_mm512_srli_epi64::<32>(first), d, keys[1]);
        [a, second, c, first]
    }
}

// SAFETY: only `detect` makes a value, after it has asked for every feature that a method or `vectorize` uses, with TILES for working
// tiles too; vectors are of 16 f32.
#[allow(unsafe_code)]
unsafe impl<const BF16: bool, const TILES: bool> Simd for Avx512With<BF16, TILES> {
    const ISA: Isa = match (BF16, TILES) {
        (false, _) => Isa::Avx512,
        (true, false) => Isa::Avx512Bf16,
        (true, true) => Isa::Amx,
    };
    const TILES: bool = TILES;
    const LANES: usize = 16;
    const ROWS: usize = 14;
    type F32 = __m512;
    type Pairs = __m512i;
    type Square = __m512;
    type Places = __m512i;

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
    fn sub(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: as for `zero`.
        unsafe { _mm512_sub_ps(a, b) }
    }

    #[inline(always)]
    fn mul(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: as for `zero`.
        unsafe { _mm512_mul_ps(a, b) }
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

    #[inline(always)]
    unsafe fn store_nonzero(
        self,
        values: __m512,
        to: *mut f32,
        first: u32,
        step: u32,
        positions: *mut u32,
    ) -> usize {
        // SAFETY: the token proves the instructions; the caller vouches for 16 writable elements at both places.
        unsafe {
            let nonzero = _mm512_cmp_ps_mask::<_CMP_NEQ_UQ>(values, _mm512_setzero_ps());
            let steps = _mm512_mullo_epi32(lanes(), _mm512_set1_epi32(step.cast_signed()));
            let all = _mm512_add_epi32(_mm512_set1_epi32(first.cast_signed()), steps);
            _mm512_storeu_ps(to, _mm512_maskz_compress_ps(nonzero, values));
            _mm512_storeu_si512(positions.cast(), _mm512_maskz_compress_epi32(nonzero, all));
            nonzero.count_ones() as usize
        }
    }

    #[inline(always)]
    unsafe fn keep(self, random: *const u16, threshold: u16, scale: f32, values: *mut f32) {
        // SAFETY: the token proves the instructions; the caller vouches for 16 elements at both places.
        unsafe {
            let random = _mm256_loadu_si256(random.cast());
            let kept = _mm256_cmpge_epu16_mask(random, _mm256_set1_epi16(threshold.cast_signed()));
            let factors = _mm512_maskz_mov_ps(kept, _mm512_set1_ps(scale));
            _mm512_storeu_ps(values, _mm512_mul_ps(_mm512_loadu_ps(values), factors));
        }
    }

    #[inline(always)]
    unsafe fn store_rounded(self, value: __m512, to: *mut Bf16) {
        // SAFETY: the token proves the instructions; the caller vouches for 16 writable numbers, 32 bytes.
        unsafe { _mm256_storeu_si256(to.cast(), halves::<BF16>(value)) }
    }

    #[inline(always)]
    unsafe fn store_pairs(self, first: __m512, second: __m512, to: *mut Pair) {
        // SAFETY: the token proves the instructions; the caller vouches for 16 writable pairs, 64 bytes.
        unsafe {
            let first = _mm512_castsi256_si512(halves::<BF16>(first));
            let both = _mm512_inserti64x4::<1>(first, halves::<BF16>(second));
            // Lane i: number i of the lower half, then number i of the upper one.
            let upper = _mm512_slli_epi32::<16>(_mm512_add_epi32(lanes(), _mm512_set1_epi32(16)));
            let order = _mm512_or_si512(lanes(), upper);
            _mm512_storeu_si512(to.cast(), _mm512_permutexvar_epi16(order, both));
        }
    }

    #[inline(always)]
    unsafe fn store_pooled(self, values: [__m512; 4], bias: __m512, out: *mut f32, largest: *mut u8) {
        // SAFETY: the token proves the instructions; the caller vouches for 16 writable elements at both places.
        unsafe {
            let [first, others @ ..] = values;
            let (mut best, mut which) = (first, _mm_setzero_si128());
            for (index, value) in (1..).zip(others) {
                // As for AVX2: one comparison does not tell both.
                let above = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(value, best);
                let larger = above | _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(value, value);
                best = _mm512_mask_mov_ps(best, larger, value);
                which = _mm_mask_mov_epi8(which, larger, _mm_set1_epi8(index));
            }
            // Of a NaN and a number, or of two zeros, the maximum is the second.
            let out_values = _mm512_max_ps(_mm512_setzero_ps(), _mm512_add_ps(best, bias));
            _mm512_storeu_ps(out, out_values);
            _mm_storeu_si128(largest.cast(), which);
        }
    }

    #[inline(always)]
    fn passed_by_relu(self, output: __m512, gradient: __m512) -> __m512 {
        // SAFETY: as for `zero`. Not at most 0: above it, or NaN.
        unsafe {
            _mm512_maskz_mov_ps(_mm512_cmp_ps_mask::<_CMP_NLE_UQ>(output, _mm512_setzero_ps()), gradient)
        }
    }

    #[inline(always)]
    unsafe fn load_square(self, from: *const f32, row: usize) -> __m512 {
        // SAFETY: the token proves the instructions, the caller vouches for four readable numbers in each of four rows.
        unsafe {
            let square = _mm512_castps128_ps512(_mm_loadu_ps(from));
            let square = _mm512_insertf32x4::<1>(square, _mm_loadu_ps(from.add(row)));
            let square = _mm512_insertf32x4::<2>(square, _mm_loadu_ps(from.add(2 * row)));
            _mm512_insertf32x4::<3>(square, _mm_loadu_ps(from.add(3 * row)))
        }
    }

    #[inline(always)]
    unsafe fn load_places(self, pixels: *const u8) -> __m512i {
        // SAFETY: the token proves the instructions, the caller vouches for 16 readable bytes.
        unsafe {
            let pixels = _mm512_cvtepu8_epi32(_mm_loadu_si128(pixels.cast()));
            // The second row of a window is four numbers on in the square, not two.
            _mm512_add_epi32(pixels, _mm512_and_si512(pixels, _mm512_set1_epi32(2)))
        }
    }

    #[inline(always)]
    fn pick(self, square: __m512, places: __m512i, down: usize, right: usize) -> __m512 {
        // SAFETY: as for `zero`.
        unsafe {
            let places = _mm512_add_epi32(places, _mm512_set1_epi32((4 * down + right) as i32));
            _mm512_permutexvar_ps(places, square)
        }
    }

    #[inline(always)]
    unsafe fn load_pairs(self, from: *const Pair) -> __m512i {
        // SAFETY: the token proves the instruction, the caller vouches for 16 readable pairs; it needs no alignment.
        unsafe { _mm512_loadu_si512(from.cast()) }
    }

    #[inline(always)]
    fn splat_pair(self, pair: Pair) -> __m512i {
        // SAFETY: as for `zero`.
        unsafe { _mm512_set1_epi32(pair.bits().cast_signed()) }
    }

    #[inline(always)]
    fn dot(self, a: __m512i, b: __m512i, sum: __m512) -> __m512 {
        // SAFETY: as for `zero`; with BF16 the token proves that extension as well. The types differ in name alone.
        unsafe {
            if BF16 {
                return _mm512_dpbf16_ps(
                    sum,
                    transmute::<__m512i, __m512bh>(a),
                    transmute::<__m512i, __m512bh>(b),
                );
            }
            let upper = _mm512_set1_epi32(0xFFFF_0000_u32.cast_signed());
            let [first_a, first_b] = [a, b].map(|pairs| _mm512_castsi512_ps(_mm512_slli_epi32::<16>(pairs)));
            let [second_a, second_b] =
                [a, b].map(|pairs| _mm512_castsi512_ps(_mm512_and_si512(pairs, upper)));
            _mm512_fmadd_ps(first_a, first_b, _mm512_fmadd_ps(second_a, second_b, sum))
        }
    }

    fn vectorize<O: Operation>(self, operation: O) -> O::Output {
        #[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx2,fma,bmi1,bmi2,popcnt")]
        fn plain<S: Simd, O: Operation>(simd: S, operation: O) -> O::Output {
            operation.run(simd)
        }
        #[target_feature(
            enable = "avx512bf16,avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx2,fma,bmi1,bmi2,popcnt"
        )]
        fn with_bf16<S: Simd, O: Operation>(simd: S, operation: O) -> O::Output {
            operation.run(simd)
        }
        // SAFETY: `detect` asked for each of these features before it made the token.
        unsafe { if BF16 { with_bf16(self, operation) } else { plain(self, operation) } }
    }
}

/// 0 to 15.
///
/// # Safety
/// The processor must have AVX-512 F.
#[allow(unsafe_code)]
#[inline(always)]
unsafe fn lanes() -> __m512i {
    // SAFETY: the caller vouches for the instruction.
    unsafe { _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15) }
}

/// 16 numbers rounded to bf16.
///
/// # Safety
/// The processor must have AVX-512 F and BW, and with `HARDWARE` the BF16 extension.
#[allow(unsafe_code)]
#[inline(always)]
unsafe fn halves<const HARDWARE: bool>(value: __m512) -> __m256i {
    // SAFETY: the caller vouches for the instructions. The types differ in name alone.
    unsafe {
        if HARDWARE { transmute::<__m256bh, __m256i>(_mm512_cvtneps_pbh(value)) } else { rounded(value) }
    }
}

/// [`Bf16::from_f32`] of 16 numbers.
///
/// # Safety
/// The processor must have AVX-512 F and BW.
#[allow(unsafe_code)]
#[inline(always)]
unsafe fn rounded(value: __m512) -> __m256i {
    // SAFETY: the caller vouches for the instructions.
    unsafe {
        let bits = _mm512_castps_si512(value);
        let odd = _mm512_and_si512(_mm512_srli_epi32::<16>(bits), _mm512_set1_epi32(1));
        let up = _mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7FFF)));
        let nan = _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(value, value);
        let quiet = _mm512_or_si512(bits, _mm512_set1_epi32(0x0040_0000));
        _mm512_cvtepi32_epi16(_mm512_srli_epi32::<16>(_mm512_mask_mov_epi32(up, nan, quiet)))
    }
}
