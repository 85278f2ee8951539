//! A limit on the length of the gradient.

use super::error::{OptimizerError, require};
use nopropdt_kernels::flushed;

/// Sums run in this many lanes, so that they vectorise and yet always add in the same order.
const LANES: usize = 8;

/// Scales `gradients` down to a Euclidean norm of at most `max_norm`; the result is their norm before.
///
/// The scale is min(1, max_norm / (norm + 1e-6)), as in PyTorch; what it makes subnormal becomes 0. Squares are added in f64, in an order that depends
/// only on the length. When the norm is infinite or NaN no scale would mend it: the gradients stay as they are, and
/// the caller sees it in the result.
///
/// # Panics
/// If `max_norm` is not above 0; see [`check_max_norm`].
pub fn clip_gradient_norm(gradients: &mut [f32], max_norm: f32) -> f32 {
    clip_norm_of_parts(&mut [gradients], max_norm)
}

/// [`clip_gradient_norm`] of one gradient that lies in several parts.
///
/// # Panics
/// If `max_norm` is not above 0; see [`check_max_norm`].
pub fn clip_norm_of_parts(parts: &mut [&mut [f32]], max_norm: f32) -> f32 {
    assert!(max_norm > 0.0, "max_norm: must be above 0; found {max_norm}");
    let norm = parts.iter().map(|part| sum_of_squares(part)).sum::<f64>().sqrt();
    let rounded = norm as f32;
    let scale = (f64::from(max_norm) / (norm + 1e-6)) as f32;
    if rounded.is_finite() && scale < 1.0 {
        for part in parts {
            part.iter_mut().for_each(|gradient| *gradient = flushed(*gradient * scale));
        }
    }
    rounded
}

/// Checks a limit read from a configuration.
///
/// # Errors
/// If it is not above 0. Infinity is allowed: it never clips.
pub fn check_max_norm(max_norm: f32) -> Result<(), OptimizerError> {
    require(max_norm > 0.0, "max_norm", "above 0", f64::from(max_norm))
}

fn sum_of_squares(values: &[f32]) -> f64 {
    let (chunks, rest) = values.as_chunks::<LANES>();
    let mut sums = [0.0f64; LANES];
    for chunk in chunks {
        for (sum, &value) in sums.iter_mut().zip(chunk) {
            *sum += f64::from(value) * f64::from(value);
        }
    }
    for (sum, &value) in sums.iter_mut().zip(rest) {
        *sum += f64::from(value) * f64::from(value);
    }
    sums.iter().sum()
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;

    use super::*;

    #[test]
    fn long_gradients_are_scaled_to_the_limit() {
        let mut gradients = [3.0, 0.0, -4.0];
        assert_eq!(clip_gradient_norm(&mut gradients, 1.0), 5.0);
        let (mut three, mut four) = ([3.0], [0.0, -4.0]);
        assert_eq!(clip_norm_of_parts(&mut [&mut three, &mut four], 1.0), 5.0);
        assert_eq!([three[0], four[0], four[1]], gradients);
        let scale = 1.0 / 5.000_001;
        assert_relative_eq!(gradients[..], [3.0 * scale, 0.0, -4.0 * scale], max_relative = 1e-6);
    }

    #[test]
    fn short_gradients_are_left_alone() {
        for max_norm in [5.1, f32::INFINITY] {
            let mut gradients = [3.0, -4.0];
            assert_eq!(clip_gradient_norm(&mut gradients, max_norm), 5.0);
            assert_eq!(gradients, [3.0, -4.0]);
        }
        assert_eq!(clip_gradient_norm(&mut [], 1.0), 0.0);
        assert_eq!(clip_gradient_norm(&mut [0.0; 9], 1.0), 0.0);
    }

    #[test]
    fn every_length_counts_each_value_once() {
        for length in 0..40u32 {
            let mut gradients: Vec<f32> = (1..=length).map(|i| i as f32).collect();
            let exact = f64::from(length * (length + 1) * (2 * length + 1) / 6).sqrt() as f32;
            assert_eq!(clip_gradient_norm(&mut gradients, 1e6), exact, "length {length}");
        }
    }

    #[test]
    fn squares_beyond_f32_are_summed() {
        let mut gradients = [3e30, 4e30];
        assert_relative_eq!(clip_gradient_norm(&mut gradients, 1.0), 5e30, max_relative = 1e-6);
        assert_relative_eq!(gradients[..], [0.6, 0.8], max_relative = 1e-6);
    }

    #[test]
    fn a_norm_that_is_not_finite_leaves_gradients_alone() {
        let mut gradients = [1.0, f32::NAN, 3.0];
        assert!(clip_gradient_norm(&mut gradients, 1.0).is_nan());
        assert_eq!((gradients[0], gradients[2]), (1.0, 3.0));
        for mut gradients in [[1.0, f32::NEG_INFINITY], [f32::MAX, f32::MAX]] {
            let before = gradients;
            assert_eq!(clip_gradient_norm(&mut gradients, 1.0), f32::INFINITY);
            assert_eq!(gradients, before);
        }
    }

    #[test]
    fn scaling_leaves_no_subnormal_number() {
        let mut gradients = [1e30, 1e-9, -1e-9, 1e-5];
        clip_gradient_norm(&mut gradients, 1.0);
        assert_eq!(gradients.map(f32::to_bits)[1..3], [0, 0]);
        assert!(gradients[3] > 0.0 && gradients.iter().all(|gradient| !gradient.is_subnormal()));
    }

    #[test]
    fn limits_must_be_above_zero() {
        for bad in [0.0, -1.0, f32::NAN] {
            let error = check_max_norm(bad).unwrap_err();
            assert!(matches!(error, OptimizerError::Parameter { name: "max_norm", .. }), "{error}");
        }
        assert_eq!(check_max_norm(f32::INFINITY), Ok(()));
    }

    #[test]
    #[should_panic(expected = "max_norm: must be above 0; found NaN")]
    fn clipping_to_nan_panics() {
        clip_gradient_norm(&mut [1.0], f32::NAN);
    }
}
