//! One place along an axis.

use super::{Backward, Operation, Tape, Var};
use crate::graph::{self, GraphBuilder, Op};
use crate::tensor::Tensor;

struct Pick {
    axis: usize,
    index: usize,
}

impl Pick {
    /// Values behind the axis, and those along it and behind.
    fn sizes(&self, shape: &[usize]) -> (usize, usize) {
        let Self { axis, index } = *self;
        assert!(axis < shape.len(), "pick: axis must be below {}; found {axis}", shape.len());
        assert!(index < shape[axis], "pick: place must be below {}; found {index}", shape[axis]);
        let behind = shape[axis + 1..].iter().product();
        (behind, shape[axis] * behind)
    }
}

impl Operation for Pick {
    fn name(&self) -> &'static str {
        "pick"
    }

    fn forward(&mut self, inputs: &[&Tensor]) -> Tensor {
        let x = inputs[0];
        let (behind, along) = self.sizes(x.shape());
        let shape = [&x.shape()[..self.axis], &x.shape()[self.axis + 1..]].concat();
        Tensor::filled_by(&shape, |out| {
            let parts = x.data().chunks_exact(along.max(1));
            for (out, part) in out.chunks_exact_mut(behind.max(1)).zip(parts) {
                out.copy_from_slice(&part[self.index * behind..][..behind]);
            }
        })
    }

    fn backward(&self, back: &mut Backward<'_, '_>) {
        let ((behind, along), gradient) = (self.sizes(back.input(0).shape()), back.gradient());
        back.add(0, |sum| {
            let parts = sum.chunks_exact_mut(along.max(1));
            for (part, g) in parts.zip(gradient.chunks_exact(behind.max(1))) {
                super::add(&mut part[self.index * behind..][..behind], g);
            }
        });
    }

    fn graph(&self, graph: &mut GraphBuilder, inputs: &[graph::Value]) -> Option<graph::Value> {
        Some(graph.op(Op::Pick { axis: self.axis, index: self.index }, inputs))
    }

    fn keeps_storage(&self) -> bool {
        true
    }
}

impl Tape<'_> {
    /// Place `index` along `axis`, which the output lacks. Stored as `x` is.
    ///
    /// # Panics
    /// When `x` has no such axis, or no such place along it.
    pub fn pick(&mut self, x: Var, axis: usize, index: usize) -> Var {
        self.apply(Pick { axis, index }, &[x])
    }
}
