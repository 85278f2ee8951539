//! The training loop: every method's, whatever its losses are.

mod average;
mod first_look;
mod rates;
mod slices;
mod sums;

use crate::class_balance::balanced_weights;
use crate::config::{ClassWeights, Order, RunConfig};
use crate::model_file::{Model, NothingInCommon, Started, start_from};
use average::Average;
pub use first_look::first_look;
use nopropdt_blocks::{Batch, BlockStep, Method, StepInput, Weights};
use nopropdt_data::{Augmentation, Examples, batches, epoch_order};
use nopropdt_tensor::optim::{Optimizer, OptimizerError, OptimizerState, clip_norm_of_parts};
use nopropdt_tensor::random::Stream;
use nopropdt_tensor::{Parameters, Tensor, flat};
use rates::Place;
pub(crate) use rates::Rates;
use rayon::prelude::*;
use slices::step_in_slices;
use std::ops::{ControlFlow, Range};
use std::time::Instant;
pub use sums::{Begun, EpochLoss, LossSums, MEASURED_EVERY};

/// Why training stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// A loss is NaN or infinite.
    #[error("training: the loss of block {block} became {loss} in epoch {epoch} at batch {batch}")]
    NotFinite {
        /// Block, from 1.
        block: usize,
        /// Epoch, from 1.
        epoch: usize,
        /// Batch within the epoch, from 1.
        batch: usize,
        /// The loss.
        loss: f64,
    },
    /// A weight or a kept statistic is NaN or infinite, though no loss was.
    #[error("training: the weights of {part} are no longer finite at the end of epoch {epoch}")]
    WeightsNotFinite {
        /// `block 3`, or what the blocks share.
        part: String,
        /// Epoch, from 1.
        epoch: usize,
    },
    /// Somebody asked to stop.
    #[error("training: interrupted in epoch {epoch}")]
    Interrupted {
        /// The epoch that was not finished, from 1.
        epoch: usize,
    },
}

/// What the loop tells while it runs.
pub struct Progress<'a> {
    /// Called after every batch of every wave: (block steps done, block steps of the epoch, mean squared error of the wave).
    pub on_step: &'a (dyn Fn(usize, usize, f64) + Sync),
    /// Whether to stop at the next batch.
    pub stop: &'a (dyn Fn() -> bool + Sync),
}

/// A network in training: weights and the optimisers' memory. Everything random is a function of
/// (seed, epoch, batch, block), so nothing else has to be saved.
pub struct Trainer<'m> {
    method: &'m dyn Method,
    weights: Weights,
    /// One a block.
    own: Vec<Optimizer>,
    /// One a shared set.
    shared: Vec<Optimizer>,
    /// Running averages of the weights, where answers are read with them.
    average: Option<Average>,
    settings: Settings,
}

/// What of a configuration the loop needs.
struct Settings {
    seed: u64,
    batch_size: usize,
    order: Order,
    rates: Rates,
    clip_norm: Option<f32>,
    augmentation: Augmentation,
    class_weights: ClassWeights,
    label_smoothing: f32,
}

impl<'m> Trainer<'m> {
    /// Fresh weights for a run with `batches` batches an epoch.
    ///
    /// # Errors
    /// When the optimiser's settings break a rule.
    pub fn new(method: &'m dyn Method, config: &RunConfig, batches: usize) -> Result<Self, OptimizerError> {
        let weights = method.init(config.training.seed);
        let optimizer = |set: &Parameters| {
            Optimizer::of(&config.training.optimizer(), set, config.training.decayed.unwrap_or_default())
        };
        Ok(Self {
            method,
            own: weights.blocks.iter().map(optimizer).collect::<Result<_, _>>()?,
            shared: weights.shared.values().map(optimizer).collect::<Result<_, _>>()?,
            average: config.training.averaged().map(|decay| Average::new(decay, &weights)),
            weights,
            settings: Settings {
                seed: config.training.seed,
                batch_size: config.training.batch_size,
                order: config.training.order,
                rates: Rates::new(&config.training, batches),
                clip_norm: (config.training.clip_norm > 0.0).then_some(config.training.clip_norm),
                augmentation: config.data.augmentation(),
                class_weights: config.training.class_weights.unwrap_or(ClassWeights::None),
                label_smoothing: config.training.label_smoothing.unwrap_or(0.0),
            },
        })
    }

    /// Lets blocks that want to see training inputs before they learn start from `data`; see [`first_look`].
    pub fn look(&mut self, data: &dyn Examples) {
        first_look(self.method, &mut self.weights, data, self.settings.seed);
    }

    /// Lets a learned embedding start from these rows [m, d], such as prototypes.
    ///
    /// # Panics
    /// When the embedding is fixed or of another shape.
    pub fn embed(&mut self, rows: &Tensor) {
        self.method.embed(&mut self.weights, rows);
    }

    /// Starts from these weights, which are of the network; the optimisers have no memory yet.
    pub(crate) fn begin_with(&mut self, weights: Weights) {
        self.weights = weights;
    }

    /// Starts from the tensors of `model` that have the name and shape of the network's; the others stay.
    ///
    /// # Errors
    /// When no tensor of a block is taken; the weights are then as they were.
    pub fn start_from(&mut self, model: &Model) -> Result<Started, NothingInCommon> {
        start_from(model, self.method, &mut self.weights)
    }

    /// Losses that are followed side by side: one a block, or one for all that learn together.
    fn losses(&self) -> usize {
        self.method.facts().blocks / self.method.facts().together
    }

    /// The weights as they stand.
    pub fn weights(&self) -> &Weights {
        &self.weights
    }

    /// The weights that answers are read with: running averages where the run has them, else the weights as they stand.
    pub fn answering(&self) -> &Weights {
        self.average().unwrap_or(&self.weights)
    }

    /// Running averages of the weights, where the run has them.
    pub fn average(&self) -> Option<&Weights> {
        self.average.as_ref().map(|average| &average.weights)
    }

    /// Memory of every optimiser: the blocks', then the shared sets'.
    pub fn optimizer_states(&self) -> impl Iterator<Item = &OptimizerState> {
        self.own.iter().chain(&self.shared).map(Optimizer::state)
    }

    /// Continues from saved weights, their running averages where the run has them, and optimiser states, in the order of
    /// [`Trainer::optimizer_states`].
    ///
    /// # Errors
    /// When a state does not fit; the trainer is then of no further use.
    ///
    /// # Panics
    /// When averages are missing, or are there and the run has none.
    pub fn restore(
        &mut self,
        weights: Weights,
        average: Option<Weights>,
        states: Vec<OptimizerState>,
    ) -> Result<(), OptimizerError> {
        assert_eq!(
            average.is_some(),
            self.average.is_some(),
            "restore: averages must be there where the run has them"
        );
        self.weights = weights;
        if let (Some(own), Some(saved)) = (&mut self.average, average) {
            own.weights = saved;
        }
        for (optimizer, state) in self.own.iter_mut().chain(&mut self.shared).zip(states) {
            optimizer.restore(state)?;
        }
        Ok(())
    }

    /// Trains one epoch, from 0.
    ///
    /// # Errors
    /// When a loss or, at the end, a weight is not finite, or `progress.stop` says so; the weights are then of no further use.
    pub fn epoch(
        &mut self,
        data: &dyn Examples,
        epoch: usize,
        progress: &Progress<'_>,
    ) -> Result<EpochLoss, TrainError> {
        let mut pause = |_: &Self, _: &Begun| match (progress.stop)() {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        };
        self.rest_of_epoch(data, epoch, Begun::default(), progress.on_step, &mut pause)
    }

    /// Trains what is left of an epoch, from 0, of a trainer that was [restored](Trainer::restore) as it was when so much had been done.
    /// Before each wave, `pause` sees the trainer and what is done, and says whether to go on.
    ///
    /// # Errors
    /// As [`Trainer::epoch`]; what `pause` saw is then of further use.
    ///
    /// # Panics
    /// When `begun` is not of this network and these batches; see [`Trainer::is_within`].
    pub fn rest_of_epoch(
        &mut self,
        data: &dyn Examples,
        epoch: usize,
        mut begun: Begun,
        on_step: &dyn Fn(usize, usize, f64),
        pause: &mut dyn FnMut(&Self, &Begun) -> ControlFlow<()>,
    ) -> Result<EpochLoss, TrainError> {
        let order = epoch_order(data.len(), self.settings.seed, epoch as u64);
        let class_weights = self.class_weights(data);
        let data = &self.settings.augmentation.of(data, self.settings.seed, epoch as u64);
        let batches = usable_batches(&order, self.settings.batch_size);
        let (losses, rounds) = (self.losses(), self.rounds());
        let group = losses / rounds;
        begun.sums.resize(losses, LossSums::default());
        let mut learning_rate = 0.0;
        for wave in begun.waves..rounds * batches.len() {
            if pause(self, &begun).is_break() {
                return Err(TrainError::Interrupted { epoch: epoch + 1 });
            }
            let (first, index) = (wave / batches.len() * group, wave % batches.len());
            let place = Place { epoch, batch: index, wave: (epoch * rounds * batches.len() + wave) as u64 };
            learning_rate = self.settings.rates.at(place, batches.len());
            let batch = weighted(gather(data, batches[index]), class_weights.as_deref())
                .with_smoothing(self.settings.label_smoothing);
            let losses_of_wave = self.wave(first..first + group, &batch, place, learning_rate)?;
            for (sum, &more) in begun.sums[first..].iter_mut().zip(&losses_of_wave) {
                *sum = sum.plus(more);
            }
            begun.waves = wave + 1;
            let shown = self.method.facts().shown;
            let error = losses_of_wave.iter().map(|loss| shown.of(&loss.terms)).sum::<f64>() / group as f64;
            on_step(begun.waves * group, losses * batches.len(), error);
        }
        if let Some(part) = self.part_not_finite() {
            return Err(TrainError::WeightsNotFinite { part, epoch: epoch + 1 });
        }
        let images = batches.iter().map(|batch| batch.len()).sum();
        Ok(EpochLoss::of(&begun.sums, self.method.facts().shown, batches.len(), learning_rate, images))
    }

    /// Times that an epoch goes over its batches.
    fn rounds(&self) -> usize {
        self.settings.order.rounds(self.losses())
    }

    /// Waves of an epoch of so many batches.
    pub fn waves(&self, batches: usize) -> usize {
        self.rounds() * batches
    }

    /// Whether so much can have been done of an epoch of this network and so many batches, with something left.
    pub fn is_within(&self, begun: &Begun, batches: usize) -> bool {
        begun.is_within(self.waves(batches), self.losses())
    }

    /// How much an input of each class counts, if not all count 1.
    fn class_weights(&self, data: &dyn Examples) -> Option<Vec<f32>> {
        match self.settings.class_weights {
            ClassWeights::None => None,
            ClassWeights::Balanced => Some(balanced_weights(&data.class_counts(self.method.facts().classes))),
        }
    }

    /// What the last batch ruined: its loss was still that of the weights before.
    pub(crate) fn part_not_finite(&self) -> Option<String> {
        let finite = |set: &Parameters| {
            [set.values(), set.statistics()].iter().all(|values| flat::first_not_finite(values).is_none())
        };
        let block = self.weights.blocks.iter().position(|set| !finite(set));
        let shared =
            || self.weights.shared.values().any(|set| !finite(set)).then(|| "embedding and head".to_owned());
        block.map(|index| format!("block {}", index + 1)).or_else(shared)
    }

    /// One batch through some groups of blocks, side by side. Each group's gradient is taken and applied by itself; the shared
    /// sets then take a step for each group in turn, with gradients that were all taken at the same point.
    fn wave(
        &mut self,
        groups: Range<usize>,
        batch: &Batch,
        place: Place,
        learning_rate: f32,
    ) -> Result<Vec<LossSums>, TrainError> {
        let (method, shared, settings) = (self.method, &self.weights.shared, &self.settings);
        let noise =
            Stream::new(settings.seed).purpose("train").child(place.epoch as u64).child(place.batch as u64);
        let together = method.facts().together;
        let blocks = groups.start * together..groups.end * together;
        let own = self.weights.blocks[blocks.clone()].par_chunks_mut(together);
        let own = own.zip(self.own[blocks.clone()].par_chunks_mut(together));
        let is_measured = place.batch.is_multiple_of(MEASURED_EVERY);
        let steps: Vec<(BlockStep, LossSums)> = own
            .enumerate()
            .map(|(offset, (own, optimizers))| {
                let began = Instant::now();
                let first = (groups.start + offset) * together;
                let stream = noise.child(first as u64);
                let input = StepInput::new(first, own, shared, batch, stream);
                let mut step = step_in_slices(method, &input);
                let norm = measure_and_clip(&mut step, settings.clip_norm, is_measured);
                let gradients = std::mem::take(&mut step.own);
                let parts = own.par_iter_mut().zip(optimizers).zip(gradients).zip(&step.statistics);
                parts.for_each(|(((set, optimizer), gradient), statistics)| {
                    optimizer.step(set.values_mut(), &gradient, learning_rate);
                    set.update_statistics(statistics);
                });
                let gradient_norm = if is_measured { norm } else { 0.0 };
                let said =
                    LossSums { terms: step.loss, gradient_norm, seconds: began.elapsed().as_secs_f64() };
                (step, said)
            })
            .collect();
        for (step, _) in &steps {
            for ((name, set), optimizer) in self.weights.shared.iter_mut().zip(&mut self.shared) {
                if let Some(gradient) = step.shared.get(name) {
                    optimizer.step(set.values_mut(), gradient, learning_rate);
                }
            }
        }
        if let Some(average) = &mut self.average {
            let taken = |optimizers: &[Optimizer], index: usize| optimizers[index].state().step;
            average.follow(
                &self.weights,
                blocks,
                [&|block| taken(&self.own, block), &|set| taken(&self.shared, set)],
            );
        }
        let losses: Vec<LossSums> = steps.into_iter().map(|(_, said)| said).collect();
        match losses.iter().position(|loss| !loss.terms.total.is_finite()) {
            Some(offset) => Err(TrainError::NotFinite {
                block: groups.start + offset + 1,
                epoch: place.epoch + 1,
                batch: place.batch + 1,
                loss: losses[offset].terms.total,
            }),
            None => Ok(losses),
        }
    }
}

/// The batch, in which an input counts as its class does.
fn weighted(batch: Batch, of_classes: Option<&[f32]>) -> Batch {
    let Some(of_classes) = of_classes else { return batch };
    let weights = batch.labels.iter().map(|&label| of_classes[label]).collect();
    batch.with_weights(weights)
}

/// Scales the whole gradient of one loss, the blocks' own and the shared parts together, to at most `max_norm`. Its norm before is told where
/// it is limited or to be measured; else 0.
fn measure_and_clip(step: &mut BlockStep, max_norm: Option<f32>, is_measured: bool) -> f64 {
    if max_norm.is_none() && !is_measured {
        return 0.0;
    }
    let mut parts: Vec<&mut [f32]> = step.gradients_mut().map(Vec::as_mut_slice).collect();
    // An infinite limit changes nothing.
    f64::from(clip_norm_of_parts(&mut parts, max_norm.unwrap_or(f32::INFINITY)))
}

/// The batches of an epoch: a last one of a single image is left out, since batch norm can't train on it.
fn usable_batches(order: &[u32], batch_size: usize) -> Vec<&[u32]> {
    batches(order, batch_size).filter(|batch| batch.len() >= 2).collect()
}

/// Number of batches an epoch of `images` images has.
pub fn batches_per_epoch(images: usize, batch_size: usize) -> usize {
    images / batch_size + usize::from(images % batch_size >= 2)
}

/// Images and labels at `indices`, filled on all threads.
pub fn gather(data: &dyn Examples, indices: &[u32]) -> Batch {
    let shape = data.shape();
    let mut labels = Vec::new();
    let inputs = Tensor::filled_by(&[&[indices.len()], &shape[..]].concat(), |values| {
        data.fill_batch(indices, values, &mut labels);
    });
    Batch::new(inputs, labels)
}

#[cfg(test)]
mod tests;
