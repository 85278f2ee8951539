//! bf16: the upper half of an f32. It stores activations and enters products; every sum is f32.
//!
//! Rounding is to the nearest, ties to even: [`Bf16::from_f32`], or the instruction behind
//! [`Simd::store_rounded`](crate::simd::Simd::store_rounded), which differs in that numbers too small to be normal become 0.

/// A number of 8 exponent bits and 8 significant bits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(transparent)]
pub struct Bf16(u16);

impl Bf16 {
    /// The nearest bf16, ties to even; NaN stays NaN.
    #[inline(always)]
    pub fn from_f32(value: f32) -> Self {
        let bits = value.to_bits();
        let rounded = bits.wrapping_add(0x7FFF + (bits >> 16 & 1));
        // A NaN's mantissa could round to infinity; the quiet bit keeps it one.
        let bits = if value.is_nan() { bits | 0x0040_0000 } else { rounded };
        Self((bits >> 16) as u16)
    }

    /// The same number, exactly.
    #[inline(always)]
    pub fn to_f32(self) -> f32 {
        f32::from_bits(u32::from(self.0) << 16)
    }
}

/// `value` rounded to bf16.
#[inline(always)]
pub fn rounded(value: f32) -> f32 {
    Bf16::from_f32(value).to_f32()
}

/// Two steps of a sum side by side, the first in the lower half: what a bf16 product takes at once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(transparent)]
pub struct Pair(u32);

impl Pair {
    /// Both numbers rounded.
    #[inline(always)]
    pub fn round(first: f32, second: f32) -> Self {
        Self::new(Bf16::from_f32(first), Bf16::from_f32(second))
    }

    /// The two numbers.
    #[inline(always)]
    pub fn new(first: Bf16, second: Bf16) -> Self {
        Self(u32::from(first.0) | u32::from(second.0) << 16)
    }

    /// The first number with another beside it, rounded.
    #[inline(always)]
    #[must_use]
    pub fn with_second(self, second: f32) -> Self {
        Self(self.0 & 0xFFFF | u32::from(Bf16::from_f32(second).0) << 16)
    }

    /// The bits, the first number's below the second's.
    #[inline(always)]
    pub fn bits(self) -> u32 {
        self.0
    }

    /// The first number.
    #[inline(always)]
    pub fn first(self) -> f32 {
        f32::from_bits(self.0 << 16)
    }

    /// The second number.
    #[inline(always)]
    pub fn second(self) -> f32 {
        f32::from_bits(self.0 & 0xFFFF_0000)
    }
}

/// Scratch memory is 32-bit words; these see them as pairs.
#[allow(unsafe_code)]
pub(crate) fn as_pairs(words: &[f32]) -> &[Pair] {
    // SAFETY: f32 and Pair (a transparent u32) have one size and alignment, and any bits are a value of either.
    unsafe { std::slice::from_raw_parts(words.as_ptr().cast(), words.len()) }
}

/// As [`as_pairs`], for writing.
#[allow(unsafe_code)]
pub(crate) fn as_pairs_mut(words: &mut [f32]) -> &mut [Pair] {
    // SAFETY: as for `as_pairs`, and the borrow is unique.
    unsafe { std::slice::from_raw_parts_mut(words.as_mut_ptr().cast(), words.len()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rounds_to_the_nearest_and_ties_to_even() {
        let one = 1.0f32.to_bits();
        for (bits, expected) in [
            (one, one),
            (one + 0x7FFF, one),
            (one + 0x8000, one), // a tie: the even neighbour is below
            (one + 0x8001, one + 0x1_0000),
            (one + 0x1_8000, one + 0x2_0000), // a tie: the even neighbour is above
            (f32::MAX.to_bits(), f32::INFINITY.to_bits()),
            (f32::INFINITY.to_bits(), f32::INFINITY.to_bits()),
            ((-0.0f32).to_bits(), (-0.0f32).to_bits()),
        ] {
            assert_eq!(rounded(f32::from_bits(bits)).to_bits(), expected, "{bits:x}");
        }
        for nan in [0x7F80_0001, 0x7FFF_FFFF, 0xFFFF_FFFF] {
            assert!(rounded(f32::from_bits(nan)).is_nan(), "{nan:x}");
        }
    }

    proptest! {
        #[test]
        fn the_error_is_at_most_half_a_unit(value in -1e30f32..1e30) {
            prop_assert!((rounded(value) - value).abs() <= value.abs() / 256.0);
            prop_assert_eq!(rounded(rounded(value)), rounded(value));
        }

        #[test]
        fn a_pair_holds_both(first in -9.0f32..9.0, second in -9.0f32..9.0) {
            let pair = Pair::round(first, second);
            prop_assert_eq!((pair.first(), pair.second()), (rounded(first), rounded(second)));
        }
    }
}
