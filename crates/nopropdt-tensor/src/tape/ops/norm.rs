//! Normalisation of each row by itself: layer norm and RMS norm.

use super::{Backward, Operation, Tape, Var};
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
        let sum: f64 = row.iter().map(|&v| f64::from(v)).sum();
        let mean = if self.shifts { sum / count } else { 0.0 };
        let variance = row.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / count;
        (mean as f32, (1.0 / (variance + f64::from(self.epsilon)).sqrt()) as f32)
    }
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

    /// With x̂ = (x − μ)/σ and h = γ·dy: dx = (h − mean(h) − x̂·mean(h·x̂))/σ, without mean(h) where μ is not taken away;
    /// dγ = Σ dy·x̂ and dβ = Σ dy over the rows.
    fn backward(&self, back: &mut Backward<'_, '_>) {
        let (x, weight, gradient) = (back.input(0), back.input(1), back.gradient());
        let (width, weight) = (weight.len(), weight.data());
        let rows = || x.data().chunks_exact(width).zip(gradient.chunks_exact(width)).zip(&self.of_rows);
        back.add(0, |sum| {
            for (sum, ((row, g), &(mean, scale))) in sum.chunks_exact_mut(width).zip(rows()) {
                let (mut of_h, mut of_product) = (0.0_f64, 0.0_f64);
                for ((v, g), weight) in row.iter().zip(g).zip(weight) {
                    let h = f64::from(g * weight);
                    of_h += h;
                    of_product += h * f64::from((v - mean) * scale);
                }
                let of_h = if self.shifts { (of_h / width as f64) as f32 } else { 0.0 };
                let of_product = (of_product / width as f64) as f32;
                for (((sum, v), g), weight) in sum.iter_mut().zip(row).zip(g).zip(weight) {
                    *sum += scale * (g * weight - of_h - (v - mean) * scale * of_product);
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
