//! NoProp-FM: one network that learns the straight velocity from noise to the label's embedding (spec section 3).

use crate::at_times::AtTimes;
use crate::batch::Batch;
use crate::ct::uniform_times;
use crate::error::BlocksError;
use crate::loss_tape::{Loss, LossTape};
use crate::method::{BlockStep, Facts, LossTerms, Method, StepInput};
use crate::network::{Network, NetworkConfig};
use crate::sampling::{Answer, Runner, Sampler, Value};
use crate::steps::Steps;
use crate::tensors::Tensors;
use crate::trace::{Features, Trace};
use crate::weights::Weights;
use nopropdt_tensor::random::Stream;
use nopropdt_tensor::{Tape, Tensor, Var};

/// Settings of NoProp-FM.
#[derive(Debug, Clone)]
pub struct FmConfig {
    /// The network.
    pub network: NetworkConfig,
    /// T, steps of an answer.
    pub steps: usize,
    /// σ, deviation of the noise around the straight path.
    pub sigma: f64,
    /// How the field is followed: Euler or Heun.
    pub sampler: Sampler,
}

/// A checked NoProp-FM network, without its weights.
#[derive(Debug, Clone)]
pub struct NoPropFm {
    net: Network,
    steps: Steps,
    sigma: f64,
    sampler: Sampler,
}

/// What a loss is a function of, beside what is learned and the batch.
struct Noise {
    /// Times in 0..1, one a row.
    times: Vec<f64>,
    /// z_0 [B, d].
    start: Tensor,
    /// The noise around the straight path [B, d], of deviation 1.
    path: Tensor,
}

impl Noise {
    fn draw(on: &LossTape<'_>, rows: usize, stream: Stream) -> Self {
        let [start, path] = ["z", "path"].map(|purpose| on.noise(stream.purpose(purpose)));
        Self { times: uniform_times(rows, stream), start, path }
    }
}

impl NoPropFm {
    /// Checks a configuration.
    ///
    /// # Errors
    /// When a setting is out of range or pooling would leave nothing of the image.
    pub fn new(config: &FmConfig) -> Result<Self, BlocksError> {
        if !(config.sigma >= 0.0 && config.sigma.is_finite()) {
            return Err(BlocksError::range("flow-sigma", "at least 0 and finite", config.sigma));
        }
        Ok(Self {
            net: Network::of_all_times(&config.network)?,
            steps: Steps::new(config.steps)?,
            sigma: config.sigma,
            sampler: config.sampler.of_a_flow()?,
        })
    }

    /// ‖v̂ − (z_1 − z_0)‖², and CE(f(z_t + (1 − t)·v̂), y) when W_embed is learned and would otherwise shrink to a point.
    fn loss(&self, on: &mut LossTape<'_>, batch: &Batch, noise: Noise, dropout: Stream) -> Loss {
        let Noise { times, start, path: mut around } = noise;
        let times = times.as_slice();
        around.data_mut().iter_mut().for_each(|v| *v *= self.sigma as f32);
        let (start, around) = (on.tape.constant(start), on.tape.constant(around));
        let passed = on.tape.constant(column(times, |t| t));
        let left = on.tape.constant(column(times, |t| 1.0 - t));
        let there = on.tape.scale_rows(on.target, passed);
        let here = on.tape.scale_rows(start, left);
        let z = on.tape.linear_combination(&[(there, 1.0), (here, 1.0), (around, 1.0)], 0.0);

        let logits = on.logits(batch, z, Some(times), dropout);
        let velocity = on.tape.matmul(logits, on.embedding);
        let straight = on.tape.linear_combination(&[(on.target, 1.0), (start, -1.0)], 0.0);
        let squared_error = batch.squared_error(&mut on.tape, velocity, straight);
        let mut terms = LossTerms { squared_error: on.scalar(squared_error), ..LossTerms::default() };
        let mut sum = vec![(squared_error, 1.0)];
        if self.net.embedding.is_learned() {
            let rest = on.tape.scale_rows(velocity, left);
            let end = on.tape.add(z, rest);
            let logits = on.head(end);
            let cross_entropy = batch.cross_entropy(&mut on.tape, logits);
            terms.cross_entropy = on.scalar(cross_entropy);
            sum.push((cross_entropy, 1.0));
        }
        let total = on.tape.linear_combination(&sum, 0.0);
        terms.total = on.scalar(total);
        Loss { total, terms }
    }
}

/// [n, 1]
fn column(times: &[f64], value: impl Fn(f64) -> f64) -> Tensor {
    Tensor::filled_by(&[times.len(), 1], |data| {
        data.iter_mut().zip(times).for_each(|(to, &t)| *to = value(t) as f32);
    })
}

/// −½‖z − u_k‖² for each class: the class whose embedding is nearest has the largest.
fn nearness(tape: &mut Tape<'_>, z: Var, embedding: Var) -> Var {
    let distances = tape.squared_distances(z, embedding);
    tape.linear_combination(&[(distances, -0.5)], 0.0)
}

impl NoPropFm {
    fn answer<'p>(&self, weights: &'p Weights, features: &[Value], on: &mut Runner<'_, 'p>) -> Answer {
        let net = AtTimes::new(&self.net, weights, features, on);
        net.follow(self.sampler, self.steps, on, |on, z, embedding| {
            on.run(self.net.precision(), &[], &[z, embedding], |tape, _, inputs| {
                nearness(tape, inputs[0], inputs[1])
            })
        })
    }
}

impl Method for NoPropFm {
    fn facts(&self) -> Facts<'_> {
        self.steps.facts(self.net.facts("NoProp-FM", 1))
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
        let mut on = self.net.loss_tape(input);
        let noise = Noise::draw(&on, input.batch.labels.len(), input.stream);
        let loss = self.loss(&mut on, input.batch, noise, input.stream.purpose("dropout"));
        on.finish(loss)
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
