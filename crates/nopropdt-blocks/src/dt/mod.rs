//! NoProp-DT: T blocks, each trained alone to denoise from step t − 1 to t (paper Algorithm 1).

mod objective;
mod paper;
mod reference;

pub use objective::Objective;

use crate::block::BlockConfig;
use crate::embedding::EmbeddingConfig;
use crate::error::BlocksError;
use crate::head::HeadConfig;
use crate::loss_tape::LossTape;
use crate::method::{Batch, BlockStep, Facts, Features, Method, Trace, Weights};
use crate::network::{Network, NetworkConfig};
use crate::sampling::{Denoised, Latent, Sampler};
use crate::schedule::{NoiseSchedule, ScheduleKind};
use nopropdt_tensor::random::Stream;
use nopropdt_tensor::{Parameters, Precision, Tensor};
use paper::Paper;
use reference::Reference;
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DtConfig {
    /// Height, width and channels of the images.
    pub image: [usize; 3],
    /// m.
    pub classes: usize,
    /// T.
    pub steps: usize,
    /// η, weight of the squared error.
    pub eta: f64,
    /// Noise schedule.
    pub schedule: ScheduleKind,
    /// Loss and chain.
    pub objective: ObjectiveKind,
    /// W_embed.
    pub embedding: EmbeddingConfig,
    /// How z_T becomes class probabilities.
    pub head: HeadConfig,
    /// The blocks.
    pub block: BlockConfig,
    /// How an answer is denoised.
    pub sampler: Sampler,
}

impl DtConfig {
    /// The paper's settings for images and classes: T = 10, η = 0.1, cosine schedule, one-hot embedding (Table 3, Figure 6).
    pub fn paper(image: [usize; 3], classes: usize) -> Self {
        Self {
            image,
            classes,
            steps: 10,
            eta: 0.1,
            schedule: ScheduleKind::Cosine,
            objective: ObjectiveKind::Paper,
            embedding: EmbeddingConfig::OneHot,
            head: HeadConfig::Softmax,
            block: BlockConfig::paper(),
            sampler: Sampler::Stochastic,
        }
    }

    fn network(&self) -> NetworkConfig {
        NetworkConfig {
            image: self.image,
            classes: self.classes,
            embedding: self.embedding,
            head: self.head,
            block: self.block.clone(),
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
        if config.schedule == ScheduleKind::Reference && config.objective == ObjectiveKind::Paper {
            return Err(BlocksError::FallingSchedule);
        }
        if config.objective == ObjectiveKind::Reference && config.sampler != Sampler::Stochastic {
            let rule = "stochastic with objective reference, whose chain is its own";
            return Err(BlocksError::range("sampler", rule, config.sampler));
        }
        let schedule = NoiseSchedule::new(config.schedule, config.steps)?;
        let eta = config.eta;
        let objective: Arc<dyn Objective> = match config.objective {
            ObjectiveKind::Paper => Arc::new(Paper { eta }),
            ObjectiveKind::Reference => Arc::new(Reference { eta }),
        };
        Self::with_objective(&config.network(), schedule, objective, config.sampler)
    }

    /// A network of blocks that learn alone, a block for each step of `schedule`, each by the loss that `objective` gives it.
    ///
    /// # Errors
    /// When a setting is out of range, or pooling would leave nothing of the image.
    pub fn with_objective(
        network: &NetworkConfig,
        schedule: NoiseSchedule,
        objective: Arc<dyn Objective>,
        sampler: Sampler,
    ) -> Result<Self, BlocksError> {
        Ok(Self { schedule, objective, sampler, net: Network::new(network)? })
    }

    /// The same network computed in `precision`: of convolutions and linear layers, in training and in answering.
    #[must_use]
    pub fn in_precision(mut self, precision: Precision) -> Self {
        self.net.precision = precision;
        self
    }

    /// The noise schedule.
    pub fn schedule(&self) -> &NoiseSchedule {
        &self.schedule
    }

    /// Class logits [B, m] of block `t` = 1..=T on a latent z [B, d], in evaluation mode.
    pub fn block_logits(&self, weights: &Weights, t: usize, features: &Features, z: &Tensor) -> Tensor {
        self.net.logits(&weights.blocks[t - 1], &features.of_blocks[t - 1], z, None)
    }

    /// Class logits [B, m] of the output head on a latent z [B, d].
    pub fn head_logits(&self, weights: &Weights, z: &Tensor) -> Tensor {
        self.net.head_logits(weights, z)
    }
}

impl Method for NoPropDt {
    fn facts(&self) -> Facts<'_> {
        self.net.facts("NoProp-DT", self.schedule.steps())
    }

    fn init(&self, seed: u64) -> Weights {
        self.net.init(self.schedule.steps(), seed)
    }

    fn alpha_bar(&self, _: &Weights) -> Vec<f64> {
        self.schedule.alpha_bar().to_vec()
    }

    fn block_step(
        &self,
        block: usize,
        own: &[Parameters],
        shared: &[Parameters],
        batch: &Batch,
        stream: Stream,
    ) -> BlockStep {
        let mut on = LossTape::new(&self.net, own, shared, &batch.labels);
        let loss = self.objective.loss(block + 1, &self.schedule, &mut on, batch, stream);
        on.finish(loss)
    }

    fn features(&self, weights: &Weights, images: &Tensor) -> Features {
        self.net.features(weights, images)
    }

    fn sample(&self, weights: &Weights, features: &Features, noise: &dyn Fn(usize) -> Stream) -> Trace {
        let rows = features.of_blocks[0].shape()[0];
        let w = self.embedding_matrix(weights);
        let mut latent = Latent::new(rows, self.net.embedding.dim(), noise);
        let mut block_logits = Vec::new();
        let mut denoiser = |t: usize, z: &Tensor| {
            let logits = self.block_logits(weights, t, features, z);
            Denoised { estimate: self.net.estimate(&weights.blocks[t - 1], &logits, &w), logits }
        };
        let mut read = |_, logits| block_logits.push(logits);
        self.objective.chain(&self.schedule, self.sampler, &mut latent, &mut denoiser, &mut read);
        Trace { block_logits, head_logits: self.head_logits(weights, &latent.z) }
    }
}

#[cfg(test)]
mod tests;
