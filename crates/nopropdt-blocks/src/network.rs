//! What every method is made of: blocks of one shape, an embedding, an output head.

use crate::block::{BlockConfig, BlockInputs, DenoiseBlock};
use crate::embedding::{EmbeddingConfig, LabelEmbedding};
use crate::error::BlocksError;
use crate::head::{Head, HeadConfig};
use crate::method::{Facts, Features, Trace, Weights};
use crate::sampling::{Latent, Sampler, Steps, flow};
use nopropdt_tensor::random::Stream;
use nopropdt_tensor::{Mode, ParameterBuilder, Parameters, Precision, Tape, Tensor};
use serde::{Deserialize, Serialize};

/// Settings that all methods share.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkConfig {
    /// Height, width and channels of the images.
    pub image: [usize; 3],
    /// m.
    pub classes: usize,
    /// W_embed.
    pub embedding: EmbeddingConfig,
    /// How z_T becomes class probabilities.
    pub head: HeadConfig,
    /// The blocks.
    pub block: BlockConfig,
}

/// A checked network, without its weights.
#[derive(Debug, Clone)]
pub(crate) struct Network {
    config: NetworkConfig,
    pub(crate) embedding: LabelEmbedding,
    pub(crate) block: DenoiseBlock,
    pub(crate) head: Head,
    pub(crate) precision: Precision,
    /// Trainable values of (a block, all that is shared).
    sizes: (usize, usize),
}

/// Fresh values of a block, of the embedding and of the head.
type Sets = [Parameters; 3];

impl Network {
    /// Checks a configuration.
    pub(crate) fn new(config: &NetworkConfig) -> Result<Self, BlocksError> {
        let (embedding, block, head, sets) = assemble(config, Stream::new(0))?;
        let [own, shared, last] = sets.map(|set| set.len());
        let (config, precision, sizes) = (config.clone(), Precision::F32, (own, shared + last));
        Ok(Self { config, embedding, block, head, precision, sizes })
    }

    /// The facts of a method that trains `blocks` of its blocks, each alone, and reads each out.
    pub(crate) fn facts(&self, name: &'static str, blocks: usize) -> Facts<'_> {
        Facts {
            name,
            parameters: self.sizes.0.saturating_mul(blocks).saturating_add(self.sizes.1),
            blocks,
            together: 1,
            slices: 1,
            classes: self.config.classes,
            readouts: blocks,
            precision: self.precision,
            embedding: &self.embedding,
            multiply_adds: self.block.multiply_adds(),
        }
    }

    /// Fresh weights of `blocks` blocks.
    pub(crate) fn init(&self, blocks: usize, seed: u64) -> Weights {
        let stream = Stream::new(seed).purpose("init");
        let sets = |stream| assemble(&self.config, stream).expect("checked by Network::new").3;
        let blocks = (0..blocks).map(|block| {
            let [own, _, _] = sets(stream.child(block as u64));
            own
        });
        let blocks = blocks.collect();
        let [_, embedding, head] = sets(stream.purpose("shared"));
        Weights { blocks, shared: vec![embedding, head] }
    }

    /// An empty tape that computes as this network does.
    pub(crate) fn tape<'p>(&self, mode: Mode) -> Tape<'p> {
        Tape::with_precision(mode, self.precision)
    }

    /// z_0 of a batch [B, d]: standard normal values.
    pub(crate) fn start(&self, rows: usize, stream: Stream) -> Tensor {
        Tensor::filled_by(&[rows, self.embedding.dim()], |data| stream.purpose("z").fill_normal(data))
    }

    /// Image features of every block, in evaluation mode.
    pub(crate) fn features(&self, weights: &Weights, images: &Tensor) -> Features {
        let of_block = |own| {
            let mut tape = self.tape(Mode::Eval);
            let own = tape.attach(own);
            let images = tape.constant(images.clone());
            let features = self.block.features(&mut tape, own, images, None);
            tape.value(features).clone()
        };
        Features { of_blocks: weights.blocks.iter().map(of_block).collect() }
    }

    /// Class logits [B, m] of a block on a latent z [B, d], in evaluation mode, at time `t` if the block is of continuous time.
    pub(crate) fn logits(&self, own: &Parameters, features: &Tensor, z: &Tensor, t: Option<f64>) -> Tensor {
        let mut tape = self.tape(Mode::Eval);
        let own = tape.attach(own);
        let (features, z) = (tape.constant(features.clone()), tape.constant(z.clone()));
        let rows = tape.value(z).shape()[0];
        let times = t.map(|t| tape.constant(self.block.embed_times(&vec![t; rows])));
        let inputs = BlockInputs { times, ..BlockInputs::new(features, z) };
        let logits = self.block.logits(&mut tape, own, inputs);
        tape.value(logits).clone()
    }

    /// û = softmax(logits)·W_embed [B, d] of a block, in evaluation mode.
    pub(crate) fn estimate(&self, own: &Parameters, logits: &Tensor, embedding: &Tensor) -> Tensor {
        let mut tape = self.tape(Mode::Eval);
        let own = tape.attach(own);
        let (logits, embedding) = (tape.constant(logits.clone()), tape.constant(embedding.clone()));
        let estimate = self.block.estimate(&mut tape, own, logits, embedding);
        tape.value(estimate).clone()
    }

    /// Class logits [B, m] of the output head on a latent z [B, d].
    pub(crate) fn head_logits(&self, weights: &Weights, z: &Tensor) -> Tensor {
        let mut tape = self.tape(Mode::Eval);
        let shared = [Weights::EMBEDDING, Weights::HEAD].map(|index| tape.attach(&weights.shared[index]));
        let embedding = self.embedding.on_tape(&mut tape, shared[0]);
        let z = tape.constant(z.clone());
        let logits = self.head.forward(&mut tape, shared[1], z, embedding);
        tape.value(logits).clone()
    }
}

/// The one network of continuous time on a batch whose image features are known.
pub(crate) struct AtTimes<'a> {
    net: &'a Network,
    own: &'a Parameters,
    features: &'a Tensor,
    embedding: Tensor,
}

impl Network {
    /// This network, of continuous time, ready to be run over and over.
    pub(crate) fn at_times<'a>(&'a self, weights: &'a Weights, features: &'a Features) -> AtTimes<'a> {
        let embedding = self.embedding.matrix(&weights.shared[Weights::EMBEDDING]);
        AtTimes { net: self, own: &weights.blocks[0], features: &features.of_blocks[0], embedding }
    }
}

impl AtTimes<'_> {
    /// Class logits [B, m] of z [B, d] at time `t`.
    pub(crate) fn logits(&self, z: &Tensor, t: f64) -> Tensor {
        self.net.logits(self.own, self.features, z, Some(t))
    }

    /// û = softmax(logits)·W_embed [B, d].
    pub(crate) fn estimate(&self, logits: &Tensor) -> Tensor {
        self.net.estimate(self.own, logits, &self.embedding)
    }

    /// v̂ = logits·W_embed [B, d], without softmax.
    pub(crate) fn velocity(&self, logits: &Tensor) -> Tensor {
        let mut tape = self.net.tape(Mode::Eval);
        let (logits, embedding) = (tape.constant(logits.clone()), tape.constant(self.embedding.clone()));
        let velocity = tape.matmul(logits, embedding);
        tape.value(velocity).clone()
    }

    /// Follows dz/dt = v̂(z, x, t) from noise to t = 1, where `read` tells class logits; on the way it is told where the path would end if
    /// it went on straight.
    pub(crate) fn follow(
        &self,
        sampler: Sampler,
        steps: Steps,
        noise: &dyn Fn(usize) -> Stream,
        read: impl Fn(&Tensor, &Tensor) -> Tensor,
    ) -> Trace {
        let mut latent = Latent::new(self.features.shape()[0], self.embedding.shape()[1], noise);
        let mut block_logits = Vec::with_capacity(steps.readouts());
        flow(sampler, steps.0, &mut latent.z, |step, t, z| {
            let velocity = self.velocity(&self.logits(z, t));
            if step.is_some_and(|step| steps.is_read(step)) {
                let mut end = z.clone();
                let left = (1.0 - t) as f32;
                end.data_mut().iter_mut().zip(velocity.data()).for_each(|(z, v)| *z += left * v);
                block_logits.push(read(&end, &self.embedding));
            }
            velocity
        });
        Trace { block_logits, head_logits: read(&latent.z, &self.embedding) }
    }
}

/// Slices into which a batch of a network without batch norm is cut: enough for four threads, and a fixed number, so that sums
/// do not depend on the machine.
pub(crate) const SLICES: usize = 4;

/// Handles and one fresh set of weights of each kind.
type Assembled = (LabelEmbedding, DenoiseBlock, Head, Sets);

/// Registers a block, the embedding and the head with values drawn from `stream`.
fn assemble(config: &NetworkConfig, stream: Stream) -> Result<Assembled, BlocksError> {
    let mut builders = [stream, stream, stream].map(ParameterBuilder::new);
    let [own, shared, last] = &mut builders;
    let embedding = LabelEmbedding::new(&config.embedding, config.classes, config.image, shared)?;
    let image_latent = config.embedding.is_image();
    let block = BlockConfig { image_latent, ..config.block.clone() };
    let block = DenoiseBlock::new(&block, config.image, config.classes, embedding.dim(), own)?;
    let head = Head::new(&config.head, embedding.dim(), config.classes, last)?;
    Ok((embedding, block, head, builders.map(ParameterBuilder::build)))
}
