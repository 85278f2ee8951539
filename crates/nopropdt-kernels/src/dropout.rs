//! Dropout by 16-bit thresholds: a value is kept when its random 16-bit number is not below the threshold.

use crate::random::{Rounds, Stream};
use crate::simd::{Operation, Simd};

/// Which values of a buffer are dropped, and what the kept ones are multiplied by.
#[derive(Debug, Clone, Copy)]
pub struct DropoutMask {
    threshold: u16,
    /// Factor of the kept values: the inverse of the *realised* keep probability, so the mean is exact.
    pub scale: f32,
    stream: Stream,
}

impl DropoutMask {
    /// A mask dropping each value with `probability`, rounded to a multiple of 1/65536.
    ///
    /// # Panics
    /// Unless `0 <= probability < 1`.
    pub fn new(probability: f32, stream: Stream) -> Self {
        assert!(
            (0.0..1.0).contains(&probability),
            "dropout: probability must be in 0..1; found {probability}"
        );
        let threshold = (probability * 65536.0).round().min(65535.0) as u16;
        Self { threshold, scale: 65536.0 / (65536.0 - f32::from(threshold)), stream }
    }

    /// Multiplies each value by the scale or by zero; `offset` is the position of `values[0]` in the whole buffer,
    /// so any cut into pieces gives the same result.
    pub fn apply(&self, offset: u64, values: &mut [f32]) {
        self.apply_by((), offset, values, |values, random| self.keep(values, random));
    }

    /// [`apply`](Self::apply) with the vectors of an instruction set; the result is the same to the bit.
    pub(super) fn apply_on<S: Simd>(&self, simd: S, offset: u64, values: &mut [f32]) {
        // By itself, so that there is one copy of it: of code that several inline, the compiler keeps closures apart.
        simd.vectorize(Apply { mask: self, offset, values });
    }

    #[inline(always)]
    fn apply_by<R: Rounds>(&self, by: R, offset: u64, values: &mut [f32], keep: impl Fn(&mut [f32], &[u16])) {
        let mut random = Random([0; PIECE]);
        for (index, piece) in values.chunks_mut(random.0.len()).enumerate() {
            let random = &mut random.0[..piece.len()];
            self.stream.fill_u16_for(by, offset + (index * PIECE) as u64, random);
            keep(piece, random);
        }
    }

    #[inline(always)]
    fn keep(&self, values: &mut [f32], random: &[u16]) {
        for (value, &random) in values.iter_mut().zip(random) {
            *value *= if random >= self.threshold { self.scale } else { 0.0 };
        }
    }
}

/// Values that get their random numbers together: 2 KiB of these.
const PIECE: usize = 1024;

/// Random numbers on whole cache lines, so that no vector lies on two.
#[repr(align(64))]
struct Random([u16; PIECE]);

/// A mask to be applied with the vectors of an instruction set.
struct Apply<'a> {
    mask: &'a DropoutMask,
    offset: u64,
    values: &'a mut [f32],
}

#[allow(unsafe_code)]
impl Operation for Apply<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let DropoutMask { threshold, scale, .. } = *self.mask;
        self.mask.apply_by(simd, self.offset, self.values, |values, random| {
            assert_eq!(values.len(), random.len(), "dropout: wants a number for each value");
            let whole = values.len() / S::LANES * S::LANES;
            for first in (0..whole).step_by(S::LANES) {
                // SAFETY: a vector from `first` is inside the whole vectors of both.
                unsafe {
                    let (values, random) = (values.as_mut_ptr().add(first), random.as_ptr().add(first));
                    simd.keep(random, threshold, scale, values);
                }
            }
            self.mask.keep(&mut values[whole..], &random[whole..]);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drops_the_stated_share_and_keeps_the_mean() {
        let mut values = vec![1.0f32; 100_000];
        DropoutMask::new(0.2, Stream::new(3)).apply(0, &mut values);
        let kept = values.iter().filter(|&&v| v > 0.0).count() as f64 / 1e5;
        let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / 1e5;
        assert!((kept - 0.8).abs() < 0.006, "kept {kept}"); // 4.7 standard errors
        assert!((mean - 1.0).abs() < 0.008, "mean {mean}");
    }

    #[test]
    fn pieces_give_what_the_whole_gives() {
        let mask = DropoutMask::new(0.5, Stream::new(4));
        let mut whole = vec![1.0; 1000];
        mask.apply(0, &mut whole);
        let mut parts = vec![1.0; 1000];
        let (first, second) = parts.split_at_mut(333);
        mask.apply(0, first);
        mask.apply(333, second);
        assert_eq!(whole, parts);
    }
}
