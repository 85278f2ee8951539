//! ReLU and the 2×2 maximum of single values: what every instruction set agrees with.

/// max(value, 0), and NaN for NaN: [`f32::max`] would hide that a network has diverged.
#[inline(always)]
pub fn relu(value: f32) -> f32 {
    if value < 0.0 { 0.0 } else { value }
}

/// The gradient that a ReLU of this output passes on, as in PyTorch: all of it above 0, and where the output is NaN.
#[inline(always)]
pub fn passed_by_relu(output: f32, gradient: f32) -> f32 {
    if output <= 0.0 { 0.0 } else { gradient }
}

/// Whether a max-pool goes on from `best` to `value`, as in PyTorch: to what is larger, and to NaN. The first of equal numbers wins, and
/// the last NaN.
#[inline(always)]
pub fn replaces_maximum(value: f32, best: f32) -> bool {
    value > best || value.is_nan()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn negative_numbers_become_zero_and_nan_stays() {
        assert_eq!([-2.0, 0.0, 3.0].map(relu), [0.0, 0.0, 3.0]);
        assert!(relu(f32::NAN).is_nan());
    }

    #[test]
    fn gradients_pass_above_zero_and_at_nan() {
        let outputs = [0.0, -0.0, f32::MIN_POSITIVE, 3.0, f32::INFINITY, f32::NAN];
        assert_eq!(outputs.map(|output| passed_by_relu(output, 7.0)), [0.0, 0.0, 7.0, 7.0, 7.0, 7.0]);
    }

    #[test]
    fn a_maximum_gives_way_to_what_is_larger_and_to_nan() {
        let (one, two, nan) = (1.0, 2.0, f32::NAN);
        assert!(
            replaces_maximum(two, one) && replaces_maximum(nan, f32::INFINITY) && replaces_maximum(nan, nan)
        );
        assert!(
            !replaces_maximum(one, one)
                && !replaces_maximum(f32::INFINITY, nan)
                && !replaces_maximum(0.0, -0.0)
        );
    }
}
