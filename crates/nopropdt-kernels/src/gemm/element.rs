//! What operands are stored as, and how pairs are made of it.

use crate::bf16::{Bf16, Pair};
use crate::simd::Simd;

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
