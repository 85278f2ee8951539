//! Dropout by 16-bit thresholds: a value is kept when its random 16-bit number is not below the threshold.

use super::simd::Simd;
use crate::random::Stream;

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
        self.apply_for((), offset, values);
    }

    /// [`apply`](Self::apply) with the vectors of an instruction set; the result is the same to the bit.
    #[inline(always)]
    pub(super) fn apply_on<S: Simd>(&self, simd: S, offset: u64, values: &mut [f32]) {
        self.apply_for(simd, offset, values);
    }

    #[inline(always)]
    fn apply_for<C: Copy>(&self, caller: C, offset: u64, values: &mut [f32]) {
        let mut random = [0u16; 256];
        for (index, piece) in values.chunks_mut(random.len()).enumerate() {
            let random = &mut random[..piece.len()];
            self.stream.fill_u16_for(caller, offset + index as u64 * 256, random);
            for (value, &r) in piece.iter_mut().zip(random.iter()) {
                *value *= if r >= self.threshold { self.scale } else { 0.0 };
            }
        }
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
