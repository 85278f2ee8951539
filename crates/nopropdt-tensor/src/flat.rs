//! Loops over flat lists of numbers: sums, checks and bytes.
//!
//! They are compiled here, with this crate's optimisation, so that crates above can be built quickly and still not wait.

use nopropdt_kernels::flushed;

/// Adds `share` times `values` to `sum`.
///
/// # Panics
/// When the lengths differ.
pub fn add_scaled(sum: &mut [f32], share: f32, values: &[f32]) {
    assert_eq!(sum.len(), values.len(), "add_scaled: lists must have one length");
    sum.iter_mut().zip(values).for_each(|(sum, value)| *sum += share * value);
}

/// Moves `average` by `share` of the way to `values`. What it leaves is [`flushed`].
///
/// # Panics
/// When the lengths differ.
pub fn towards(average: &mut [f32], values: &[f32], share: f32) {
    assert_eq!(average.len(), values.len(), "towards: lists must have one length");
    let pairs = average.iter_mut().zip(values);
    pairs.for_each(|(average, value)| *average = flushed(*average + share * (value - *average)));
}

/// Multiplies all values by `share`.
pub fn scale(values: &mut [f32], share: f32) {
    values.iter_mut().for_each(|value| *value *= share);
}

/// Σ a·b, added up in f64.
///
/// # Panics
/// When the lengths differ.
#[must_use]
pub fn dot(a: &[f32], b: &[f32]) -> f64 {
    assert_eq!(a.len(), b.len(), "dot: lists must have one length");
    a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
}

/// Σ (a − b)², added up in f64.
///
/// # Panics
/// When the lengths differ.
#[must_use]
pub fn squared_distance(a: &[f32], b: &[f32]) -> f64 {
    assert_eq!(a.len(), b.len(), "squared_distance: lists must have one length");
    a.iter().zip(b).map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2)).sum()
}

/// The place of the first value that is infinite or not a number.
#[must_use]
pub fn first_not_finite(values: &[f32]) -> Option<usize> {
    values.iter().position(|value| !value.is_finite())
}

/// Writes values as little-endian bytes, four for each.
///
/// # Panics
/// When `bytes` is not four times as long.
pub fn to_le_bytes(values: &[f32], bytes: &mut [u8]) {
    assert_eq!(bytes.len(), 4 * values.len(), "to_le_bytes: a value takes four bytes");
    bytes.as_chunks_mut().0.iter_mut().zip(values).for_each(|(bytes, value)| *bytes = value.to_le_bytes());
}

/// Appends the values that little-endian bytes hold, four for each.
///
/// # Panics
/// When `bytes` end within a value.
pub fn extend_from_le_bytes(values: &mut Vec<f32>, bytes: &[u8]) {
    let (fours, rest) = bytes.as_chunks();
    assert!(rest.is_empty(), "extend_from_le_bytes: a value takes four bytes");
    values.extend(fours.iter().map(|&four| f32::from_le_bytes(four)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_and_checks() {
        let mut sum = [1.0, -2.0, 0.5];
        add_scaled(&mut sum, 0.5, &[2.0, 4.0, -1.0]);
        assert_eq!(sum, [2.0, 0.0, 0.0]);
        towards(&mut sum, &[4.0, 1.0, 0.0], 0.25);
        assert_eq!(sum, [2.5, 0.25, 0.0]);
        towards(&mut sum, &[2.0, 0.0, 1e-40], 1.0);
        assert_eq!(sum, [2.0, 0.0, 0.0]);
        scale(&mut sum, -3.0);
        assert_eq!(sum, [-6.0, 0.0, 0.0]);
        assert_eq!(first_not_finite(&sum), None);
        assert_eq!(first_not_finite(&[0.0, f32::NEG_INFINITY, f32::NAN]), Some(1));
        assert_eq!(first_not_finite(&[0.0, 1.0, f32::NAN]), Some(2));
    }

    #[test]
    fn products_are_added_up_in_f64() {
        assert_eq!(dot(&[1.0, -2.0, 0.5], &[2.0, 4.0, -1.0]), -6.5);
        assert_eq!(dot(&[3e38, 1.0], &[1.0, 1.0]), f64::from(3e38f32) + 1.0);
        assert_eq!(squared_distance(&[1.0, -2.0], &[4.0, 2.0]), 25.0);
        assert_eq!((dot(&[], &[]), squared_distance(&[], &[])), (0.0, 0.0));
    }

    #[test]
    fn bytes_and_back() {
        let values = [1.0, -0.0, f32::MIN_POSITIVE, f32::MAX, f32::from_bits(1)];
        let mut bytes = [0; 20];
        to_le_bytes(&values, &mut bytes);
        assert_eq!(bytes[..8], [0, 0, 0x80, 0x3f, 0, 0, 0, 0x80]);
        let mut back = vec![7.0];
        extend_from_le_bytes(&mut back, &bytes);
        assert_eq!(back[0], 7.0);
        assert!(back[1..].iter().zip(&values).all(|(a, b)| a.to_bits() == b.to_bits()));
    }
}
