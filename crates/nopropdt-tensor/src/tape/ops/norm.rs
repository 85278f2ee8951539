//! Normalisation of each row by itself: layer norm and RMS norm.

use super::{Backward, Operation, Tape, Var};
use crate::graph::{self, GraphBuilder, Op};
use crate::tensor::Tensor;

/// γ·(x − μ)/σ + β, or γ·x/σ where nothing is shifted.
struct RowNorm {
    epsilon: f32,
    /// Whether the mean is taken away and β added.
    shifts: bool,
    /// (μ, 1/σ) of each row, found on the way forward.
    of_rows: Vec<(f32, f32)>,
}

impl RowNorm {
    fn moments(&self, row: &[f32]) -> (f32, f32) {
        let count = row.len() as f64;
        let mean = if self.shifts { sum(row, row, |v, _| f64::from(v)) / count } else { 0.0 };
        let variance = sum(row, row, |v, _| (f64::from(v) - mean).powi(2)) / count;
        (mean as f32, (1.0 / (variance + f64::from(self.epsilon)).sqrt()) as f32)
    }
}

/// Σ term(a, b) in f64, in lanes that the compiler makes vectors of: one sum would wait for each addition.
#[inline(always)]
fn sum(a: &[f32], b: &[f32], term: impl Fn(f32, f32) -> f64) -> f64 {
    let mut lanes = [0.0; 8];
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    for (a, b) in a.iter().zip(b) {
        for ((lane, &a), &b) in lanes.iter_mut().zip(a).zip(b) {
            *lane += term(a, b);
        }
    }
    let rest = a_rest.iter().zip(b_rest).map(|(&a, &b)| term(a, b));
    lanes.into_iter().chain(rest).sum()
}

impl Operation for RowNorm {
    fn name(&self) -> &'static str {
        if self.shifts { "layer_norm" } else { "rms_norm" }
    }

    fn forward(&mut self, inputs: &[&Tensor]) -> Tensor {
        let (name, x, weight) = (self.name(), inputs[0], inputs[1].data());
        let width = x.shape().last().copied().unwrap_or_default();
        assert!(width > 0, "{name}: wants at least one value a row; shape is {:?}", x.shape());
        let fits = inputs[1..].iter().all(|parameter| parameter.len() == width);
        assert!(fits, "{name}: wants parameters of the {width} values of a row");
        self.of_rows = x.data().chunks_exact(width).map(|row| self.moments(row)).collect();
        let mut value = x.clone();
        for (row, &(mean, scale)) in value.data_mut().chunks_exact_mut(width).zip(&self.of_rows) {
            row.iter_mut().zip(weight).for_each(|(v, weight)| *v = (*v - mean) * scale * weight);
            if let Some(bias) = inputs.get(2) {
                super::add(row, bias.data());
            }
        }
        value
    }

    fn graph(&self, graph: &mut GraphBuilder, inputs: &[graph::Value]) -> Option<graph::Value> {
        let epsilon = self.epsilon;
        if self.shifts {
            return Some(graph.op(Op::LayerNorm { epsilon }, inputs));
        }
        let &[x, weight] = inputs else { return None };
        let shape = graph.shape(x).to_vec();
        let (last, width) = (shape.len() - 1, *shape.last()?);
        let square = graph.op(Op::Mul, &[x, x]);
        let mean = graph.op(Op::ReduceMean { axis: last }, &[square]);
        let epsilon = graph.scalar(epsilon);
        let shifted = graph.op(Op::Add, &[mean, epsilon]);
        let root = graph.op(Op::Sqrt, &[shifted]);
        let rows = graph.op(Op::reshape(vec![width]), &[x]);
        let root = graph.op(Op::reshape(vec![1]), &[root]);
        let unit = graph.op(Op::Div, &[rows, root]);
        let scaled = graph.op(Op::Mul, &[unit, weight]);
        Some(graph.op(Op::reshape(shape[1..].to_vec()), &[scaled]))
    }

    /// With x̂ = (x − μ)/σ and h = γ·dy: dx = (h − mean(h) − x̂·mean(h·x̂))/σ, without mean(h) where μ is not taken away;
    /// dγ = Σ dy·x̂ and dβ = Σ dy over the rows.
    fn backward(&self, back: &mut Backward<'_, '_>) {
        let (x, weight, gradient) = (back.input(0), back.input(1), back.gradient());
        let (width, weight) = (weight.len(), weight.data());
        let rows = || x.data().chunks_exact(width).zip(gradient.chunks_exact(width)).zip(&self.of_rows);
        back.add(0, |into| {
            let mut h = vec![0.0; width];
            for (into, ((row, g), &(mean, scale))) in into.chunks_exact_mut(width).zip(rows()) {
                h.iter_mut().zip(g).zip(weight).for_each(|((h, g), weight)| *h = g * weight);
                let count = width as f64;
                let of_h = if self.shifts { (sum(&h, &h, |h, _| f64::from(h)) / count) as f32 } else { 0.0 };
                let of_product = sum(&h, row, |h, v| f64::from(h * ((v - mean) * scale))) / count;
                let of_product = of_product as f32;
                for ((into, v), h) in into.iter_mut().zip(row).zip(&h) {
                    *into += scale * (h - of_h - (v - mean) * scale * of_product);
                }
            }
        });
        back.add(1, |sum| {
            for ((row, g), &(mean, scale)) in rows() {
                sum.iter_mut().zip(row).zip(g).for_each(|((sum, v), g)| *sum += g * (v - mean) * scale);
            }
        });
        if self.shifts {
            back.add(2, |sum| gradient.chunks_exact(width).for_each(|g| super::add(sum, g)));
        }
    }
}

impl Tape<'_> {
    /// Layer norm, γ·(x − μ)/sqrt(σ² + ε) + β: mean and (biased) variance are those of a row, which is the last axis.
    ///
    /// # Shapes
    /// x [.., n], weight γ and bias β `[n]` -> [.., n]
    ///
    /// # Panics
    /// When the shapes do not fit.
    pub fn layer_norm(&mut self, x: Var, weight: Var, bias: Var, epsilon: f32) -> Var {
        self.apply(RowNorm { epsilon, shifts: true, of_rows: Vec::new() }, &[x, weight, bias])
    }

    /// RMS norm, γ·x/sqrt(mean(x²) + ε), over the last axis.
    ///
    /// # Shapes
    /// x [.., n], weight γ `[n]` -> [.., n]
    ///
    /// # Panics
    /// When the shapes do not fit.
    pub fn rms_norm(&mut self, x: Var, weight: Var, epsilon: f32) -> Var {
        self.apply(RowNorm { epsilon, shifts: false, of_rows: Vec::new() }, &[x, weight])
    }
}
