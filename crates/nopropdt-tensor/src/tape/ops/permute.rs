//! Axes in another order.

use super::{Backward, Operation, Tape, Var};
use crate::graph::{self, GraphBuilder, Op};
use crate::tensor::Tensor;

struct Permute {
    /// Axis `i` of the output is axis `axes[i]` of the input.
    axes: Vec<usize>,
}

impl Permute {
    /// Values that stay side by side: those of the last axes, where these stay in place.
    fn run(&self, shape: &[usize]) -> usize {
        shape[self.moved()..].iter().product()
    }

    /// Axes before those that stay in place.
    fn moved(&self) -> usize {
        let is_moved = |&axis: &usize| self.axes[axis] != axis;
        (0..self.axes.len()).rev().find(is_moved).map_or(0, |last| last + 1)
    }

    /// For each run of the output, in order, its first value's place in the input of `shape`.
    fn places(&self, shape: &[usize]) -> Vec<usize> {
        let mut strides = vec![1; shape.len()];
        for axis in (1..shape.len()).rev() {
            strides[axis - 1] = strides[axis] * shape[axis];
        }
        let mut places = vec![0];
        for &axis in &self.axes[..self.moved()] {
            let (length, stride) = (shape[axis], strides[axis]);
            let along = |&start: &usize| (0..length).map(move |index| start + index * stride);
            places = places.iter().flat_map(along).collect();
        }
        places
    }
}

impl Operation for Permute {
    fn name(&self) -> &'static str {
        "permute"
    }

    fn forward(&mut self, inputs: &[&Tensor]) -> Tensor {
        let (x, rank) = (inputs[0], inputs[0].shape().len());
        let mut sorted = self.axes.clone();
        sorted.sort_unstable();
        let is_order = sorted.iter().copied().eq(0..rank);
        assert!(is_order, "permute: axes {:?} are no order of {rank} axes", self.axes);
        let shape: Vec<usize> = self.axes.iter().map(|&axis| x.shape()[axis]).collect();
        let (places, run) = (self.places(x.shape()), self.run(x.shape()));
        Tensor::filled_by(&shape, |out| {
            let runs = out.chunks_exact_mut(run.max(1)).zip(places);
            runs.for_each(|(out, place)| out.copy_from_slice(&x.data()[place..][..run]));
        })
    }

    fn graph(&self, graph: &mut GraphBuilder, inputs: &[graph::Value]) -> Option<graph::Value> {
        Some(graph.op(Op::Transpose(self.axes.clone()), inputs))
    }

    fn backward(&self, back: &mut Backward<'_, '_>) {
        let (x, gradient) = (back.input(0), back.gradient());
        let (places, run) = (self.places(x.shape()), self.run(x.shape()));
        back.add(0, |sum| {
            let runs = places.iter().zip(gradient.chunks_exact(run.max(1)));
            runs.for_each(|(&place, g)| super::add(&mut sum[place..][..run], g));
        });
    }

    fn keeps_storage(&self) -> bool {
        true
    }
}

impl Tape<'_> {
    /// The same values with their axes in another order: axis `i` of the output is axis `axes[i]` of `x`. Stored as `x` is.
    ///
    /// # Panics
    /// When `axes` is no order of all axes of `x`.
    pub fn permute(&mut self, x: Var, axes: &[usize]) -> Var {
        self.apply(Permute { axes: axes.to_vec() }, &[x])
    }
}
