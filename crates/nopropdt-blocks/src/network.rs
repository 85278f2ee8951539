//! What every method is made of: blocks of one shape, an embedding, an output head.

use crate::block::{Block, BlockDesign, BlockInputs, BlockSite, estimate};
use crate::embedding::{EmbeddingConfig, LabelEmbedding};
use crate::error::BlocksError;
use crate::head::{Head, HeadConfig};
use crate::method::{Facts, Term};
use crate::named::Named;
use crate::sampling::{Runner, Value};
use crate::tensors::Tensors;
use crate::trace::Features;
use crate::weights::{EMBEDDING, HEAD, Weights};
use nopropdt_tensor::random::Stream;
use nopropdt_tensor::{Entry, Mode, ParameterBuilder, Parameters, Precision, Slot, Tape, Tensor, Var};
use rayon::prelude::*;
use std::fmt;
use std::sync::Arc;

/// Settings that all methods share.
#[derive(Debug, Clone)]
pub struct NetworkConfig {
    /// Shape of an input: `[height, width, channels]` of an image, `[length]` of a vector.
    pub input: Vec<usize>,
    /// m.
    pub classes: usize,
    /// W_embed.
    pub embedding: EmbeddingConfig,
    /// How z_T becomes class probabilities.
    pub head: HeadConfig,
    /// The blocks.
    pub block: Arc<dyn BlockDesign>,
    /// Arithmetic of convolutions and linear layers, in training and in answering.
    pub precision: Precision,
}

impl NetworkConfig {
    /// Blocks of this design with a one-hot embedding and a softmax head, in f32.
    pub fn new(input: &[usize], classes: usize, block: impl BlockDesign + 'static) -> Self {
        Self {
            input: input.to_vec(),
            classes,
            embedding: EmbeddingConfig::OneHot,
            head: HeadConfig::Softmax,
            block: Arc::new(block),
            precision: Precision::F32,
        }
    }
}

/// Registers the tensors of a shared set.
type Register = Arc<dyn Fn(&mut ParameterBuilder) + Send + Sync>;

/// A checked network, without its weights: what a method is built on.
#[derive(Clone)]
pub struct Network {
    config: NetworkConfig,
    pub(crate) embedding: LabelEmbedding,
    pub(crate) block: Arc<dyn Block>,
    pub(crate) head: Head,
    /// Whether one network serves all times.
    timed: bool,
    /// Shared sets beside the embedding and the head.
    further: Vec<(&'static str, Register)>,
    /// Trainable values of (a block, all that is shared).
    sizes: (usize, usize),
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let further: Vec<&str> = self.further.iter().map(|(name, _)| *name).collect();
        f.debug_struct("Network")
            .field("config", &self.config)
            .field("further", &further)
            .finish_non_exhaustive()
    }
}

impl Network {
    /// A network with a block for each step.
    ///
    /// # Errors
    /// When a setting is out of range or the block can't stand on inputs of this shape.
    pub fn of_blocks(config: &NetworkConfig) -> Result<Self, BlocksError> {
        Self::new(config, false)
    }

    /// One network that serves all times in 0..=1.
    ///
    /// # Errors
    /// As [`Network::of_blocks`].
    pub fn of_all_times(config: &NetworkConfig) -> Result<Self, BlocksError> {
        Self::new(config, true)
    }

    fn new(config: &NetworkConfig, timed: bool) -> Result<Self, BlocksError> {
        let mut builders = [(); 3].map(|()| ParameterBuilder::without_values());
        let (embedding, block, head) = assemble(config, timed, &mut builders)?;
        let [own, shared, last] = builders.map(|builder| builder.trainable());
        let sizes = (own, shared.saturating_add(last));
        let (config, block, further) = (config.clone(), block.into(), Vec::new());
        Ok(Self { config, embedding, block, head, timed, further, sizes })
    }

    /// The same network with a further shared set, whose tensors `register` adds.
    #[must_use]
    pub fn with_shared(
        mut self,
        name: &'static str,
        register: impl Fn(&mut ParameterBuilder) + Send + Sync + 'static,
    ) -> Self {
        let mut builder = ParameterBuilder::without_values();
        register(&mut builder);
        self.sizes.1 = self.sizes.1.saturating_add(builder.trainable());
        self.further.push((name, Arc::new(register)));
        self
    }

    /// W_embed.
    pub fn embedding(&self) -> &LabelEmbedding {
        &self.embedding
    }

    /// The facts of a method with this network, which trains `blocks` blocks, each alone, and reads each out.
    pub fn facts(&self, name: &'static str, blocks: usize) -> Facts<'_> {
        Facts {
            name,
            parameters: self.sizes.0.saturating_mul(blocks).saturating_add(self.sizes.1),
            blocks,
            steps: blocks,
            one_network: self.timed,
            shown: Term::SquaredError,
            together: 1,
            slices: self.block.slices(),
            classes: self.config.classes,
            readouts: blocks,
            precision: self.config.precision,
            embedding: &self.embedding,
            block: &*self.block,
        }
    }

    /// Names and shapes of all tensors of `blocks` blocks.
    pub fn tensors(&self, blocks: usize) -> Tensors {
        let mut builders = [(); 3].map(|()| ParameterBuilder::without_values());
        assemble(&self.config, self.timed, &mut builders).expect("checked when the network was made");
        let [own, embedding, head] = builders.map(ParameterBuilder::into_entries);
        let mut shared: Named<Vec<Entry>> = [(EMBEDDING, embedding), (HEAD, head)].into_iter().collect();
        for (name, register) in &self.further {
            let mut builder = ParameterBuilder::without_values();
            register(&mut builder);
            shared.push(name, builder.into_entries());
        }
        Tensors { blocks, own, shared }
    }

    /// Fresh weights of `blocks` blocks, a pure function of `seed`.
    pub fn init(&self, blocks: usize, seed: u64) -> Weights {
        self.weights(blocks, Stream::new(seed).purpose("init"), ParameterBuilder::new)
    }

    /// Weights of `blocks` blocks, all zero: to be read into.
    pub fn blank(&self, blocks: usize) -> Weights {
        self.weights(blocks, Stream::new(0), |_| ParameterBuilder::of_zeros())
    }

    /// Weights whose values the builders say, each given the stream of its set.
    fn weights(
        &self,
        blocks: usize,
        stream: Stream,
        builder: impl Fn(Stream) -> ParameterBuilder + Sync,
    ) -> Weights {
        let sets = |stream, of_block: bool| {
            let mut builders = [(); 3].map(|()| builder(stream));
            if of_block {
                let [own, embedding, head] = builders;
                builders = [own.with_room(self.sizes.0), embedding, head];
            }
            assemble(&self.config, self.timed, &mut builders).expect("checked when the network was made");
            builders.map(ParameterBuilder::build)
        };
        let blocks = (0..blocks).into_par_iter().map(|block| {
            let [own, _, _] = sets(stream.child(block as u64), true);
            own
        });
        let blocks = blocks.collect();
        let [_, embedding, head] = sets(stream.purpose("shared"), false);
        let mut shared: Named<Parameters> = [(EMBEDDING, embedding), (HEAD, head)].into_iter().collect();
        for (name, register) in &self.further {
            let mut builder = builder(stream.purpose(name));
            register(&mut builder);
            shared.push(name, builder.build());
        }
        Weights { blocks, shared }
    }

    /// The arithmetic of convolutions and linear layers.
    pub fn precision(&self) -> Precision {
        self.config.precision
    }

    /// An empty tape that computes as this network does.
    pub fn tape<'p>(&self, mode: Mode) -> Tape<'p> {
        Tape::with_precision(mode, self.config.precision)
    }

    /// z_0 of a batch [B, d]: standard normal values.
    pub fn start(&self, rows: usize, stream: Stream) -> Tensor {
        Tensor::filled_by(&[rows, self.embedding.dim()], |data| stream.purpose("z").fill_normal(data))
    }

    /// What every block sees of the inputs, in evaluation mode.
    pub fn features(&self, weights: &Weights, inputs: &Tensor) -> Features {
        let of_block = |own| {
            let mut tape = self.tape(Mode::Eval);
            let own = tape.attach(own);
            let inputs = tape.constant(inputs.clone());
            let features = self.block.encode(&mut tape, own, inputs, None);
            tape.value(features).clone()
        };
        Features { of_blocks: weights.blocks.iter().map(of_block).collect() }
    }

    /// What every block sees of the inputs, on whatever an answer is computed on.
    pub fn features_on<'p>(
        &self,
        on: &mut Runner<'_, 'p>,
        weights: &'p Weights,
        inputs: &Value,
    ) -> Vec<Value> {
        let of_block = |own| {
            on.run(self.config.precision, &[own], &[inputs], |tape, slots, inputs| {
                self.block.encode(tape, slots[0], inputs[0], None)
            })
        };
        weights.blocks.iter().map(of_block).collect()
    }

    /// Runs on numbers of `rows` inputs, row b with noise from `noise(b)` alone: what [`Method::sample`](crate::Method::sample) answers on.
    pub fn numbers<'r, 'p>(&self, rows: usize, noise: &'r dyn Fn(usize) -> Stream) -> Runner<'r, 'p> {
        Runner::numbers(rows, self.embedding.dim(), noise)
    }

    /// W_embed [m, d].
    pub fn embedding_on<'p>(&self, on: &mut Runner<'_, 'p>, weights: &'p Weights) -> Value {
        let set = &weights.shared[EMBEDDING];
        on.run(self.config.precision, &[set], &[], |tape, slots, _| self.embedding.on_tape(tape, slots[0]))
    }

    /// Class logits [B, m] of a block on a latent z [B, d], in evaluation mode, at time `t` if one network serves all.
    pub fn logits(&self, own: &Parameters, features: &Tensor, z: &Tensor, t: Option<f64>) -> Tensor {
        let mut tape = self.tape(Mode::Eval);
        let own = tape.attach(own);
        let (features, z) = (tape.constant(features.clone()), tape.constant(z.clone()));
        let logits = self.logits_of(&mut tape, own, [features, z], t);
        tape.value(logits).clone()
    }

    /// As [`Network::logits`], on whatever an answer is computed on.
    pub fn logits_on<'p>(
        &self,
        on: &mut Runner<'_, 'p>,
        own: &'p Parameters,
        features: &Value,
        z: &Value,
        t: Option<f64>,
    ) -> Value {
        on.run(self.config.precision, &[own], &[features, z], |tape, slots, inputs| {
            self.logits_of(tape, slots[0], [inputs[0], inputs[1]], t)
        })
    }

    /// Class logits [B, m] of a block that is given no latent, in evaluation mode, on whatever an answer is computed on
    /// ([`Block::blind_logits`]).
    pub fn blind_logits_on<'p>(
        &self,
        on: &mut Runner<'_, 'p>,
        own: &'p Parameters,
        features: &Value,
    ) -> Value {
        let start = on.start();
        let nothing = on.combine(&[(0.0, &start)]);
        on.run(self.config.precision, &[own], &[features, &nothing], |tape, slots, inputs| {
            self.block.blind_logits(tape, slots[0], BlockInputs::new(inputs[0], inputs[1]))
        })
    }

    fn logits_of(&self, tape: &mut Tape<'_>, own: Slot, [features, z]: [Var; 2], t: Option<f64>) -> Var {
        let times = t.map(|t| vec![t; tape.shape(z)[0]]);
        let inputs = BlockInputs { times: times.as_deref(), ..BlockInputs::new(features, z) };
        self.block.logits(tape, own, inputs)
    }

    /// û = softmax(logits)·W_embed [B, d] of a block, in evaluation mode, on whatever an answer is computed on.
    pub fn estimate_on<'p>(
        &self,
        on: &mut Runner<'_, 'p>,
        own: &'p Parameters,
        logits: &Value,
        embedding: &Value,
    ) -> Value {
        on.run(self.config.precision, &[own], &[logits, embedding], |tape, slots, inputs| {
            estimate(&*self.block, tape, slots[0], inputs[0], inputs[1])
        })
    }

    /// Class logits [B, m] of the output head on a latent z [B, d].
    pub fn head_logits(&self, weights: &Weights, z: &Tensor) -> Tensor {
        let nothing = |_| Stream::new(0);
        let mut on = self.numbers(z.shape()[0], &nothing);
        self.head_logits_on(&mut on, weights, &z.clone().into()).into_numbers()
    }

    /// As [`Network::head_logits`], on whatever an answer is computed on.
    pub fn head_logits_on<'p>(&self, on: &mut Runner<'_, 'p>, weights: &'p Weights, z: &Value) -> Value {
        let sets = [EMBEDDING, HEAD].map(|name| &weights.shared[name]);
        on.run(self.config.precision, &sets, &[z], |tape, slots, inputs| {
            let embedding = self.embedding.on_tape(tape, slots[0]);
            self.head.forward(tape, slots[1], inputs[0], embedding)
        })
    }
}

/// Handles of an embedding, a block and a head.
type Handles = (LabelEmbedding, Box<dyn Block>, Head);

/// Registers a block, the embedding and the head, each in a builder of its own.
fn assemble(
    config: &NetworkConfig,
    timed: bool,
    [own, shared, last]: &mut [ParameterBuilder; 3],
) -> Result<Handles, BlocksError> {
    let embedding = LabelEmbedding::new(&config.embedding, config.classes, &config.input, shared)?;
    let site = BlockSite {
        input: config.input.clone(),
        classes: config.classes,
        dim: embedding.dim(),
        timed,
        latent_is_input: config.embedding.is_input(),
    };
    let block = config.block.build(&site, own)?;
    let head = Head::new(&config.head, embedding.dim(), config.classes, last)?;
    Ok((embedding, block, head))
}
