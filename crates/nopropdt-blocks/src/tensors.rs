//! Which tensors a network has, before there is one.

use crate::named::Named;
use nopropdt_tensor::Entry;

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
