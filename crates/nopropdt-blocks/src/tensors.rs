//! Which tensors a network has, before there is one.

use crate::method::Weights;
use crate::named::Named;
use nopropdt_tensor::{Entry, Parameters};

/// Names and shapes of all tensors of a network.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensors {
    /// Number of blocks.
    pub blocks: usize,
    /// Those of each block.
    pub own: Vec<Entry>,
    /// Those of each shared set.
    pub shared: Named<Vec<Entry>>,
}

impl Tensors {
    /// Those of `weights`, whose blocks are of one shape.
    pub fn of(weights: &Weights) -> Self {
        let entries = |set: &Parameters| set.entries().cloned().collect();
        Self {
            blocks: weights.blocks.len(),
            own: weights.blocks.first().map(entries).unwrap_or_default(),
            shared: weights.shared.iter().map(|(name, set)| (name, entries(set))).collect(),
        }
    }
}
