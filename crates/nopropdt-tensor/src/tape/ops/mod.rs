//! The operations a tape knows: each file holds an operation's forward pass beside its backward pass.

mod activation;
mod arithmetic;
mod batch_norm;
mod conv;
mod distances;
mod embedding;
mod linear;
mod loss;
mod pool;
mod row_scale;

pub use batch_norm::BatchNormParts;
pub use conv::{ConvEpilogue, ConvParts, Dropout};

use super::{Mode, Operation, Pass, Precision, Slot, StatisticUpdate, Tape, Value, Var};

/// sum += values, elementwise.
fn add(sum: &mut [f32], values: &[f32]) {
    sum.iter_mut().zip(values).for_each(|(s, v)| *s += v);
}

#[cfg(test)]
mod tests;
