//! Axes in another order.

use super::{Backward, Operation, Tape, Var};
use crate::tensor::Tensor;

struct Permute {
    /// Axis `i` of the output is axis `axes[i]` of the input.
    axes: Vec<usize>,
}

impl Permute {
    /// For each value of the output, in order, its place in the input of `shape`.
    fn places(&self, shape: &[usize]) -> Vec<usize> {
        let mut strides = vec![1; shape.len()];
        for axis in (1..shape.len()).rev() {
            strides[axis - 1] = strides[axis] * shape[axis];
        }
        let mut places = vec![0];
        for &axis in &self.axes {
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
        let places = self.places(x.shape());
        Tensor::filled_by(&shape, |out| {
            out.iter_mut().zip(places).for_each(|(out, place)| *out = x.data()[place]);
        })
    }

    fn backward(&self, back: &mut Backward<'_, '_>) {
        let (places, gradient) = (self.places(back.input(0).shape()), back.gradient());
        back.add(0, |sum| places.iter().zip(gradient).for_each(|(&place, g)| sum[place] += g));
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
