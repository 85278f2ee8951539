//! NoProp-DT: T blocks, each trained alone to denoise from step t − 1 to t (paper Algorithm 1).

mod blind;
mod labels;
mod objective;
mod paper;
mod reference;

pub use blind::{Blind, Blindfold};
pub use labels::Labels;
pub use objective::{Denoiser, Objective};
pub use paper::Paper;
pub use reference::Reference;

use crate::block::ConvBlock;
use crate::error::BlocksError;
use crate::inspect::{Alone, InChain, Inspect, Runs, Tell, in_numbers};
use crate::method::{BlockStep, Facts, Method, StepInput};
use crate::network::{Network, NetworkConfig};
use crate::readout::Readout;
use crate::sampling::{Answer, Denoised, Runner, Sampler, Value};
use crate::schedule::{NoiseSchedule, ScheduleKind};
use crate::tensors::Tensors;
use crate::trace::{Features, Trace};
use crate::weights::Weights;
use nopropdt_tensor::random::Stream;
use nopropdt_tensor::{Parameters, Tensor};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The built-in objectives: which loss trains the blocks and which chain answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ObjectiveKind {
    /// The paper's: Eq. 8 and Eq. 3.
    Paper,
    /// The reference repository's, for comparison.
    Reference,
}

/// Settings of NoProp-DT.
#[derive(Debug, Clone)]
pub struct DtConfig {
    /// The network.
    pub network: NetworkConfig,
    /// T.
    pub steps: usize,
    /// η, weight of the squared error.
    pub eta: f64,
    /// Noise schedule.
    pub schedule: ScheduleKind,
    /// Loss and chain.
    pub objective: ObjectiveKind,
    /// How an answer is denoised.
    pub sampler: Sampler,
}

impl DtConfig {
    /// The paper's settings for inputs of this shape and classes: T = 10, η = 0.1, cosine schedule, one-hot embedding (Table 3, Figure 6).
    pub fn paper(image: [usize; 3], classes: usize) -> Self {
        Self {
            network: NetworkConfig::new(&image, classes, ConvBlock::paper()),
            steps: 10,
            eta: 0.1,
            schedule: ScheduleKind::Cosine,
            objective: ObjectiveKind::Paper,
            sampler: Sampler::Stochastic,
        }
    }
}

/// A checked NoProp-DT network, without its weights.
#[derive(Debug, Clone)]
pub struct NoPropDt {
    schedule: NoiseSchedule,
    objective: Arc<dyn Objective>,
    sampler: Sampler,
    net: Network,
}

impl NoPropDt {
    /// Checks a configuration.
    ///
    /// # Errors
    /// When a setting is out of range, pooling would leave nothing of the image, or the falling schedule is asked to run
    /// the paper's chain.
    pub fn new(config: &DtConfig) -> Result<Self, BlocksError> {
        if !(config.eta > 0.0 && config.eta.is_finite()) {
            return Err(BlocksError::range("eta", "above 0 and finite", config.eta));
        }
        let schedule = NoiseSchedule::new(config.schedule, config.steps)?;
        let eta = config.eta;
        let objective: Arc<dyn Objective> = match config.objective {
            ObjectiveKind::Paper => Arc::new(Paper { eta }),
            ObjectiveKind::Reference => Arc::new(Reference { eta }),
        };
        Self::with_objective(&config.network, schedule, objective, config.sampler)
    }

    /// A network of blocks that learn alone, a block for each step of `schedule`, each by the loss that `objective` gives it.
    ///
    /// # Errors
    /// When a setting is out of range, the block can't stand on inputs of this shape, or the objective does not go with schedule or
    /// sampler.
    pub fn with_objective(
        network: &NetworkConfig,
        schedule: NoiseSchedule,
        objective: Arc<dyn Objective>,
        sampler: Sampler,
    ) -> Result<Self, BlocksError> {
        objective.check(&schedule, sampler)?;
        Ok(Self { schedule, objective, sampler, net: Network::of_blocks(network)? })
    }

    /// The noise schedule.
    pub fn schedule(&self) -> &NoiseSchedule {
        &self.schedule
    }

    /// Class logits [B, m] of block `t` = 1..=T on a latent z [B, d], in evaluation mode; without it, of blocks that see no latents.
    pub fn block_logits(&self, weights: &Weights, t: usize, features: &Features, z: &Tensor) -> Tensor {
        let nothing = |_| Stream::new(0);
        let mut on = self.net.numbers(features.rows(), &nothing);
        let (features, z) = (features.of_blocks[t - 1].clone().into(), z.clone().into());
        self.logits(&mut on, &weights.blocks[t - 1], &features, &z).into_numbers()
    }

    /// Class logits [B, m] of the output head on a latent z [B, d].
    pub fn head_logits(&self, weights: &Weights, z: &Tensor) -> Tensor {
        self.net.head_logits(weights, z)
    }
}

impl NoPropDt {
    fn answer<'p>(&self, weights: &'p Weights, features: &[Value], on: &mut Runner<'_, 'p>) -> Answer {
        self.answer_told(weights, features, on, None)
    }

    /// `tell`, if there is one, is told of each block.
    fn answer_told<'p>(
        &self,
        weights: &'p Weights,
        features: &[Value],
        on: &mut Runner<'_, 'p>,
        mut tell: Option<&mut Tell<'_>>,
    ) -> Answer {
        let embedding = self.net.embedding_on(on, weights);
        let mut block_logits = Vec::new();
        let runs = Runs::of(tell.is_some());
        let mut denoiser = |on: &mut Runner<'_, 'p>, t: usize, z: &Value| {
            let given = self.objective.given(t, on, z);
            let given = given.as_ref().unwrap_or(z);
            let denoised = self.denoised(on, &weights.blocks[t - 1], [&features[t - 1], given, &embedding]);
            runs.keep(t, given, &denoised);
            denoised
        };
        let mut read = |t: usize, logits: Value| {
            if let Some((tell, (given, made))) = tell.as_mut().zip(runs.take(t)) {
                tell(t, &given, &made);
            }
            block_logits.push(logits);
        };
        let last = self.objective.chain(&self.schedule, self.sampler, on, &mut denoiser, &mut read);
        Answer { block_logits, head_logits: self.net.head_logits_on(on, weights, &last) }
    }

    /// What a block makes of z [B, d], given its features and W_embed.
    fn denoised<'p>(
        &self,
        on: &mut Runner<'_, 'p>,
        own: &'p Parameters,
        [features, z, embedding]: [&Value; 3],
    ) -> Denoised {
        let logits = self.logits(on, own, features, z);
        Denoised { estimate: self.net.estimate_on(on, own, &logits, embedding), logits }
    }

    /// A block's class logits [B, m] for z [B, d], if it is one that sees latents.
    fn logits<'p>(&self, on: &mut Runner<'_, 'p>, own: &'p Parameters, features: &Value, z: &Value) -> Value {
        match self.objective.sees_latents() {
            true => self.net.logits_on(on, own, features, z, None),
            false => self.net.blind_logits_on(on, own, features),
        }
    }
}

impl Inspect for NoPropDt {
    fn level(&self, _: &Weights, t: usize) -> f64 {
        self.objective.level(t, &self.schedule)
    }

    fn alone(&self, weights: &Weights, t: usize, features: &Features, z: &Tensor) -> Alone {
        let nothing = |_| Stream::new(0);
        let mut on = self.net.numbers(features.rows(), &nothing);
        let z = z.clone().into();
        let given = self.objective.given(t, &mut on, &z);
        let given = given.as_ref().unwrap_or(&z);
        let embedding = self.net.embedding_on(&mut on, weights);
        let features = Value::from(features.of_blocks[t - 1].clone());
        let denoised = self.denoised(&mut on, &weights.blocks[t - 1], [&features, given, &embedding]);
        denoised.into()
    }

    fn watch(
        &self,
        weights: &Weights,
        features: &Features,
        noise: &dyn Fn(usize) -> Stream,
        tell: &mut dyn FnMut(InChain<'_>),
    ) -> Trace {
        let mut on = self.net.numbers(features.rows(), noise);
        self.answer_told(weights, &features.values(), &mut on, Some(&mut in_numbers(tell))).into_trace()
    }
}

impl Method for NoPropDt {
    fn facts(&self) -> Facts<'_> {
        self.net.facts("NoProp-DT", self.schedule.steps())
    }

    fn init(&self, seed: u64) -> Weights {
        self.net.init(self.schedule.steps(), seed)
    }

    fn blank(&self) -> Weights {
        self.net.blank(self.schedule.steps())
    }

    fn tensors(&self) -> Tensors {
        self.net.tensors(self.schedule.steps())
    }

    fn alpha_bar(&self, _: &Weights) -> Vec<f64> {
        self.schedule.alpha_bar().to_vec()
    }

    fn step(&self, input: &StepInput<'_>) -> BlockStep {
        let mut on = self.net.loss_tape(input);
        let loss = self.objective.loss(input.block + 1, &self.schedule, &mut on, input.batch, input.stream);
        on.finish(loss)
    }

    fn features(&self, weights: &Weights, inputs: &Tensor) -> Features {
        self.net.features(weights, inputs)
    }

    fn sample(&self, weights: &Weights, features: &Features, noise: &dyn Fn(usize) -> Stream) -> Trace {
        let mut on = self.net.numbers(features.rows(), noise);
        self.answer(weights, &features.values(), &mut on).into_trace()
    }

    fn readout(&self) -> Readout {
        self.objective.readout()
    }

    fn answer_on<'p>(&self, weights: &'p Weights, on: &mut Runner<'_, 'p>, inputs: &Value) -> Option<Answer> {
        let features = self.net.features_on(on, weights, inputs);
        Some(self.answer(weights, &features, on))
    }

    fn inspect(&self) -> Option<&dyn Inspect> {
        Some(self)
    }
}

#[cfg(test)]
mod tests;
