//! The three matrix products of a linear layer on made-up numbers.

use super::numbers::uniform;
use crate::dispatch::Kernels;
use crate::gemm::{Gemm, Operand};
use crate::precision::Precision;

/// A linear layer without its bias: y = x·Wᵀ, dW = dyᵀ·x, dx = dy·W. Every product adds to its result.
pub struct LinearProducts<'k> {
    kernels: &'k dyn Kernels,
    batch: usize,
    inputs: usize,
    outputs: usize,
    precision: Precision,
    x: Vec<f32>,
    weight: Vec<f32>,
    grad_output: Vec<f32>,
    output: Vec<f32>,
    grad_weight: Vec<f32>,
    grad_x: Vec<f32>,
}

impl<'k> LinearProducts<'k> {
    /// Makes up x [batch, inputs], W [outputs, inputs] and dy [batch, outputs].
    pub fn new(kernels: &'k dyn Kernels, batch: usize, inputs: usize, outputs: usize) -> Self {
        Self::in_precision(kernels, batch, inputs, outputs, Precision::F32)
    }

    /// As [`LinearProducts::new`], with products of the given precision.
    pub fn in_precision(
        kernels: &'k dyn Kernels,
        batch: usize,
        inputs: usize,
        outputs: usize,
        precision: Precision,
    ) -> Self {
        Self {
            kernels,
            batch,
            inputs,
            outputs,
            precision,
            x: uniform(batch * inputs, 1),
            weight: uniform(inputs * outputs, 2),
            grad_output: uniform(batch * outputs, 3),
            output: vec![0.0; batch * outputs],
            grad_weight: vec![0.0; inputs * outputs],
            grad_x: vec![0.0; batch * inputs],
        }
    }

    /// Floating-point operations of any of the three products: two a multiply-add.
    pub fn flop(&self) -> f64 {
        2.0 * (self.batch * self.inputs * self.outputs) as f64
    }

    /// y += x·Wᵀ.
    pub fn forward(&mut self) {
        let (a, b) = (Operand::plain(&self.x), Operand::transposed(&self.weight));
        let gemm = Gemm {
            m: self.batch,
            n: self.outputs,
            k: self.inputs,
            a,
            b,
            accumulate: true,
            precision: self.precision,
        };
        gemm.run(self.kernels, &mut self.output);
    }

    /// dW += dyᵀ·x.
    pub fn weight_gradient(&mut self) {
        let (a, b) = (Operand::transposed(&self.grad_output), Operand::plain(&self.x));
        let gemm = Gemm {
            m: self.outputs,
            n: self.inputs,
            k: self.batch,
            a,
            b,
            accumulate: true,
            precision: self.precision,
        };
        gemm.run(self.kernels, &mut self.grad_weight);
    }

    /// dx += dy·W.
    pub fn input_gradient(&mut self) {
        let (a, b) = (Operand::plain(&self.grad_output), Operand::plain(&self.weight));
        let gemm = Gemm {
            m: self.batch,
            n: self.inputs,
            k: self.outputs,
            a,
            b,
            accumulate: true,
            precision: self.precision,
        };
        gemm.run(self.kernels, &mut self.grad_x);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dispatch::active;

    #[test]
    fn the_products_are_those_of_a_linear_layer() {
        let mut layer = LinearProducts::new(active(), 3, 4, 2);
        layer.forward();
        layer.weight_gradient();
        layer.input_gradient();
        assert_eq!(layer.flop(), 48.0);
        let (x, w, dy) =
            (|b, i| layer.x[b * 4 + i], |o, i| layer.weight[o * 4 + i], |b, o| layer.grad_output[b * 2 + o]);
        let sum = |terms: usize, term: &dyn Fn(usize) -> f32| (0..terms).map(term).sum::<f32>();
        let near = |found: f32, wanted: f32| assert!((found - wanted).abs() < 1e-5, "{found} and {wanted}");
        near(layer.output[2 * 2 + 1], sum(4, &|i| x(2, i) * w(1, i)));
        near(layer.grad_weight[4 + 3], sum(3, &|b| dy(b, 1) * x(b, 3)));
        near(layer.grad_x[4 + 2], sum(2, &|o| dy(1, o) * w(o, 2)));
    }
}
