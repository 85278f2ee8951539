//! The softmax of scores, with an exponential that the compiler makes vectors of.

/// Lanes that sums and maxima are kept in, so that they are those of vectors and the same on every machine.
const LANES: usize = 8;

/// Replaces a row of scores by its softmax, shifted by the largest so that nothing overflows.
pub(super) fn row(scores: &mut [f32]) {
    let largest = reduce(scores, f32::NEG_INFINITY, |a, b| if a > b { a } else { b });
    scores.iter_mut().for_each(|score| *score = exp(*score - largest));
    let share = 1.0 / reduce(scores, 0.0, |a, b| a + b);
    scores.iter_mut().for_each(|score| *score *= share);
}

/// Replaces the gradient dP of the weights P by that of the scores, P·(dP − Σ P·dP), row by row.
pub(super) fn rows_backward(weights: &[f32], gradient: &mut [f32], columns: usize) {
    for (p, g) in weights.chunks_exact(columns).zip(gradient.chunks_exact_mut(columns)) {
        let mean = dot(p, g);
        g.iter_mut().zip(p).for_each(|(g, p)| *g = p * (*g - mean));
    }
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0.0; LANES];
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    for (a, b) in a.iter().zip(b) {
        for ((lane, a), b) in lanes.iter_mut().zip(a).zip(b) {
            *lane += a * b;
        }
    }
    let rest = a_rest.iter().zip(b_rest).map(|(a, b)| a * b);
    lanes.into_iter().chain(rest).sum()
}

fn reduce(values: &[f32], start: f32, join: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = [start; LANES];
    let (whole, rest) = values.as_chunks::<LANES>();
    for chunk in whole {
        lanes.iter_mut().zip(chunk).for_each(|(lane, &value)| *lane = join(*lane, value));
    }
    lanes.iter().chain(rest).copied().fold(start, join)
}

/// e^x for x ≤ 0; e^−87 below −87, and NaN stays NaN.
///
/// x = n·ln 2 + r with a whole n and |r| ≤ ln 2/2, and e^r by its Taylor series to r⁷.
///
/// # Accuracy
/// Within 2 units in the last place.
#[inline(always)]
fn exp(x: f32) -> f32 {
    /// Adding it rounds to whole numbers, which are then the low bits.
    const ROUND: f32 = 12_582_912.0; // 1.5 · 2²³
    /// ln 2 in two parts: the first is short, so that n times it is exact.
    const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];
    let x = if x < -87.0 { -87.0 } else { x };
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = (x - n * LN_2[0]) - n * LN_2[1];
    let series = [1.0 / 5040.0, 1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0];
    let e = series.into_iter().fold(0.0, |sum, factor| sum * r + factor);
    let power = f32::from_bits((shifted.to_bits() << 23).wrapping_add(127 << 23));
    e * power
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exponential_is_within_two_units_in_the_last_place() {
        let mut worst = 0.0_f64;
        for step in 0..870_000 {
            let x = -(step as f32) * 1e-4;
            let exact = f64::from(x).exp();
            let unit = f64::from((exact as f32).next_up() - exact as f32);
            worst = worst.max((f64::from(exp(x)) - exact).abs() / unit);
        }
        assert!(worst < 2.0, "{worst} units");
        assert_eq!(exp(0.0), 1.0);
        assert!(exp(f32::NEG_INFINITY) < 2e-38 && exp(f32::NAN).is_nan());
    }

    #[test]
    fn a_row_is_its_formula_at_lengths_around_the_lanes() {
        for length in [1, 2, 7, 8, 9, 16, 17] {
            let scores: Vec<f32> = (0..length).map(|i| ((i * 7 % 5) as f32 - 2.0) * 9.0).collect();
            let exact: Vec<f64> = scores.iter().map(|&s| f64::from(s).exp()).collect();
            let sum: f64 = exact.iter().sum();
            let mut found = scores.clone();
            row(&mut found);
            for (found, exact) in found.iter().zip(&exact) {
                assert!((f64::from(*found) - exact / sum).abs() < 1e-6, "{length}");
            }
        }
    }

    #[test]
    fn nan_is_not_hidden() {
        for at in [0, 9] {
            let mut scores = [0.0; 10];
            scores[at] = f32::NAN;
            row(&mut scores);
            assert!(scores.iter().all(|weight| weight.is_nan()), "{at}");
        }
    }
}
