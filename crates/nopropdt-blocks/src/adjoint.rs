//! The baseline of a neural ODE trained by the adjoint method (Chen et al. 2018) on the network of continuous time:
//! dz/dt = logits(z, x, t)·W_embed from z_0 ~ N(0, I), and the cross-entropy of z_1 for a loss.
//!
//! Nothing of the way forward is kept: the latent is solved backwards beside its adjoint a = ∂L/∂z, with da/dt = −a·∂f/∂z and
//! gradients of parameters gathered on the way. The image features are a constant of the equation, and their gradient goes
//! through the image path once.

use crate::at_times::AtTimes;
use crate::batch::Batch;
use crate::block::BlockInputs;
use crate::error::BlocksError;
use crate::method::{BlockStep, Facts, LossTerms, Method, StepInput, Term};
use crate::named::Named;
use crate::network::{Network, NetworkConfig};
use crate::sampling::{Answer, Runner, Sampler, Value, flow};
use crate::steps::Steps;
use crate::tensors::Tensors;
use crate::trace::{Features, Trace};
use crate::weights::{EMBEDDING, HEAD, Weights};
use nopropdt_tensor::random::Stream;
use nopropdt_tensor::{Mode, Parameters, Slot, Tape, Tensor, Var};

/// Settings of the neural ODE.
#[derive(Debug, Clone)]
pub struct AdjointConfig {
    /// The network.
    pub network: NetworkConfig,
    /// T, steps of the solver, in training and in answering.
    pub steps: usize,
    /// The solver: Euler or Heun.
    pub sampler: Sampler,
}

/// A checked neural ODE, without its weights.
#[derive(Debug, Clone)]
pub struct Adjoint {
    net: Network,
    steps: Steps,
    sampler: Sampler,
}

/// The field of a batch in training, and the gradients gathered on the way back through it.
struct Field<'a> {
    net: &'a Network,
    own: &'a Parameters,
    embedding: &'a Parameters,
    features: Tensor,
    dropout: Stream,
    /// Sums over the steps, of the own set and of the embedding's.
    of_sets: Vec<Vec<f32>>,
    of_features: Vec<f32>,
}

impl Field<'_> {
    /// f(z, t) on a tape, with the variables z and features.
    fn on_tape(&self, tape: &mut Tape<'_>, slots: [Slot; 2], z: Tensor, t: f64) -> (Var, Var, Var) {
        let rows = z.shape()[0];
        let (features, z) = (tape.variable(self.features.clone()), tape.variable(z));
        let times = vec![t; rows];
        // The same masks at every time: the field must be a function.
        let dropout = Some(self.dropout);
        let inputs = BlockInputs { times: Some(&times), dropout, ..BlockInputs::new(features, z) };
        let logits = self.net.block.logits(tape, slots[0], inputs);
        let embedding = self.net.embedding.on_tape(tape, slots[1]);
        (tape.matmul(logits, embedding), z, features)
    }

    fn value(&self, z: &Tensor, t: f64) -> Tensor {
        let mut tape = self.net.tape(Mode::Train);
        let slots = [tape.attach(self.own), tape.attach(self.embedding)];
        let (velocity, ..) = self.on_tape(&mut tape, slots, z.clone(), t);
        tape.value(velocity).clone()
    }

    /// f(z, t) and a·∂f/∂z for an adjoint times `factor`; what it says of parameters and features is added to the sums.
    fn back(&mut self, z: &Tensor, t: f64, adjoint: &[f32], factor: f64) -> (Tensor, Vec<f32>) {
        let mut tape = self.net.tape(Mode::Train);
        let slots = [tape.attach(self.own), tape.attach(self.embedding)];
        let (velocity, z, features) = self.on_tape(&mut tape, slots, z.clone(), t);
        let value = tape.value(velocity).clone();
        let scaled = adjoint.iter().map(|a| factor as f32 * a).collect();
        let mut gradients = tape.backward_from(velocity, scaled, std::mem::take(&mut self.of_sets));
        self.of_sets = slots.map(|slot| gradients.take_parameters(slot)).into();
        let of_features = gradients.variable(features).expect("the field depends on the image");
        add(&mut self.of_features, 1.0, of_features);
        let of_z = gradients.variable(z).expect("the field depends on the latent").to_vec();
        (value, of_z)
    }

    /// Takes z_1 and a_1 = ∂L/∂z_1 back to t = 0.
    fn solve_back(&mut self, sampler: Sampler, steps: usize, mut z: Tensor, mut adjoint: Vec<f32>) {
        let width = 1.0 / steps as f64;
        for step in (0..steps).rev() {
            let t = (step + 1) as f64 * width;
            if sampler == Sampler::Heun {
                let (velocity, first) = self.back(&z, t, &adjoint, 0.5 * width);
                let (mut ahead, mut adjoint_ahead) = (z.clone(), adjoint.clone());
                add(ahead.data_mut(), -width, velocity.data());
                add(&mut adjoint_ahead, 2.0, &first);
                let (again, second) = self.back(&ahead, t - width, &adjoint_ahead, 0.5 * width);
                add(z.data_mut(), -0.5 * width, velocity.data());
                add(z.data_mut(), -0.5 * width, again.data());
                add(&mut adjoint, 1.0, &first);
                add(&mut adjoint, 1.0, &second);
            } else {
                let (velocity, of_z) = self.back(&z, t, &adjoint, width);
                add(z.data_mut(), -width, velocity.data());
                add(&mut adjoint, 1.0, &of_z);
            }
        }
    }
}

fn add(sum: &mut [f32], factor: f64, values: &[f32]) {
    sum.iter_mut().zip(values).for_each(|(sum, value)| *sum += factor as f32 * value);
}

/// The cross-entropy of z_1, its gradient there, and those of the embedding's and the head's sets.
struct End {
    loss: f64,
    of_z: Vec<f32>,
    of_embedding: Vec<f32>,
    of_head: Vec<f32>,
}

impl Adjoint {
    /// Checks a configuration.
    ///
    /// # Errors
    /// When a setting is out of range or pooling would leave nothing of the image.
    pub fn new(config: &AdjointConfig) -> Result<Self, BlocksError> {
        let (net, steps) = (Network::of_all_times(&config.network)?, Steps::new(config.steps)?);
        Ok(Self { net, steps, sampler: config.sampler.of_a_flow()? })
    }

    fn end(&self, shared: &Named<Parameters>, z: &Tensor, batch: &Batch) -> End {
        let mut tape = self.net.tape(Mode::Train);
        let [embedding, head] = [EMBEDDING, HEAD].map(|name| tape.attach(&shared[name]));
        let matrix = self.net.embedding.on_tape(&mut tape, embedding);
        let z = tape.variable(z.clone());
        let logits = self.net.head.forward(&mut tape, head, z, matrix);
        let loss = batch.cross_entropy(&mut tape, logits);
        let value = f64::from(tape.value(loss).item());
        let mut gradients = tape.backward(loss);
        let of_z = gradients.variable(z).expect("the loss depends on z_1").to_vec();
        let [of_embedding, of_head] = [embedding, head].map(|slot| gradients.take_parameters(slot));
        End { loss: value, of_z, of_embedding, of_head }
    }

    /// The loss of a batch whose latents start from `start`.
    fn step_from(&self, start: Tensor, input: &StepInput<'_>) -> BlockStep {
        let &StepInput { own, shared, batch, stream, .. } = input;
        let dropout = stream.purpose("dropout");
        let mut tape = self.net.tape(Mode::Train);
        let slot = tape.attach(&own[0]);
        let inputs = tape.constant(batch.inputs.clone());
        let features = self.net.block.encode(&mut tape, slot, inputs, Some(dropout));
        let embedding = &shared[EMBEDDING];
        let mut field = Field {
            net: &self.net,
            own: &own[0],
            embedding,
            features: tape.value(features).clone(),
            dropout: dropout.purpose("latent"),
            of_sets: vec![vec![0.0; own[0].len()], vec![0.0; embedding.len()]],
            of_features: vec![0.0; tape.value(features).len()],
        };
        let of_row = |_| stream;
        let mut on = self.net.numbers(start.shape()[0], &of_row);
        let z = flow(self.sampler, self.steps.0, &mut on, start.into(), |_, _, t, z| {
            field.value(z.numbers(), t).into()
        });
        let z = z.into_numbers();
        let End { loss, of_z, of_embedding, of_head } = self.end(shared, &z, batch);
        field.solve_back(self.sampler, self.steps.0, z, of_z);
        let Field { mut of_sets, of_features, .. } = field;
        let mut of_field = of_sets.pop().expect("there are two sets");
        add(&mut of_field, 1.0, &of_embedding);
        let mut gradients = tape.backward_from(features, of_features, of_sets);
        let mut of_shared = Named::default();
        if self.net.embedding.is_learned() {
            of_shared.push(EMBEDDING, of_field);
        }
        of_shared.push(HEAD, of_head);
        BlockStep {
            loss: LossTerms { total: loss, cross_entropy: loss, ..LossTerms::default() },
            own: vec![gradients.take_parameters(slot)],
            shared: of_shared,
            statistics: vec![Vec::new()],
        }
    }
}

impl Adjoint {
    fn answer<'p>(&self, weights: &'p Weights, features: &[Value], on: &mut Runner<'_, 'p>) -> Answer {
        let field = AtTimes::new(&self.net, weights, features, on);
        field.follow(self.sampler, self.steps, on, |on, z, _| self.net.head_logits_on(on, weights, z))
    }
}

impl Method for Adjoint {
    fn facts(&self) -> Facts<'_> {
        let net = self.net.facts("neural ODE (adjoint)", 1);
        Facts { shown: Term::CrossEntropy, ..self.steps.facts(net) }
    }

    fn init(&self, seed: u64) -> Weights {
        self.net.init(1, seed)
    }

    fn blank(&self) -> Weights {
        self.net.blank(1)
    }

    fn tensors(&self) -> Tensors {
        self.net.tensors(1)
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
