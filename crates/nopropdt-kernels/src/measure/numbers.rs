//! Made-up operands.

use crate::random::Stream;

/// Numbers of U(−½, ½) that depend on `tag` alone.
pub(super) fn uniform(length: usize, tag: u64) -> Vec<f32> {
    let mut values = vec![0.0; length];
    Stream::new(1).child(tag).fill_uniform(&mut values);
    values.iter_mut().for_each(|value| *value -= 0.5);
    values
}
