//! Time as a network that serves all times sees it.

use nopropdt_tensor::Tensor;

/// Values of an embedded time, by [`embed_times`].
pub const TIME_EMBEDDING: usize = 64;
/// Times run over 0..=1; the sinusoids are those of Vaswani et al. 2017, made for positions in the hundreds.
const SCALE: f64 = 1000.0;
/// Ratio of the longest to the shortest wave.
const SPAN: f64 = 10_000.0;

/// sin(1000·t·ω_i) and cos(1000·t·ω_i) with ω_i from 1 down to 1/10,000 in equal ratios: [B, 64].
pub fn embed_times(times: &[f64]) -> Tensor {
    let half = TIME_EMBEDDING / 2;
    Tensor::filled_by(&[times.len(), TIME_EMBEDDING], |data| {
        for (row, t) in data.chunks_exact_mut(TIME_EMBEDDING).zip(times) {
            let (sines, cosines) = row.split_at_mut(half);
            for (index, (sine, cosine)) in sines.iter_mut().zip(cosines).enumerate() {
                let angle = SCALE * t * SPAN.powf(-(index as f64) / (half - 1) as f64);
                (*sine, *cosine) = (angle.sin() as f32, angle.cos() as f32);
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_sines_and_cosines_of_falling_frequency() {
        let embedded = embed_times(&[0.0, 0.37]);
        assert_eq!(embedded.shape(), [2, 64]);
        let (zero, later) = embedded.data().split_at(64);
        assert!(zero[..32].iter().all(|&v| v == 0.0) && zero[32..].iter().all(|&v| v == 1.0));
        assert!((later[0] - 370f32.sin()).abs() < 1e-4 && (later[32] - 370f32.cos()).abs() < 1e-4);
        assert!((later[31] - 0.037f32.sin()).abs() < 1e-6);
    }
}
