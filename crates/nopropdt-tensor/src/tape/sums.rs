//! Where a backward pass adds up the gradients of parameters: sets whole, or tensor by tensor, each handed on as soon as it is final.

use crate::parameters::{ParameterId, Parameters};

/// The gradient of one attached set while it is summed.
pub(super) enum SetSum {
    /// Flat, kept to the end.
    Whole(Vec<f32>),
    /// Tensor by tensor.
    Parts(Vec<Part>),
}

/// The gradient of one tensor until the last operation that reads it has had its turn.
#[derive(Clone, Default)]
pub(super) struct Part {
    /// Operations that read it and are still to come.
    uses: usize,
    /// None before the first of them adds to it.
    sum: Option<Vec<f32>>,
}

impl SetSum {
    /// Tensor by tensor, of a set of `tensors`.
    pub(super) fn parts(tensors: usize) -> Self {
        Self::Parts(vec![Part::default(); tensors])
    }

    /// One more operation reads the tensor.
    pub(super) fn count_use(&mut self, id: ParameterId) {
        if let Self::Parts(parts) = self {
            parts[id.index()].uses += 1;
        }
    }

    /// One of these operations has had its turn; the gradient, if that was the last of them and any has added to it.
    pub(super) fn used(&mut self, id: ParameterId) -> Option<Vec<f32>> {
        let Self::Parts(parts) = self else { return None };
        let part = &mut parts[id.index()];
        part.uses -= 1;
        if part.uses == 0 { part.sum.take() } else { None }
    }

    /// Whether whoever reads the tensor next is the last, and the first, to add to it.
    pub(super) fn is_handed_on_by(&self, id: ParameterId) -> bool {
        let Self::Parts(parts) = self else { return false };
        let part = &parts[id.index()];
        part.uses == 1 && part.sum.is_none()
    }

    /// The gradient of a tensor of `set`, to add to.
    ///
    /// # Panics
    /// When every operation that names this tensor has had its turn.
    pub(super) fn of(&mut self, set: &Parameters, id: ParameterId) -> &mut [f32] {
        let range = set.range(id);
        match self {
            Self::Whole(sum) => &mut sum[range],
            Self::Parts(parts) => {
                let part = &mut parts[id.index()];
                assert!(part.uses > 0, "tape: an operation must name the parameters that it reads");
                part.sum.get_or_insert_with(|| vec![0.0; range.len()])
            }
        }
    }

    /// What is left at the end: the whole gradient; nothing where it was handed on.
    pub(super) fn into_whole(self) -> Vec<f32> {
        match self {
            Self::Whole(sum) => sum,
            Self::Parts(_) => Vec::new(),
        }
    }
}
