//! bf16: the upper half of an f32. It stores activations and enters products; every sum is f32.
//!
//! Rounding is to the nearest, ties to even: [`Bf16::from_f32`], or the instruction behind
//! [`Simd::store_rounded`], which differs in that numbers too small to be normal become 0.

use super::Scratch;
use super::simd::{Simd, WIDEST};
use std::ops::Range;

/// In what numbers activations are stored and multiplied; sums, weights, statistics and optimisers are f32 in both.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Precision {
    /// 24 significant bits.
    #[default]
    F32,
    /// 8 significant bits: half the memory, and products that processors with bf16 instructions do two or more at a time.
    Bf16,
}

/// A number of 8 exponent bits and 8 significant bits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(transparent)]
pub struct Bf16(u16);

impl std::fmt::Display for Precision {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
        })
    }
}

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

/// What activations are stored as.
pub(super) trait Element: Copy {
    /// The nearest bf16.
    fn to_bf16(self) -> Bf16;

    /// `to[i] = (first[i], second[i])`, for slices of one length.
    fn pair<S: Simd>(simd: S, first: &[Self], second: &[Self], to: &mut [Pair]);

    /// `to[i] = (from[2 i], from[2 i + 1])`, for twice as many numbers as pairs.
    fn pair_neighbours<S: Simd>(simd: S, from: &[Self], to: &mut [Pair]);
}

#[allow(unsafe_code)]
impl Element for f32 {
    #[inline(always)]
    fn to_bf16(self) -> Bf16 {
        Bf16::from_f32(self)
    }

    #[inline(always)]
    fn pair<S: Simd>(simd: S, first: &[Self], second: &[Self], to: &mut [Pair]) {
        let whole = to.len() / S::LANES * S::LANES;
        for at in (0..whole).step_by(S::LANES) {
            let (first, second) = (&first[at..][..S::LANES], &second[at..][..S::LANES]);
            let to = &mut to[at..][..S::LANES];
            // SAFETY: the three slices have LANES elements.
            unsafe {
                simd.store_pairs(simd.load(first.as_ptr()), simd.load(second.as_ptr()), to.as_mut_ptr());
            }
        }
        let rest = to[whole..].iter_mut().zip(first[whole..].iter().zip(&second[whole..]));
        rest.for_each(|(to, (&first, &second))| *to = Pair::round(first, second));
    }

    #[inline(always)]
    fn pair_neighbours<S: Simd>(simd: S, from: &[Self], to: &mut [Pair]) {
        let (mut vectors, mut targets) = (from.chunks_exact(S::LANES), to.chunks_exact_mut(S::LANES / 2));
        for (from, to) in vectors.by_ref().zip(targets.by_ref()) {
            // SAFETY: LANES numbers are read, and half as many pairs, two bf16 each, are written. The processors that have vectors here
            // are little-endian: the first of a pair is at the lower address.
            unsafe { simd.store_rounded(simd.load(from.as_ptr()), to.as_mut_ptr().cast()) };
        }
        let rest = targets.into_remainder().iter_mut().zip(vectors.remainder().as_chunks::<2>().0);
        rest.for_each(|(to, &[first, second])| *to = Pair::round(first, second));
    }
}

impl Element for Bf16 {
    #[inline(always)]
    fn to_bf16(self) -> Bf16 {
        self
    }

    #[inline(always)]
    fn pair<S: Simd>(_: S, first: &[Self], second: &[Self], to: &mut [Pair]) {
        for (to, (&first, &second)) in to.iter_mut().zip(first.iter().zip(second)) {
            *to = Pair::new(first, second);
        }
    }

    #[inline(always)]
    fn pair_neighbours<S: Simd>(_: S, from: &[Self], to: &mut [Pair]) {
        for (to, &[first, second]) in to.iter_mut().zip(from.as_chunks::<2>().0) {
            *to = Pair::new(first, second);
        }
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
pub(super) fn as_pairs(words: &[f32]) -> &[Pair] {
    // SAFETY: f32 and Pair (a transparent u32) have one size and alignment, and any bits are a value of either.
    unsafe { std::slice::from_raw_parts(words.as_ptr().cast(), words.len()) }
}

/// As [`as_pairs`], for writing.
#[allow(unsafe_code)]
pub(super) fn as_pairs_mut(words: &mut [f32]) -> &mut [Pair] {
    // SAFETY: as for `as_pairs`, and the borrow is unique.
    unsafe { std::slice::from_raw_parts_mut(words.as_mut_ptr().cast(), words.len()) }
}

/// Activations in either precision, to read.
#[derive(Debug, Clone, Copy)]
pub enum Values<'a> {
    /// Single precision.
    F32(&'a [f32]),
    /// Half the size.
    Bf16(&'a [Bf16]),
}

impl<'a> From<&'a [f32]> for Values<'a> {
    fn from(values: &'a [f32]) -> Self {
        Self::F32(values)
    }
}

impl<'a> From<&'a Vec<f32>> for Values<'a> {
    fn from(values: &'a Vec<f32>) -> Self {
        Self::F32(values)
    }
}

impl<'a, const N: usize> From<&'a [f32; N]> for Values<'a> {
    fn from(values: &'a [f32; N]) -> Self {
        Self::F32(values)
    }
}

impl<'a> From<&'a [Bf16]> for Values<'a> {
    fn from(values: &'a [Bf16]) -> Self {
        Self::Bf16(values)
    }
}

impl<'a> Values<'a> {
    /// How many.
    pub fn len(&self) -> usize {
        match self {
            Self::F32(values) => values.len(),
            Self::Bf16(values) => values.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What they are stored in.
    pub fn precision(&self) -> Precision {
        match self {
            Self::F32(_) => Precision::F32,
            Self::Bf16(_) => Precision::Bf16,
        }
    }

    /// Some of them.
    ///
    /// # Panics
    /// When the range is not inside.
    #[must_use]
    pub fn slice(&self, range: Range<usize>) -> Self {
        match self {
            Self::F32(values) => Self::F32(&values[range]),
            Self::Bf16(values) => Self::Bf16(&values[range]),
        }
    }

    /// Cuts into runs of `length`; the last may be shorter.
    pub(super) fn chunks(self, length: usize) -> impl Iterator<Item = Self> {
        (0..self.len()).step_by(length).map(move |start| self.slice(start..(start + length).min(self.len())))
    }

    /// The values as f32: themselves, or widened into `scratch`, which must be as long.
    #[inline(always)]
    pub(super) fn widened<'s>(&self, scratch: &'s mut Scratch) -> &'s [f32]
    where
        'a: 's,
    {
        match self {
            Self::F32(values) => values,
            Self::Bf16(values) => {
                scratch.iter_mut().zip(*values).for_each(|(to, from)| *to = from.to_f32());
                &scratch[..values.len()]
            }
        }
    }
}

/// Activations in either precision, to write.
#[derive(Debug)]
pub enum ValuesMut<'a> {
    /// Single precision.
    F32(&'a mut [f32]),
    /// Half the size.
    Bf16(&'a mut [Bf16]),
}

impl<'a> ValuesMut<'a> {
    /// How many.
    pub fn len(&self) -> usize {
        match self {
            Self::F32(values) => values.len(),
            Self::Bf16(values) => values.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Cuts into runs of `length`; the last may be shorter.
    pub(super) fn chunks(self, length: usize) -> Vec<Self> {
        match self {
            Self::F32(values) => values.chunks_mut(length).map(Self::F32).collect(),
            Self::Bf16(values) => values.chunks_mut(length).map(Self::Bf16).collect(),
        }
    }

    /// Where what becomes `range` is to be written in f32: there, or at the start of `scratch`; [`ValuesMut::rounded_from`] follows.
    #[inline(always)]
    pub(super) fn wide<'s>(&'s mut self, range: Range<usize>, scratch: &'s mut Scratch) -> &'s mut [f32] {
        match self {
            Self::F32(values) => &mut values[range],
            Self::Bf16(_) => &mut scratch[..range.len()],
        }
    }

    /// Rounds what [`ValuesMut::wide`] gave room for into `range`, if bf16 is stored.
    #[inline(always)]
    pub(super) fn rounded_from(&mut self, range: Range<usize>, scratch: &Scratch) {
        if let Self::Bf16(values) = self {
            values[range].iter_mut().zip(scratch.iter()).for_each(|(to, &from)| *to = Bf16::from_f32(from));
        }
    }

    /// [`rounded_from`](Self::rounded_from) by the instruction set's own rounding, see [`Simd::store_rounded`].
    #[allow(unsafe_code)]
    #[inline(always)]
    pub(super) fn rounded_on<S: Simd>(&mut self, simd: S, range: Range<usize>, scratch: &Scratch) {
        if let Self::Bf16(values) = self {
            let (to, from) = (&mut values[range.clone()], &scratch[..range.len()]);
            let (mut vectors, mut targets) = (from.chunks_exact(S::LANES), to.chunks_exact_mut(S::LANES));
            for (from, to) in vectors.by_ref().zip(targets.by_ref()) {
                // SAFETY: both have LANES numbers.
                unsafe { simd.store_rounded(simd.load(from.as_ptr()), to.as_mut_ptr()) };
            }
            let (from, to) = (vectors.remainder(), targets.into_remainder());
            let (mut room, mut rounded) = ([0.0; WIDEST], [Bf16::default(); WIDEST]);
            room[..from.len()].copy_from_slice(from);
            // SAFETY: no vector is wider than the room.
            unsafe { simd.store_rounded(simd.load(room.as_ptr()), rounded.as_mut_ptr()) };
            to.copy_from_slice(&rounded[..to.len()]);
        }
    }
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
