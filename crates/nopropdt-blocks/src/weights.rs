//! All that a network has learned.

use crate::named::Named;
use crate::tensors::Tensors;
use nopropdt_tensor::Parameters;

/// Name of the embedding's set in [`Weights::shared`].
pub(crate) const EMBEDDING: &str = "embedding";
/// Name of the output head's set in [`Weights::shared`].
pub(crate) const HEAD: &str = "head";

/// All that a network has learned.
#[derive(Debug, Clone, PartialEq)]
pub struct Weights {
    /// One set a block, t = 1..=T at index t − 1. Where blocks learn alone, no loss ever sees two of them.
    pub blocks: Vec<Parameters>,
    /// What all blocks share: `embedding`, which is empty where it is fixed, the output `head`, then what only some methods have, such
    /// as the `schedule` of CT.
    pub shared: Named<Parameters>,
}

impl Weights {
    /// Every set: the blocks', then the shared ones.
    pub fn sets(&self) -> impl Iterator<Item = &Parameters> {
        self.blocks.iter().chain(self.shared.values())
    }

    /// Every set, to be changed.
    pub fn sets_mut(&mut self) -> impl Iterator<Item = &mut Parameters> {
        self.blocks.iter_mut().chain(self.shared.values_mut())
    }

    /// Names and shapes of all tensors; blocks are of one shape.
    pub fn tensors(&self) -> Tensors {
        let entries = |set: &Parameters| set.entries().cloned().collect();
        Tensors {
            blocks: self.blocks.len(),
            own: self.blocks.first().map(entries).unwrap_or_default(),
            shared: self.shared.iter().map(|(name, set)| (name, entries(set))).collect(),
        }
    }

    /// Number of trainable values.
    pub fn len(&self) -> usize {
        self.sets().map(Parameters::len).sum()
    }

    /// Whether nothing is trainable.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
