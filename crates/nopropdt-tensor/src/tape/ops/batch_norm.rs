//! Batch normalisation over rows, with running statistics.

use super::{Mode, Operation, Pass, Slot, StatisticUpdate, Tape, Value, Var};
use crate::layers::BatchNorm;
use crate::parameters::ParameterId;

struct BatchNormOp {
    x: Var,
    slot: Slot,
    layer: BatchNorm,
    /// What x was shifted and scaled by, per feature.
    mean: Vec<f32>,
    inverse_std: Vec<f32>,
    /// Whether mean and deviation came from x itself, so that gradient flows through them.
    of_batch: bool,
}

impl Operation for BatchNormOp {
    /// With x̂ = (x − μ)/σ over a batch of n: dβ = Σ dy, dγ = Σ dy·x̂, dx = γ/σ · (dy − dβ/n − x̂·dγ/n); with
    /// running statistics the last two terms are absent.
    fn backward(&self, pass: &mut Pass<'_>, output: &Value, grad_output: &[f32]) {
        let (rows, features) = output.matrix_shape("batch_norm");
        let x = pass.value(self.x).data();
        let normalised = |row: &[f32], f: usize| (row[f] - self.mean[f]) * self.inverse_std[f];
        let (mut grad_scale, mut grad_shift) = (vec![0.0; features], vec![0.0; features]);
        for (x, dy) in x.chunks_exact(features).zip(grad_output.chunks_exact(features)) {
            for f in 0..features {
                grad_scale[f] += dy[f] * normalised(x, f);
                grad_shift[f] += dy[f];
            }
        }
        let scale = pass.parameter(self.slot, self.layer.weight);
        pass.accumulate(self.x, |dx| {
            let share = if self.of_batch { 1.0 / rows as f32 } else { 0.0 };
            let rows = x.chunks_exact(features).zip(grad_output.chunks_exact(features));
            for (dx, (x, dy)) in dx.chunks_exact_mut(features).zip(rows) {
                for f in 0..features {
                    let centred = dy[f] - share * (grad_shift[f] + normalised(x, f) * grad_scale[f]);
                    dx[f] += scale[f] * self.inverse_std[f] * centred;
                }
            }
        });
        super::add(pass.parameter_gradient(self.slot, self.layer.weight), &grad_scale);
        super::add(pass.parameter_gradient(self.slot, self.layer.bias), &grad_shift);
    }

    fn parameters(&self) -> Vec<(Slot, ParameterId)> {
        vec![(self.slot, self.layer.weight), (self.slot, self.layer.bias)]
    }
}

/// Mean and biased variance of each column of x [rows, features], summed in f64 in row order.
fn moments(x: &[f32], features: usize) -> (Vec<f32>, Vec<f32>) {
    let rows = (x.len() / features) as f64;
    let mut mean = vec![0.0f64; features];
    for row in x.chunks_exact(features) {
        mean.iter_mut().zip(row).for_each(|(sum, &v)| *sum += f64::from(v));
    }
    mean.iter_mut().for_each(|sum| *sum /= rows);
    let mut variance = vec![0.0f64; features];
    for row in x.chunks_exact(features) {
        for ((sum, &v), &mean) in variance.iter_mut().zip(row).zip(&mean) {
            *sum += (f64::from(v) - mean).powi(2);
        }
    }
    (mean.iter().map(|&m| m as f32).collect(), variance.iter().map(|&v| (v / rows) as f32).collect())
}

impl Tape<'_> {
    /// γ·(x − μ)/sqrt(σ² + ε) + β per feature: μ, σ² of the batch in training (and the running ones move towards
    /// them, σ² unbiased, as in PyTorch), the running ones in evaluation.
    ///
    /// # Shapes
    /// x [B, features] -> the same
    ///
    /// # Panics
    /// When the shapes do not fit, or when training on fewer than two rows, whose variance says nothing.
    pub fn batch_norm(&mut self, x: Var, slot: Slot, layer: &BatchNorm) -> Var {
        let parameters = self.parameters(slot);
        let (scale, shift) = (parameters.get(layer.weight), parameters.get(layer.bias));
        let (rows, features) = self.value(x).matrix_shape("batch_norm");
        assert_eq!(features, scale.len(), "batch_norm: wants {} features; x has {features}", scale.len());
        let running = (parameters.statistic(layer.running_mean), parameters.statistic(layer.running_var));
        let (mean, variance) = match self.mode() {
            Mode::Eval => (running.0.to_vec(), running.1.to_vec()),
            Mode::Train => {
                assert!(rows >= 2, "batch_norm: training wants at least 2 rows; x has {rows}");
                let (mean, variance) = moments(self.value(x).data(), features);
                let unbiased = rows as f32 / (rows - 1) as f32;
                let moved = |old: &[f32], new: &[f32], factor: f32| -> Vec<f32> {
                    let momentum = layer.momentum;
                    old.iter().zip(new).map(|(o, n)| (1.0 - momentum) * o + momentum * factor * n).collect()
                };
                let updates = [
                    (layer.running_mean, moved(running.0, &mean, 1.0)),
                    (layer.running_var, moved(running.1, &variance, unbiased)),
                ];
                self.updates.extend(updates.map(|(id, value)| StatisticUpdate { slot, id, value }));
                (mean, variance)
            }
        };
        let inverse_std: Vec<f32> = variance.iter().map(|v| 1.0 / (v + layer.epsilon).sqrt()).collect();
        let mut value = self.value(x).clone();
        for row in value.data_mut().chunks_exact_mut(features.max(1)) {
            for f in 0..features {
                row[f] = (row[f] - mean[f]) * inverse_std[f] * scale[f] + shift[f];
            }
        }
        let of_batch = self.mode() == Mode::Train;
        self.record_with_parameters(
            value,
            BatchNormOp { x, slot, layer: *layer, mean, inverse_std, of_batch },
        )
    }
}
