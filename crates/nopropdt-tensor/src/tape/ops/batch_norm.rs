//! Batch normalisation over rows, or over the channels of images, with running statistics.

use super::{Laying, Mode, Pass, Recorded, Slot, StatisticUpdate, Tape, Value, Var};
use crate::graph::{self, Op};
use crate::parameters::{ParameterId, StatisticId};
use nopropdt_kernels::active;
use nopropdt_kernels::batch_norm::{Standard, moments};
use nopropdt_kernels::flushed;

/// What a batch norm reads of a parameter set, and its constants.
#[derive(Debug, Clone, Copy)]
pub struct BatchNormParts {
    /// γ
    pub weight: ParameterId,
    /// β
    pub bias: ParameterId,
    /// The running μ.
    pub running_mean: StatisticId,
    /// The running σ².
    pub running_var: StatisticId,
    /// ε
    pub epsilon: f32,
    /// Share of a batch in the running statistics.
    pub momentum: f32,
}

struct BatchNorm {
    x: Var,
    slot: Slot,
    parts: BatchNormParts,
    /// What x was shifted and scaled by, per feature.
    mean: Vec<f32>,
    inverse_std: Vec<f32>,
    /// Whether mean and deviation came from x itself, so that gradient flows through them.
    of_batch: bool,
}

impl Recorded for BatchNorm {
    fn name(&self) -> &'static str {
        "batch_norm"
    }

    fn graph(&self, laying: &mut Laying<'_>) -> Option<graph::Value> {
        let (x, shape) = (laying.value(self.x), laying.shape(self.x));
        let BatchNormParts { weight, bias, running_mean, running_var, epsilon, .. } = self.parts;
        let [weight, bias] = [weight, bias].map(|id| laying.saved_parameter(self.slot, id));
        let [mean, variance] = [running_mean, running_var].map(|id| laying.statistic(self.slot, id));
        // Features are the last axis here, and the second there.
        let features = *shape.last()?;
        let rows = if shape.len() == 2 { x } else { laying.op(Op::reshape(vec![features]), &[x])? };
        let normed = laying.op(Op::BatchNorm { epsilon }, &[rows, weight, bias, mean, variance])?;
        if shape.len() == 2 { Some(normed) } else { laying.op(Op::reshape(shape[1..].to_vec()), &[normed]) }
    }

    fn backward(&self, pass: &mut Pass<'_>, output: &Value, grad_output: &[f32]) {
        let (rows, _) = output.rows("batch_norm");
        let standard = Standard {
            mean: &self.mean,
            inverse_std: &self.inverse_std,
            scale: pass.parameter(self.slot, self.parts.weight),
        };
        let share = if self.of_batch { 1.0 / rows as f32 } else { 0.0 };
        let x = pass.value(self.x).data();
        let mut grad_x = pass.take_gradient(self.x);
        let (grad_scale, grad_shift) =
            standard.gradients(active(), share, [&x, grad_output], grad_x.as_deref_mut());
        if let Some(grad_x) = grad_x {
            pass.give_back(self.x, grad_x);
        }
        super::add(pass.parameter_gradient(self.slot, self.parts.weight), &grad_scale);
        super::add(pass.parameter_gradient(self.slot, self.parts.bias), &grad_shift);
    }

    fn parameters(&self) -> Vec<(Slot, ParameterId)> {
        vec![(self.slot, self.parts.weight), (self.slot, self.parts.bias)]
    }
}

impl Tape<'_> {
    /// γ·(x − μ)/sqrt(σ² + ε) + β per feature: μ, σ² of the batch in training (and the running ones move towards
    /// them, σ² unbiased, as in PyTorch), the running ones in evaluation.
    ///
    /// # Shapes
    /// x [.., features] -> the same; of images [B, H, W, C], every pixel of a channel is one of its values
    ///
    /// # Panics
    /// When the shapes do not fit, or when training on fewer than two rows, whose variance says nothing.
    pub fn batch_norm(&mut self, x: Var, slot: Slot, parts: &BatchNormParts) -> Var {
        let parameters = self.parameters(slot);
        let (scale, shift) = (parameters.get(parts.weight), parameters.get(parts.bias));
        let (rows, features) = self.recorded(x).rows("batch_norm");
        assert_eq!(features, scale.len(), "batch_norm: wants {} features; x has {features}", scale.len());
        let running = (parameters.statistic(parts.running_mean), parameters.statistic(parts.running_var));
        let (mean, variance) = match self.mode() {
            Mode::Eval => (running.0.to_vec(), running.1.to_vec()),
            Mode::Train => {
                assert!(rows >= 2, "batch_norm: training wants at least 2 rows; x has {rows}");
                let (mean, variance) = moments(active(), &self.recorded(x).data(), features);
                let unbiased = rows as f32 / (rows - 1) as f32;
                let moved = |old: &[f32], new: &[f32], factor: f32| -> Vec<f32> {
                    let momentum = parts.momentum;
                    let moved = |(o, n): (&f32, &f32)| flushed((1.0 - momentum) * o + momentum * factor * n);
                    old.iter().zip(new).map(moved).collect()
                };
                let updates = [
                    (parts.running_mean, moved(running.0, &mean, 1.0)),
                    (parts.running_var, moved(running.1, &variance, unbiased)),
                ];
                let set = slot.on(self.id);
                self.updates.extend(updates.map(|(id, value)| StatisticUpdate { set, id, value }));
                (mean, variance)
            }
        };
        let inverse_std: Vec<f32> = variance.iter().map(|v| 1.0 / (v + parts.epsilon).sqrt()).collect();
        let mut value = self.widened(x);
        let standard = Standard { mean: &mean, inverse_std: &inverse_std, scale };
        standard.normalise(active(), shift, value.data_mut());
        let of_batch = self.mode() == Mode::Train;
        self.record_with_parameters(value, BatchNorm { x, slot, parts: *parts, mean, inverse_std, of_batch })
    }
}
