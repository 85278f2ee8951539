//! The baseline of end-to-end back-propagation on the same blocks (paper Eq. 17-19): z_t = (1 − α_t)·z_{t−1} + α_t·û_t with
//! α_t = tanh(w_t) learned, and the cross-entropy of z_T for a loss.
//!
//! The blocks' image paths depend on no latent, so each is a tape of its own, run side by side with the others; one more tape
//! holds the chain, and hands the gradient of every block's features on.

use crate::batch::Batch;
use crate::block::{BlockInputs, estimate};
use crate::error::BlocksError;
use crate::loss_tape::LossTape;
use crate::method::{BlockStep, Facts, LossTerms, Method, StepInput, Term};
use crate::network::{Network, NetworkConfig};
use crate::sampling::{Answer, Runner, Value};
use crate::tensors::Tensors;
use crate::trace::{Features, Trace};
use crate::weights::{EMBEDDING, HEAD, Weights};
use nopropdt_tensor::init::Initializer;
use nopropdt_tensor::random::Stream;
use nopropdt_tensor::{Layout, Mode, ParameterBuilder, ParameterId, Parameters, Slot, Tape, Tensor, Var};
use rayon::prelude::*;

/// Name of the set of the gates w_t in [`Weights::shared`].
const GATES: &str = "gates";
/// w_t at the start: α_t = tanh(0.3) = 0.29.
const FIRST_GATE: f32 = 0.3;
/// How sure the head is at the start: of z_T = u_y it says softmax(10, 0, …).
const HEAD_SHARPNESS: f32 = 10.0;
/// Most blocks.
const MOST_BLOCKS: usize = 1000;

/// Settings of back-propagation.
#[derive(Debug, Clone)]
pub struct BackpropConfig {
    /// The network.
    pub network: NetworkConfig,
    /// T, the number of blocks.
    pub steps: usize,
}

/// A checked network trained end to end, without its weights.
#[derive(Debug, Clone)]
pub struct Backprop {
    net: Network,
    steps: usize,
    gates: ParameterId,
}

/// Registers `gates.weight`, w_1 .. w_T.
fn gates(steps: usize, builder: &mut ParameterBuilder) -> ParameterId {
    let start = Initializer::Constant { value: FIRST_GATE };
    builder.scope("gates", |builder| builder.parameter("weight", &[steps], Layout::Same, start, 1))
}

/// A block's image path on a tape of its own.
struct ImageTape<'p> {
    tape: Tape<'p>,
    own: Slot,
    features: Var,
}

impl Backprop {
    /// Checks a configuration.
    ///
    /// # Errors
    /// When a setting is out of range or pooling would leave nothing of the image.
    pub fn new(config: &BackpropConfig) -> Result<Self, BlocksError> {
        BlocksError::check_size("steps", 1, MOST_BLOCKS, config.steps)?;
        let steps = config.steps;
        let net = Network::of_blocks(&config.network)?.with_shared(GATES, move |builder| {
            gates(steps, builder);
        });
        Ok(Self { net, steps, gates: gates(steps, &mut ParameterBuilder::without_values()) })
    }

    /// û lies between the embeddings, so a head of small random weights tells no class from another until it has grown, and in the
    /// meantime blocks settle on mixtures they do not leave again. It starts as the nearest embedding instead.
    fn start_head(&self, weights: &mut Weights) {
        let embedding = self.embedding_matrix(weights);
        self.net.head.start_nearest(&mut weights.shared[HEAD], &embedding, HEAD_SHARPNESS);
    }

    fn image_tape<'p>(&self, own: &'p Parameters, batch: &Batch, dropout: Stream) -> ImageTape<'p> {
        let mut tape = self.net.tape(Mode::Train);
        let own = tape.attach(own);
        let inputs = tape.constant(batch.inputs.clone());
        let features = self.net.block.encode(&mut tape, own, inputs, Some(dropout));
        ImageTape { tape, own, features }
    }

    /// The chain from z_0 to the logits of z_T; `features` are those of each block.
    fn chain(&self, on: &mut LossTape<'_>, features: &[Var], start: Tensor, stream: Stream) -> Var {
        let rows = start.shape()[0];
        let mut z = on.tape.constant(start);
        let slot = on.shared(GATES);
        let gates = on.tape.parameter(slot, self.gates, &[self.steps, 1]);
        let gates = on.tape.tanh(gates);
        for (t, &features) in features.iter().enumerate() {
            let dropout = Some(dropout_of(stream, t).purpose("latent"));
            let inputs = BlockInputs { dropout, ..BlockInputs::new(features, z) };
            let logits = self.net.block.logits(&mut on.tape, on.own[t], inputs);
            let estimate = estimate(&*self.net.block, &mut on.tape, on.own[t], logits, on.embedding);
            let alpha = on.tape.rows(gates, &vec![t; rows]);
            let way = on.tape.linear_combination(&[(estimate, 1.0), (z, -1.0)], 0.0);
            let step = on.tape.scale_rows(way, alpha);
            z = on.tape.add(z, step);
        }
        on.head(z)
    }

    /// The loss of a batch whose latents start from `start`.
    fn step_from(&self, start: Tensor, input: &StepInput<'_>) -> BlockStep {
        let &StepInput { own, batch, stream, .. } = input;
        let images = own.par_iter().enumerate();
        let images: Vec<ImageTape<'_>> =
            images.map(|(t, set)| self.image_tape(set, batch, dropout_of(stream, t))).collect();
        let mut on = self.net.loss_tape(&StepInput { sink: None, ..*input });
        let features: Vec<Var> =
            images.iter().map(|image| on.tape.variable(image.tape.value(image.features).clone())).collect();
        let logits = self.chain(&mut on, &features, start, stream);
        let loss = batch.cross_entropy(&mut on.tape, logits);
        let value = on.scalar(loss);
        let terms = LossTerms { total: value, cross_entropy: value, ..LossTerms::default() };
        let (mut step, gradients) = on.finish_with(loss, terms);

        let parts = images.into_par_iter().zip(&features).zip(&mut step.own).zip(&mut step.statistics);
        parts.for_each(|(((image, &features), own), statistics)| {
            let gradient = gradients.variable(features).expect("the loss depends on every block");
            let sums = vec![std::mem::take(own)];
            let mut gradients = image.tape.backward_from(image.features, gradient.to_vec(), sums);
            *own = gradients.take_parameters(image.own);
            statistics.extend(gradients.take_statistics(image.own));
        });
        step
    }
}

fn dropout_of(stream: Stream, block: usize) -> Stream {
    stream.purpose("dropout").child(block as u64)
}

impl Backprop {
    fn answer<'p>(&self, weights: &'p Weights, features: &[Value], on: &mut Runner<'_, 'p>) -> Answer {
        let embedding = self.net.embedding_on(on, weights);
        let mut z = on.start();
        let mut block_logits = Vec::with_capacity(self.steps);
        for (t, gate) in weights.shared[GATES].get(self.gates).iter().enumerate() {
            on.step(&z);
            let own = &weights.blocks[t];
            let logits = self.net.logits_on(on, own, &features[t], &z, None);
            let estimate = self.net.estimate_on(on, own, &logits, &embedding);
            let way = on.combine(&[(1.0, &estimate), (-1.0, &z)]);
            z = on.combine(&[(1.0, &z), (gate.tanh(), &way)]);
            block_logits.push(logits);
        }
        on.step(&z);
        Answer { block_logits, head_logits: self.net.head_logits_on(on, weights, &z) }
    }
}

impl Method for Backprop {
    fn facts(&self) -> Facts<'_> {
        let net = self.net.facts("back-propagation", self.steps);
        Facts { together: self.steps, shown: Term::CrossEntropy, ..net }
    }

    fn init(&self, seed: u64) -> Weights {
        let mut weights = self.net.init(self.steps, seed);
        self.start_head(&mut weights);
        weights
    }

    fn blank(&self) -> Weights {
        self.net.blank(self.steps)
    }

    fn tensors(&self) -> Tensors {
        self.net.tensors(self.steps)
    }

    fn embed(&self, weights: &mut Weights, rows: &Tensor) {
        self.net.embedding.set(&mut weights.shared[EMBEDDING], rows);
        self.start_head(weights);
    }

    fn step(&self, input: &StepInput<'_>) -> BlockStep {
        self.step_from(self.net.start(input.batch.labels.len(), input.stream), input)
    }

    fn features(&self, weights: &Weights, inputs: &Tensor) -> Features {
        self.net.features(weights, inputs)
    }

    fn sample(&self, weights: &Weights, features: &Features, noise: &dyn Fn(usize) -> Stream) -> Trace {
        let mut on = self.net.numbers(features.rows(), noise);
        self.answer(weights, &features.values(), &mut on).into_trace()
    }

    fn answer_on<'p>(&self, weights: &'p Weights, on: &mut Runner<'_, 'p>, inputs: &Value) -> Option<Answer> {
        let features = self.net.features_on(on, weights, inputs);
        Some(self.answer(weights, &features, on))
    }
}

#[cfg(test)]
mod tests;
