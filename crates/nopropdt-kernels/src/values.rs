//! Buffers of activations in either precision.

use crate::bf16::{Bf16, rounded};
use crate::buffer::Scratch;
use crate::precision::Precision;
use crate::simd::{Simd, WIDEST};
use std::ops::Range;

/// Activations in either precision, to read.
#[derive(Debug, Clone, Copy)]
pub enum Values<'a> {
    /// Single precision.
    F32(&'a [f32]),
    /// Half the size.
    Bf16(&'a [Bf16]),
}

impl<'a> From<&'a [f32]> for Values<'a> {
    #[inline]
    fn from(values: &'a [f32]) -> Self {
        Self::F32(values)
    }
}

impl<'a> From<&'a Vec<f32>> for Values<'a> {
    #[inline]
    fn from(values: &'a Vec<f32>) -> Self {
        Self::F32(values)
    }
}

impl<'a, const N: usize> From<&'a [f32; N]> for Values<'a> {
    #[inline]
    fn from(values: &'a [f32; N]) -> Self {
        Self::F32(values)
    }
}

impl<'a> From<&'a [Bf16]> for Values<'a> {
    #[inline]
    fn from(values: &'a [Bf16]) -> Self {
        Self::Bf16(values)
    }
}

impl<'a> Values<'a> {
    /// How many.
    #[inline]
    pub fn len(&self) -> usize {
        match self {
            Self::F32(values) => values.len(),
            Self::Bf16(values) => values.len(),
        }
    }

    /// Whether there are none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What they are stored in.
    #[inline]
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
    #[inline]
    #[must_use]
    pub fn slice(&self, range: Range<usize>) -> Self {
        match self {
            Self::F32(values) => Self::F32(&values[range]),
            Self::Bf16(values) => Self::Bf16(&values[range]),
        }
    }

    /// Cuts into runs of `length`; the last may be shorter.
    pub(crate) fn chunks(self, length: usize) -> impl Iterator<Item = Self> {
        (0..self.len()).step_by(length).map(move |start| self.slice(start..(start + length).min(self.len())))
    }

    /// The values as f32: themselves, or widened into `scratch`, which must be as long.
    #[inline(always)]
    pub(crate) fn widened<'s>(&self, scratch: &'s mut Scratch) -> &'s [f32]
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
    #[inline]
    pub fn len(&self) -> usize {
        match self {
            Self::F32(values) => values.len(),
            Self::Bf16(values) => values.len(),
        }
    }

    /// Whether there are none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Cuts into runs of `length`; the last may be shorter.
    pub(crate) fn chunks(self, length: usize) -> Vec<Self> {
        match self {
            Self::F32(values) => values.chunks_mut(length).map(Self::F32).collect(),
            Self::Bf16(values) => values.chunks_mut(length).map(Self::Bf16).collect(),
        }
    }

    /// Where what becomes `range` is to be written in f32: there, or at the start of `scratch`; [`ValuesMut::rounded_from`] follows.
    #[inline(always)]
    pub(crate) fn wide<'s>(&'s mut self, range: Range<usize>, scratch: &'s mut Scratch) -> &'s mut [f32] {
        match self {
            Self::F32(values) => &mut values[range],
            Self::Bf16(_) => &mut scratch[..range.len()],
        }
    }

    /// Rounds what [`ValuesMut::wide`] gave room for into `range`, if bf16 is stored.
    #[inline(always)]
    pub(crate) fn rounded_from(&mut self, range: Range<usize>, scratch: &Scratch) {
        if let Self::Bf16(values) = self {
            values[range].iter_mut().zip(scratch.iter()).for_each(|(to, &from)| *to = Bf16::from_f32(from));
        }
    }

    /// [`rounded_from`](Self::rounded_from) by the instruction set's own rounding, see [`Simd::store_rounded`].
    #[allow(unsafe_code)]
    #[inline(always)]
    pub(crate) fn rounded_on<S: Simd>(&mut self, simd: S, range: Range<usize>, scratch: &Scratch) {
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

/// The values as f32, rounded to what a product of this precision multiplies.
pub(crate) fn as_multiplied(values: Values<'_>, precision: Precision) -> Scratch {
    let mut wide = Scratch::any(values.len());
    match values {
        Values::F32(values) => wide.copy_from_slice(values),
        Values::Bf16(_) => {
            values.widened(&mut wide);
        }
    }
    if precision == Precision::Bf16 {
        wide.iter_mut().for_each(|value| *value = rounded(*value));
    }
    wide
}
