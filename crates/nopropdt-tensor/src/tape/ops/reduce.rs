//! Sums and means over one axis.

use super::{Backward, Operation, Tape, Var};
use crate::graph::{self, GraphBuilder, Op};
use crate::tensor::Tensor;

struct SumOver {
    axis: usize,
    /// Whether the sum is divided by its number of terms.
    is_mean: bool,
}

impl SumOver {
    /// (values before the axis, along it, behind it), and what each term counts.
    fn sizes(&self, x: &Tensor) -> ([usize; 3], f32) {
        let (shape, axis) = (x.shape(), self.axis);
        assert!(axis < shape.len(), "{}: axis must be below {}; found {axis}", self.name(), shape.len());
        let along = shape[axis];
        assert!(!self.is_mean || along > 0, "mean_over: wants at least one value along the axis");
        let sizes = [shape[..axis].iter().product(), along, shape[axis + 1..].iter().product()];
        (sizes, if self.is_mean { 1.0 / along as f32 } else { 1.0 })
    }
}

impl Operation for SumOver {
    fn name(&self) -> &'static str {
        if self.is_mean { "mean_over" } else { "sum_over" }
    }

    fn forward(&mut self, inputs: &[&Tensor]) -> Tensor {
        let x = inputs[0];
        let ([_, along, behind], share) = self.sizes(x);
        let shape = [&x.shape()[..self.axis], &x.shape()[self.axis + 1..]].concat();
        Tensor::filled_by(&shape, |sums| {
            let parts = x.data().chunks_exact((along * behind).max(1));
            for (sums, part) in sums.chunks_exact_mut(behind.max(1)).zip(parts) {
                part.chunks_exact(behind).for_each(|row| super::add(sums, row));
                sums.iter_mut().for_each(|sum| *sum *= share);
            }
        })
    }

    fn graph(&self, graph: &mut GraphBuilder, inputs: &[graph::Value]) -> Option<graph::Value> {
        let axis = self.axis;
        let op = if self.is_mean { Op::ReduceMean { axis } } else { Op::ReduceSum { axis } };
        Some(graph.op(op, inputs))
    }

    fn backward(&self, back: &mut Backward<'_, '_>) {
        let (([_, along, behind], share), gradient) = (self.sizes(&back.input(0)), back.gradient());
        back.add(0, |sum| {
            let parts = sum.chunks_exact_mut((along * behind).max(1));
            for (part, g) in parts.zip(gradient.chunks_exact(behind.max(1))) {
                for row in part.chunks_exact_mut(behind) {
                    row.iter_mut().zip(g).for_each(|(sum, g)| *sum += share * g);
                }
            }
        });
    }
}

impl Tape<'_> {
    /// Sum over `axis`, which the output lacks.
    ///
    /// # Panics
    /// When `x` has no such axis.
    pub fn sum_over(&mut self, x: Var, axis: usize) -> Var {
        self.apply(SumOver { axis, is_mean: false }, &[x])
    }

    /// Mean over `axis`, which the output lacks.
    ///
    /// # Panics
    /// When `x` has no such axis, or no value along it.
    pub fn mean_over(&mut self, x: Var, axis: usize) -> Var {
        self.apply(SumOver { axis, is_mean: true }, &[x])
    }
}
