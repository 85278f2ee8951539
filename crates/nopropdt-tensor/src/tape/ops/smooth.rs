//! Smooth activations: sigmoid, SiLU, GELU.

use super::{Backward, Operation, Tape, Var};
use crate::graph::{self, GraphBuilder, Op};
use crate::tensor::Tensor;

/// A function of each value, with its slope.
#[derive(Clone, Copy)]
enum Smooth {
    Sigmoid,
    Silu,
    Gelu,
}

/// 1/(1 + e^−x).
fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// The share of a normal distribution below x.
fn normal_share(x: f64) -> f64 {
    0.5 * libm::erfc(-x * std::f64::consts::FRAC_1_SQRT_2)
}

impl Smooth {
    fn value(self, x: f64) -> f64 {
        match self {
            Self::Sigmoid => sigmoid(x),
            Self::Silu => x * sigmoid(x),
            Self::Gelu => x * normal_share(x),
        }
    }

    fn slope(self, x: f64) -> f64 {
        match self {
            Self::Sigmoid => sigmoid(x) * sigmoid(-x),
            Self::Silu => sigmoid(x) * (1.0 + x * sigmoid(-x)),
            Self::Gelu => {
                let density = (-0.5 * x * x).exp() / std::f64::consts::TAU.sqrt();
                normal_share(x) + x * density
            }
        }
    }
}

impl Operation for Smooth {
    fn name(&self) -> &'static str {
        match self {
            Self::Sigmoid => "sigmoid",
            Self::Silu => "silu",
            Self::Gelu => "gelu",
        }
    }

    fn forward(&mut self, inputs: &[&Tensor]) -> Tensor {
        let mut value = inputs[0].clone();
        value.data_mut().iter_mut().for_each(|v| *v = self.value(f64::from(*v)) as f32);
        value
    }

    fn graph(&self, graph: &mut GraphBuilder, inputs: &[graph::Value]) -> Option<graph::Value> {
        let x = inputs[0];
        Some(match self {
            Self::Sigmoid => graph.op(Op::Sigmoid, &[x]),
            Self::Silu => {
                let share = graph.op(Op::Sigmoid, &[x]);
                graph.op(Op::Mul, &[x, share])
            }
            Self::Gelu => {
                // x/2·(1 + erf(x/sqrt(2)))
                let [root, half, one] = [std::f32::consts::FRAC_1_SQRT_2, 0.5, 1.0].map(|v| graph.scalar(v));
                let scaled = graph.op(Op::Mul, &[x, root]);
                let erf = graph.op(Op::Erf, &[scaled]);
                let sum = graph.op(Op::Add, &[erf, one]);
                let halved = graph.op(Op::Mul, &[x, half]);
                graph.op(Op::Mul, &[halved, sum])
            }
        })
    }

    fn backward(&self, back: &mut Backward<'_, '_>) {
        let (x, gradient) = (back.input(0), back.gradient());
        back.add(0, |sum| {
            for ((sum, &x), g) in sum.iter_mut().zip(x.data()).zip(gradient) {
                *sum += self.slope(f64::from(x)) as f32 * g;
            }
        });
    }

    fn keeps_storage(&self) -> bool {
        true
    }
}

impl Tape<'_> {
    /// σ(x) = 1/(1 + e^−x).
    pub fn sigmoid(&mut self, x: Var) -> Var {
        self.apply(Smooth::Sigmoid, &[x])
    }

    /// x·σ(x) (SiLU, or swish).
    pub fn silu(&mut self, x: Var) -> Var {
        self.apply(Smooth::Silu, &[x])
    }

    /// x·Φ(x), Φ the normal distribution's share below x: exact GELU, as PyTorch's default.
    pub fn gelu(&mut self, x: Var) -> Var {
        self.apply(Smooth::Gelu, &[x])
    }
}
