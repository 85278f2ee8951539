//! Finite differences: the test every operation has to pass.

use crate::parameters::Parameters;
use crate::tensor::Tensor;

/// Largest disagreement between a gradient and central differences, relative to the gradient's largest value.
///
/// `loss` is evaluated at points `step` away from `at` along each axis; it should accumulate in f64. NaN anywhere gives NaN,
/// so compare as `error < bound`, which NaN fails.
///
/// # Panics
/// When `gradient` is not as long as `at`.
pub fn relative_error(at: &[f32], gradient: &[f32], step: f32, mut loss: impl FnMut(&[f32]) -> f64) -> f64 {
    assert_eq!(at.len(), gradient.len(), "relative_error: point and gradient differ in length");
    let mut point = at.to_vec();
    let numeric: Vec<f64> = (0..at.len())
        .map(|index| {
            let mut ends = [at[index] + step, at[index] - step].map(|moved| {
                point[index] = moved;
                (f64::from(moved), loss(&point))
            });
            point[index] = at[index];
            ends.reverse();
            (ends[1].1 - ends[0].1) / (ends[1].0 - ends[0].0)
        })
        .collect();
    compare(gradient, &numeric)
}

/// max |a − b| / max |b|, NaN if any value is NaN; the absolute difference when b is all zero.
pub fn compare(found: &[f32], expected: &[f64]) -> f64 {
    let larger = |a: f64, b: f64| if a.is_nan() || b.is_nan() { f64::NAN } else { a.max(b) };
    let scale = expected.iter().map(|v| v.abs()).fold(0.0, larger);
    let difference = found.iter().zip(expected).map(|(&f, e)| (f64::from(f) - e).abs()).fold(0.0, larger);
    if found.len() != expected.len() {
        return f64::NAN;
    }
    if scale == 0.0 { difference } else { difference / scale }
}

/// As [`relative_error`], along the trainable values of a parameter set.
pub fn parameter_error(
    parameters: &Parameters,
    gradient: &[f32],
    step: f32,
    mut loss: impl FnMut(&Parameters) -> f64,
) -> f64 {
    let mut moved = parameters.clone();
    relative_error(parameters.values(), gradient, step, |values| {
        moved.values_mut().copy_from_slice(values);
        loss(&moved)
    })
}

/// Σ output · upstream in f64: a scalar whose gradient with respect to `output` is `upstream`.
///
/// # Panics
/// When the lengths differ.
pub fn weighted_sum(output: &Tensor, upstream: &[f32]) -> f64 {
    assert_eq!(output.len(), upstream.len(), "weighted_sum: lengths differ");
    output.data().iter().zip(upstream).map(|(o, u)| f64::from(*o) * f64::from(*u)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_right_gradient_passes_and_a_wrong_one_does_not() {
        let square = |x: &[f32]| x.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>();
        assert!(relative_error(&[1.0, -2.0], &[2.0, -4.0], 1e-2, square) < 1e-6);
        assert!(relative_error(&[1.0, -2.0], &[2.0, -3.9], 1e-2, square) > 1e-2);
    }

    #[test]
    fn nan_and_infinity_never_pass() {
        for (found, expected) in
            [(f32::NAN, 1.0), (1.0, f64::NAN), (f32::INFINITY, 1.0), (1.0, f64::INFINITY)]
        {
            let error = compare(&[0.0, found], &[0.0, expected]);
            assert!(error.is_nan() || error.is_infinite(), "{found} against {expected}: {error}");
        }
    }

    #[test]
    fn zero_expected_is_compared_absolutely_and_lengths_must_agree() {
        assert_eq!(compare(&[0.5], &[0.0]), 0.5);
        assert!(compare(&[1.0], &[1.0, 2.0]).is_nan());
    }
}
