//! What becomes of values that decay below the normal numbers.
//!
//! A running average whose input is zero shrinks by a factor a step and would end among the subnormal numbers: below
//! [`f32::MIN_POSITIVE`], where a last digit rounds back to itself and arithmetic takes a processor up to a hundred times as long.
//! So whatever is carried from step to step passes through [`flushed`]: moments of optimisers, the parameters they move, running
//! statistics. It is a rule of the arithmetic and no mode of the processor, so results are the same on every machine and thread.

/// `value`, or +0 where that is closer to 0 than the smallest normal number. NaN stays NaN.
#[inline(always)]
#[must_use]
pub fn flushed(value: f32) -> f32 {
    if value.abs() < f32::MIN_POSITIVE { 0.0 } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn below_the_smallest_normal_number_is_zero() {
        let below = f32::from_bits(f32::MIN_POSITIVE.to_bits() - 1);
        for value in [below, -below, f32::from_bits(1), -f32::from_bits(1), 0.0, -0.0] {
            assert_eq!(flushed(value).to_bits(), 0, "{value:e}");
        }
        for value in [f32::MIN_POSITIVE, -f32::MIN_POSITIVE, 1.0, f32::MAX, f32::NEG_INFINITY, f32::NAN] {
            assert_eq!(flushed(value).to_bits(), value.to_bits(), "{value:e}");
        }
    }

    proptest! {
        #[test]
        fn only_subnormal_numbers_and_the_sign_of_zero_change(bits in any::<u32>(), small in 0u32..1 << 23, negative: bool) {
            for bits in [bits, small | u32::from(negative) << 31] {
                let value = f32::from_bits(bits);
                let kept = !value.is_subnormal() && value != 0.0;
                prop_assert_eq!(flushed(value).to_bits(), if kept { bits } else { 0 });
            }
        }
    }
}
