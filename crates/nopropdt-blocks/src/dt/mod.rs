//! NoProp-DT: T blocks, each trained alone to denoise from step t − 1 to t (paper Algorithm 1).

mod noise;
mod paper;
mod reference;

use crate::block::{BlockConfig, DenoiseBlock, ImageShape};
use crate::embedding::{EmbeddingConfig, LabelEmbedding};
use crate::error::BlocksError;
use crate::method::{Batch, BlockStep, Features, LossTerms, Method, Trace, Weights};
use crate::schedule::{NoiseSchedule, ScheduleKind};
use noise::Latent;
use nopropdt_tensor::layers::Linear;
use nopropdt_tensor::random::Stream;
use nopropdt_tensor::{Mode, ParameterBuilder, Parameters, Precision, Slot, Tape, Tensor, Var};
use serde::{Deserialize, Serialize};

/// Index of the embedding among [`Weights::shared`].
const EMBEDDING: usize = 0;
/// Index of the output head among [`Weights::shared`].
const HEAD: usize = 1;

/// Which loss trains the blocks and which chain answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Objective {
    /// The paper's: Eq. 8 and Eq. 3.
    Paper,
    /// The reference repository's, for comparison.
    Reference,
}

/// Settings of NoProp-DT.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DtConfig {
    /// Size of the images.
    pub image: ImageShape,
    /// m.
    pub classes: usize,
    /// T.
    pub steps: usize,
    /// η, weight of the squared error.
    pub eta: f64,
    /// Noise schedule.
    pub schedule: ScheduleKind,
    /// Loss and chain.
    pub objective: Objective,
    /// W_embed.
    pub embedding: EmbeddingConfig,
    /// The blocks.
    pub block: BlockConfig,
}

/// A checked NoProp-DT network, without its weights.
#[derive(Debug, Clone)]
pub struct NoPropDt {
    config: DtConfig,
    schedule: NoiseSchedule,
    embedding: LabelEmbedding,
    block: DenoiseBlock,
    head: Linear,
    parameters: usize,
    precision: Precision,
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
        if config.schedule == ScheduleKind::Reference && config.objective == Objective::Paper {
            return Err(BlocksError::FallingSchedule);
        }
        let schedule = NoiseSchedule::new(config.schedule, config.steps)?;
        let (embedding, block, head, sets) = assemble(config, Stream::new(0))?;
        let [own, shared, last] = sets.map(|set| set.len());
        let parameters = own.saturating_mul(config.steps).saturating_add(shared + last);
        Ok(Self {
            config: config.clone(),
            schedule,
            embedding,
            block,
            head,
            parameters,
            precision: Precision::F32,
        })
    }

    /// The same network computed in `precision`: of convolutions and linear layers, in training and in answering.
    #[must_use]
    pub fn in_precision(self, precision: Precision) -> Self {
        Self { precision, ..self }
    }

    /// The precision of convolutions and linear layers.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// The configuration this network was made from.
    pub fn config(&self) -> &DtConfig {
        &self.config
    }

    /// Number of trainable values of the whole network.
    pub fn parameters(&self) -> usize {
        self.parameters
    }

    /// The noise schedule.
    pub fn schedule(&self) -> &NoiseSchedule {
        &self.schedule
    }

    /// W_embed [m, d] as it stands in `weights`.
    pub fn embedding_matrix(&self, weights: &Weights) -> Tensor {
        self.embedding.matrix(&weights.shared[EMBEDDING])
    }

    /// Class logits [B, m] of block `t` = 1..=T on a latent z [B, d], in evaluation mode.
    pub fn block_logits(&self, weights: &Weights, t: usize, features: &Features, z: &Tensor) -> Tensor {
        let mut tape = Tape::with_precision(Mode::Eval, self.precision);
        let own = tape.attach(&weights.blocks[t - 1]);
        let features = tape.constant(features.of_blocks[t - 1].clone());
        let z = tape.constant(z.clone());
        let logits = self.block.logits(&mut tape, own, features, z);
        tape.value(logits).clone()
    }

    /// f(z) [B, m], the output head on a latent z [B, d].
    pub fn head_logits(&self, weights: &Weights, z: &Tensor) -> Tensor {
        let mut tape = Tape::with_precision(Mode::Eval, self.precision);
        let head = tape.attach(&weights.shared[HEAD]);
        let z = tape.constant(z.clone());
        let logits = self.head.forward(&mut tape, head, z);
        tape.value(logits).clone()
    }

    /// Block t's logits on the way and the estimate û_t made of them.
    fn denoise(
        &self,
        weights: &Weights,
        t: usize,
        features: &Features,
        z: &Tensor,
        w: &Tensor,
    ) -> (Tensor, Tensor) {
        let logits = self.block_logits(weights, t, features, z);
        let mut tape = Tape::with_precision(Mode::Eval, self.precision);
        let own = tape.attach(&weights.blocks[t - 1]);
        let (on_tape, w) = (tape.constant(logits.clone()), tape.constant(w.clone()));
        let estimate = self.block.estimate(&mut tape, own, on_tape, w);
        let estimate = tape.value(estimate).clone();
        (logits, estimate)
    }
}

/// Handles and one fresh set of weights of each kind: (block, embedding, head).
type Assembled = (LabelEmbedding, DenoiseBlock, Linear, [Parameters; 3]);

/// Registers a block, the embedding and the head with values drawn from `stream`.
fn assemble(config: &DtConfig, stream: Stream) -> Result<Assembled, BlocksError> {
    let mut builders = [stream, stream, stream].map(ParameterBuilder::new);
    let [own, shared, last] = &mut builders;
    let embedding = LabelEmbedding::new(&config.embedding, config.classes, shared)?;
    let block = DenoiseBlock::new(&config.block, config.image, config.classes, embedding.dim(), own)?;
    let head = Linear::new(last, "head", embedding.dim(), config.classes);
    Ok((embedding, block, head, builders.map(ParameterBuilder::build)))
}

/// Everything a loss is built from, on one tape: the block's own set, the shared sets, the batch's features and u_y.
struct LossTape<'p> {
    tape: Tape<'p>,
    own: Slot,
    shared: [Slot; 2],
    embedding: Var,
    target: Var,
}

impl<'p> LossTape<'p> {
    fn new(net: &NoPropDt, own: &'p Parameters, shared: &'p [Parameters], batch: &Batch) -> Self {
        let mut tape = Tape::with_precision(Mode::Train, net.precision);
        let own = tape.attach(own);
        let shared = [tape.attach(&shared[EMBEDDING]), tape.attach(&shared[HEAD])];
        let embedding = net.embedding.on_tape(&mut tape, shared[EMBEDDING]);
        let target = tape.rows(embedding, &batch.labels);
        Self { tape, own, shared, embedding, target }
    }

    /// û of the block for latent z.
    fn estimate(&mut self, net: &NoPropDt, batch: &Batch, z: Var, dropout: Stream) -> Var {
        let images = self.tape.constant(batch.images.clone());
        let features = net.block.features(&mut self.tape, self.own, images, Some(dropout));
        let logits = net.block.logits(&mut self.tape, self.own, features, z);
        net.block.estimate(&mut self.tape, self.own, logits, self.embedding)
    }

    /// Standard normal values [B, d].
    fn noise(&self, stream: Stream) -> Tensor {
        Tensor::filled_by(self.tape.value(self.target).shape(), |data| stream.fill_normal(data))
    }

    /// z = signal·u_y + noise·ε, so that gradient reaches u_y; with ε standard normal, z ~ N(signal·u_y, noise²·I).
    fn noised(&mut self, (signal, noise): (f64, f64), epsilon: Tensor) -> Var {
        let epsilon = self.tape.constant(epsilon);
        self.tape.linear_combination(&[(self.target, signal as f32), (epsilon, noise as f32)], 0.0)
    }

    /// Mean over the batch of ‖u_y‖².
    fn target_square(&mut self) -> Var {
        let zeros = Tensor::zeros(self.tape.value(self.target).shape());
        let zeros = self.tape.constant(zeros);
        self.tape.squared_error(self.target, zeros)
    }

    fn scalar(&self, var: Var) -> f64 {
        f64::from(self.tape.value(var).item())
    }

    /// Runs the tape backwards; the sets not named in `touched` get no gradient.
    fn finish(self, total: Var, loss: LossTerms, touched: [bool; 2]) -> BlockStep {
        let mut gradients = self.tape.backward(total);
        let shared = self.shared.into_iter().zip(touched);
        BlockStep {
            loss,
            own: gradients.take_parameters(self.own),
            shared: shared.map(|(slot, touched)| touched.then(|| gradients.take_parameters(slot))).collect(),
            statistics: gradients.take_statistics(self.own),
        }
    }
}

impl Method for NoPropDt {
    fn init(&self, seed: u64) -> Weights {
        let stream = Stream::new(seed).purpose("init");
        let assembled = |stream| assemble(&self.config, stream).expect("checked by NoPropDt::new").3;
        let blocks = (0..self.config.steps).map(|block| {
            let [own, _, _] = assembled(stream.child(block as u64));
            own
        });
        let blocks = blocks.collect();
        let [_, embedding, head] = assembled(stream.purpose("shared"));
        Weights { blocks, shared: vec![embedding, head] }
    }

    fn blocks(&self) -> usize {
        self.config.steps
    }

    fn classes(&self) -> usize {
        self.config.classes
    }

    fn block_step(
        &self,
        block: usize,
        own: &Parameters,
        shared: &[Parameters],
        batch: &Batch,
        stream: Stream,
    ) -> BlockStep {
        let tape = LossTape::new(self, own, shared, batch);
        match self.config.objective {
            Objective::Paper => paper::block_step(self, block + 1, tape, batch, stream),
            Objective::Reference => reference::block_step(self, block + 1, tape, batch, stream),
        }
    }

    fn features(&self, weights: &Weights, images: &Tensor) -> Features {
        let of_block = |own| {
            let mut tape = Tape::with_precision(Mode::Eval, self.precision);
            let own = tape.attach(own);
            let images = tape.constant(images.clone());
            let features = self.block.features(&mut tape, own, images, None);
            tape.value(features).clone()
        };
        Features { of_blocks: weights.blocks.iter().map(of_block).collect() }
    }

    fn sample(&self, weights: &Weights, features: &Features, noise: &dyn Fn(usize) -> Stream) -> Trace {
        let rows = features.of_blocks[0].shape()[0];
        let w = self.embedding_matrix(weights);
        let mut latent = Latent::new(rows, self.embedding.dim(), noise);
        let block_logits = (1..=self.config.steps)
            .map(|t| {
                let (logits, estimate) = self.denoise(weights, t, features, &latent.z, &w);
                match self.config.objective {
                    Objective::Paper => latent.step(t, &self.schedule.posterior(t), &estimate),
                    Objective::Reference => latent.replace(estimate),
                }
                logits
            })
            .collect();
        Trace { block_logits, head_logits: self.head_logits(weights, &latent.z) }
    }

    fn multiply_adds(&self) -> (u64, u64) {
        self.block.multiply_adds()
    }
}

#[cfg(test)]
mod tests;
