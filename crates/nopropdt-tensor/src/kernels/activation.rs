//! ReLU of one value.

/// max(value, 0), and NaN for NaN: [`f32::max`] would hide that a network has diverged.
#[inline(always)]
pub fn relu(value: f32) -> f32 {
    if value < 0.0 { 0.0 } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn negative_numbers_become_zero_and_nan_stays() {
        assert_eq!([-2.0, 0.0, 3.0].map(relu), [0.0, 0.0, 3.0]);
        assert!(relu(f32::NAN).is_nan());
    }
}
