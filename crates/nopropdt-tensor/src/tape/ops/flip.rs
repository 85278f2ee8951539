//! Places along an axis in the opposite order, as in a mirror.

use super::{Backward, Operation, Tape, Var};
use crate::graph::{self, GraphBuilder, Op};
use crate::tensor::Tensor;

struct Flip {
    axis: usize,
}

impl Flip {
    /// Runs `of_pair` over each run of values of `to` that one place holds, and the run of `from` that is as far from the other end.
    fn pairs(&self, shape: &[usize], to: &mut [f32], from: &[f32], of_pair: impl Fn(&mut [f32], &[f32])) {
        let behind = shape[self.axis + 1..].iter().product::<usize>().max(1);
        let along = (shape[self.axis] * behind).max(1);
        for (to, from) in to.chunks_exact_mut(along).zip(from.chunks_exact(along)) {
            let pairs = to.chunks_exact_mut(behind).zip(from.chunks_exact(behind).rev());
            pairs.for_each(|(to, from)| of_pair(to, from));
        }
    }
}

impl Operation for Flip {
    fn name(&self) -> &'static str {
        "flip"
    }

    fn forward(&mut self, inputs: &[&Tensor]) -> Tensor {
        let (x, axes) = (inputs[0], inputs[0].shape().len());
        assert!(self.axis < axes, "flip: axis must be below {axes}; found {}", self.axis);
        Tensor::filled_by(x.shape(), |out| {
            self.pairs(x.shape(), out, x.data(), |to, from| to.copy_from_slice(from));
        })
    }

    fn backward(&self, back: &mut Backward<'_, '_>) {
        let (shape, gradient) = (back.input(0).shape().to_vec(), back.gradient());
        back.add(0, |sum| self.pairs(&shape, sum, gradient, super::add));
    }

    fn graph(&self, graph: &mut GraphBuilder, inputs: &[graph::Value]) -> Option<graph::Value> {
        Some(graph.op(Op::Flip { axis: self.axis }, inputs))
    }

    fn keeps_storage(&self) -> bool {
        true
    }
}

impl Tape<'_> {
    /// The values of `x` with the places along `axis` in the opposite order. Stored as `x` is.
    ///
    /// # Panics
    /// When `x` has no such axis.
    pub fn flip(&mut self, x: Var, axis: usize) -> Var {
        self.apply(Flip { axis }, &[x])
    }
}
