//! Layers: a configuration that registers its tensors in a [`ParameterBuilder`](crate::ParameterBuilder) and becomes a
//! small handle with a `forward`. Handles hold no values, so all blocks of a network share one set of them.

mod batch_norm;
mod conv;
mod linear;
mod norm;

pub use batch_norm::BatchNorm;
pub use conv::{Conv2d, Conv3x3};
pub use linear::Linear;
pub use norm::{LayerNorm, RmsNorm};
