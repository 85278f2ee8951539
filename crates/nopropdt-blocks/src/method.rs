//! What a training method is: losses of blocks, and a way from an image to an answer.
//!
//! Each NoProp method and each baseline implements [`Method`]; the training loop, evaluation, files and reports know nothing
//! else of it.

use crate::batch::Batch;
use crate::block::Block;
use crate::embedding::LabelEmbedding;
use crate::inspect::Inspect;
use crate::named::Named;
use crate::readout::Readout;
use crate::sampling::{Answer, Runner, Value};
use crate::tensors::Tensors;
use crate::trace::{Features, Trace};
use crate::weights::{EMBEDDING, Weights};
use nopropdt_tensor::random::Stream;
use nopropdt_tensor::{Parameters, Precision, StatisticUpdate, Tensor};
use std::ops::Range;

/// The terms of a block's loss on one batch, means over the batch.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct LossTerms {
    /// What is minimised: the weighted sum of the others.
    pub total: f64,
    /// ‖û − u_y‖², unweighted.
    pub squared_error: f64,
    /// CE(f(z_T), y).
    pub cross_entropy: f64,
    /// KL(q(z_0|y) ‖ N(0, I)).
    pub kl: f64,
}

impl LossTerms {
    /// Every term changed in the same way.
    #[must_use]
    pub fn map(self, change: impl Fn(f64) -> f64) -> Self {
        Self {
            total: change(self.total),
            squared_error: change(self.squared_error),
            cross_entropy: change(self.cross_entropy),
            kl: change(self.kl),
        }
    }

    /// Term by term.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            total: self.total + other.total,
            squared_error: self.squared_error + other.squared_error,
            cross_entropy: self.cross_entropy + other.cross_entropy,
            kl: self.kl + other.kl,
        }
    }
}

/// A term of a loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Term {
    /// ‖û − u_y‖².
    SquaredError,
    /// CE(f(z_T), y).
    CrossEntropy,
}

impl Term {
    /// Its value in `terms`.
    pub fn of(self, terms: &LossTerms) -> f64 {
        match self {
            Self::SquaredError => terms.squared_error,
            Self::CrossEntropy => terms.cross_entropy,
        }
    }

    /// Its name, for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::SquaredError => "squared error",
            Self::CrossEntropy => "cross-entropy",
        }
    }
}

/// What a loss says: its value and its gradients.
#[derive(Debug)]
pub struct BlockStep {
    /// The loss.
    pub loss: LossTerms,
    /// Gradient of each set that the loss trains, flat: of one block, or of all blocks that learn together. Empty where they
    /// went to a [`GradientSink`].
    pub own: Vec<Vec<f32>>,
    /// Gradient of each shared set that the loss touches, flat; the others take no step.
    pub shared: Named<Vec<f32>>,
    /// Batch statistics that the layers of each own set saw.
    pub statistics: Vec<Vec<StatisticUpdate>>,
}

/// Takes gradients of a loss's own sets as they become final: which of these sets, which of its values, and their gradient. A piece is
/// whole tensors, or a part of one, whose parts then come from its start to its end; each value comes once, and those that never
/// come are zero.
pub type GradientSink<'a> = &'a (dyn Fn(usize, Range<usize>, &[f32]) + Sync);

impl BlockStep {
    /// Every gradient of the step, the own sets' first.
    pub fn gradients_mut(&mut self) -> impl Iterator<Item = &mut Vec<f32>> {
        self.own.iter_mut().chain(self.shared.values_mut())
    }
}

/// What is known of a method before any weights are made.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// Its name, for people: `NoProp-DT`.
    pub name: &'static str,
    /// Number of trainable values.
    pub parameters: usize,
    /// Number of parameter sets in [`Weights::blocks`].
    pub blocks: usize,
    /// T, the steps of an answer.
    pub steps: usize,
    /// Whether one network serves all steps, and not a block each.
    pub one_network: bool,
    /// The term of the loss that tells how far training is.
    pub shown: Term,
    /// How many blocks, one after the other, a loss trains: 1 where blocks learn alone, all where gradient passes through.
    pub together: usize,
    /// Into how many slices a batch is cut, whose gradients are averaged; 1 where layers see the whole batch, as batch norm does.
    pub slices: usize,
    /// m, the number of classes.
    pub classes: usize,
    /// Number of read-outs that [`Method::sample`] leaves in a trace.
    pub readouts: usize,
    /// Arithmetic of convolutions and linear layers.
    pub precision: Precision,
    /// W_embed.
    pub embedding: &'a LabelEmbedding,
    /// The shape of every block.
    pub block: &'a dyn Block,
}

impl<'a> StepInput<'a> {
    /// A step whose gradients stay in its answer.
    pub fn new(
        block: usize,
        own: &'a [Parameters],
        shared: &'a Named<Parameters>,
        batch: &'a Batch,
        stream: Stream,
    ) -> Self {
        Self { block, own, shared, batch, stream, sink: None }
    }
}

impl Facts<'_> {
    /// What an answer on the way is called: every block gives one, and of one network for all steps some steps do.
    pub fn readout_name(&self) -> &'static str {
        if self.one_network { "read-out" } else { "block" }
    }

    /// What the names of the tensors of a block (from 0) start with in a model file.
    pub fn prefix(&self, block: usize) -> String {
        if self.one_network { "block.".into() } else { format!("blocks.{}.", block + 1) }
    }
}

/// What a step of training is given: the sets of a loss's own blocks and the shared ones, a batch, and randomness. There is nothing else
/// of the network in it, so no loss can reach another block.
#[derive(Clone, Copy)]
pub struct StepInput<'a> {
    /// The first of the own blocks, from 0.
    pub block: usize,
    /// Sets of the own blocks: one where blocks learn alone.
    pub own: &'a [Parameters],
    /// What all blocks share.
    pub shared: &'a Named<Parameters>,
    /// The batch.
    pub batch: &'a Batch,
    /// All randomness of the step.
    pub stream: Stream,
    /// Takes gradients of the own sets as they become final. A method may use it or leave them in its answer; training adds up slices of a
    /// batch, and is spared a whole gradient a slice where it is used.
    pub sink: Option<GradientSink<'a>>,
}

/// A way to train blocks and to answer with them. The training loop knows nothing else of a method.
pub trait Method: std::fmt::Debug + Send + Sync {
    /// What is known of it before any weights are made.
    fn facts(&self) -> Facts<'_>;

    /// Fresh weights, a pure function of `seed`.
    fn init(&self, seed: u64) -> Weights;

    /// Weights of the right shapes whose every value is replaced afterwards, as by those of a file. A method whose fresh values take long to
    /// draw may leave them out.
    fn blank(&self) -> Weights {
        self.init(0)
    }

    /// The loss of the own blocks on a batch, with its gradients.
    ///
    /// # Panics
    /// When the sets or the batch are not of this method's shapes, or the batch has fewer than two inputs.
    fn step(&self, input: &StepInput<'_>) -> BlockStep;

    /// What all blocks see of the inputs, in evaluation mode.
    ///
    /// # Shapes
    /// inputs [B, …]
    fn features(&self, weights: &Weights, inputs: &Tensor) -> Features;

    /// Denoises one random latent an input into an answer. Row b draws its noise from `noise(b)` alone, so the answer to an
    /// input does not depend on its batch.
    fn sample(&self, weights: &Weights, features: &Features, noise: &dyn Fn(usize) -> Stream) -> Trace;

    /// Where its answer is read when nothing better is known of a trained network; the paper's read-out unless a method says otherwise.
    fn readout(&self) -> Readout {
        Readout::Chain
    }

    /// An answer to inputs [B, …] on whatever it is computed on: a graph, for files that other programs read, or numbers from given noise. None
    /// for a method that can't. One that writes its rules on a [`Runner`] has it nearly for nothing, since [`Method::sample`] can run the same.
    fn answer_on<'p>(
        &self,
        _weights: &'p Weights,
        _on: &mut Runner<'_, 'p>,
        _inputs: &Value,
    ) -> Option<Answer> {
        None
    }

    /// Looks at each block alone. None for a method whose blocks are not trained to denoise.
    fn inspect(&self) -> Option<&dyn Inspect> {
        None
    }

    /// Names and shapes of all tensors. Where a method knows them without making weights, a file that promises a network beyond memory is
    /// refused before memory is taken.
    fn tensors(&self) -> Tensors {
        self.init(0).tensors()
    }

    /// ᾱ_0 .. ᾱ_T along which an answer is denoised; empty for a method without a noise schedule.
    fn alpha_bar(&self, _weights: &Weights) -> Vec<f64> {
        Vec::new()
    }

    /// Lets the blocks of fresh weights start from training inputs [N, …], as many as [`Block::looks_at`] says.
    fn start(&self, weights: &mut Weights, inputs: &Tensor) {
        let facts = self.facts();
        weights.blocks.iter_mut().for_each(|own| facts.block.start(own, inputs));
    }

    /// Lets a learned embedding start from these rows [m, d], such as prototypes.
    ///
    /// # Panics
    /// When the embedding is fixed or of another shape.
    fn embed(&self, weights: &mut Weights, rows: &Tensor) {
        self.facts().embedding.set(&mut weights.shared[EMBEDDING], rows);
    }

    /// W_embed [m, d] as it stands in `weights`.
    fn embedding_matrix(&self, weights: &Weights) -> Tensor {
        self.facts().embedding.matrix(weights.shared.get(EMBEDDING))
    }
}
