//! The operations a tape knows: each file holds an operation's forward pass beside its backward pass.

mod activation;
mod arithmetic;
mod attention;
mod batch_norm;
mod conv;
mod convolution;
mod distances;
mod embedding;
mod flip;
mod linear;
mod loss;
mod norm;
mod permute;
mod pick;
mod pool;
mod pool_window;
mod product;
mod reduce;
mod row_scale;
mod smooth;
mod window;

pub use batch_norm::BatchNormParts;
pub use conv::{ConvEpilogue, ConvParts, Dropout};
pub use window::Window;

use super::{
    Backward, Laying, Mode, Operation, Pass, Precision, Recorded, Slot, StatisticUpdate, Tape, Value, Var,
};

/// sum += values, elementwise.
fn add(sum: &mut [f32], values: &[f32]) {
    sum.iter_mut().zip(values).for_each(|(s, v)| *s += v);
}

#[cfg(test)]
mod tests;
