//! NoProp-CT: one network for all times, trained on the squared error weighted by SNR'(t) under a learned noise schedule
//! (paper Eq. 9, spec section 3).

mod gamma;

use crate::at_times::AtTimes;
use crate::batch::Batch;
use crate::error::BlocksError;
use crate::inspect::{Alone, InChain, Inspect, Runs, Tell, in_numbers};
use crate::loss_tape::LossTape;
use crate::method::{BlockStep, Facts, LossTerms, Method, StepInput};
use crate::network::{Network, NetworkConfig};
use crate::sampling::{Answer, Denoised, Runner, Sampler, Value, denoise};
use crate::schedule::divergence_of_spread;
use crate::steps::Steps;
use crate::tensors::Tensors;
use crate::trace::{Features, Trace};
use crate::weights::Weights;
use gamma::{Curve, Gamma, Level};
use nopropdt_tensor::random::Stream;
use nopropdt_tensor::{ParameterBuilder, Parameters, Tensor, Var};

/// Name of the noise schedule's set in [`Weights::shared`].
const SCHEDULE: &str = "schedule";

/// Settings of NoProp-CT.
#[derive(Debug, Clone)]
pub struct CtConfig {
    /// The network.
    pub network: NetworkConfig,
    /// T, steps of an answer.
    pub steps: usize,
    /// η, weight of the squared error.
    pub eta: f64,
    /// How an answer is denoised.
    pub sampler: Sampler,
}

/// A checked NoProp-CT network, without its weights.
#[derive(Debug, Clone)]
pub struct NoPropCt {
    net: Network,
    gamma: Gamma,
    steps: Steps,
    eta: f64,
    sampler: Sampler,
}

impl NoPropCt {
    /// Checks a configuration.
    ///
    /// # Errors
    /// When a setting is out of range or pooling would leave nothing of the image.
    pub fn new(config: &CtConfig) -> Result<Self, BlocksError> {
        if !(config.eta > 0.0 && config.eta.is_finite()) {
            return Err(BlocksError::range("eta", "above 0 and finite", config.eta));
        }
        Ok(Self {
            net: Network::of_all_times(&config.network)?.with_shared(SCHEDULE, |builder| {
                Gamma::new(builder);
            }),
            gamma: Gamma::new(&mut ParameterBuilder::new(Stream::new(0))),
            steps: Steps::new(config.steps)?,
            eta: config.eta,
            sampler: config.sampler,
        })
    }
}

/// What the noise level of each row makes of the row, put on a tape so that gradient reaches the schedule.
struct Levels {
    /// sqrt(ᾱ) [B, 1].
    signal: Var,
    /// sqrt(1 − ᾱ) [B, 1].
    noise: Var,
}

impl Levels {
    fn new(on: &mut LossTape<'_>, levels: &[Level]) -> Self {
        let column = |on: &mut LossTape<'_>, share: fn(Level) -> f64| {
            on.tape.variable(column(levels.iter().map(|&level| share(level).sqrt())))
        };
        Self { signal: column(on, Level::alpha_bar), noise: column(on, Level::noise) }
    }

    /// z = sqrt(ᾱ)·u_y + sqrt(1 − ᾱ)·ε, row by row.
    fn noised(&self, on: &mut LossTape<'_>, epsilon: Tensor) -> Var {
        let epsilon = on.tape.constant(epsilon);
        let signal = on.tape.scale_rows(on.target, self.signal);
        let noise = on.tape.scale_rows(epsilon, self.noise);
        on.tape.add(signal, noise)
    }
}

/// [n, 1]
fn column(values: impl ExactSizeIterator<Item = f64>) -> Tensor {
    Tensor::filled_by(&[values.len(), 1], |data| {
        data.iter_mut().zip(values).for_each(|(to, value)| *to = value as f32);
    })
}

/// ∂L/∂γ of each row, from those of sqrt(σ(−γ)) and sqrt(σ(γ)).
fn through_levels(levels: &[Level], of_signal: &[f32], of_noise: &[f32]) -> Vec<f64> {
    let each = levels.iter().zip(of_signal.iter().zip(of_noise));
    each.map(|(level, (&of_signal, &of_noise))| {
        let (alpha_bar, rest) = (level.alpha_bar(), level.noise());
        let (signal, noise) = (alpha_bar.sqrt(), rest.sqrt());
        0.5 * (f64::from(of_noise) * noise * alpha_bar - f64::from(of_signal) * signal * rest)
    })
    .collect()
}

/// What a loss is a function of, beside what is learned and the batch.
struct Noise {
    /// Times in 0..1, one a row.
    times: Vec<f64>,
    /// ε of z_t [B, d].
    at_times: Tensor,
    /// ε of z_1 [B, d].
    last: Tensor,
}

impl Noise {
    fn draw(on: &LossTape<'_>, rows: usize, stream: Stream) -> Self {
        let [at_times, last] = ["z", "z_last"].map(|purpose| on.noise(stream.purpose(purpose)));
        Self { times: uniform_times(rows, stream), at_times, last }
    }
}

/// The loss on a tape, and what the gradient of the schedule is made of.
struct Loss {
    total: Var,
    terms: LossTerms,
    at_times: Levels,
    weight: Var,
    at_end: Levels,
    start: Var,
}

impl NoPropCt {
    /// CE(f(z_1), y) + KL + ½·η·SNR'(t)·‖û − u_y‖², t one a row (Eq. 9).
    fn loss(
        &self,
        on: &mut LossTape<'_>,
        batch: &Batch,
        curve: &Curve,
        noise: &Noise,
        dropout: Stream,
    ) -> Loss {
        let times = &noise.times;
        let levels: Vec<Level> = times.iter().map(|&t| curve.at(t)).collect();
        let at_times = Levels::new(on, &levels);
        let z = at_times.noised(on, noise.at_times.clone());
        let logits = on.logits(batch, z, Some(times), dropout);
        let estimate = on.estimate(logits);
        let errors = on.tape.squared_errors(estimate, on.target);
        let weights = column(levels.iter().map(|level| 0.5 * self.eta * level.snr_slope()));
        let weight = on.tape.variable(weights);
        let weighted = on.tape.scale_rows(errors, weight);
        let [squared_error, weighted] = [errors, weighted].map(|of_rows| batch.mean(&mut on.tape, of_rows));

        let at_end = Levels::new(on, &vec![curve.at(1.0); times.len()]);
        let z_last = at_end.noised(on, noise.last.clone());
        let logits = on.head(z_last);
        let cross_entropy = batch.cross_entropy(&mut on.tape, logits);

        let first = curve.at(0.0);
        let start = on.tape.variable(Tensor::filled_by(&[1, 1], |data| data[0] = first.alpha_bar() as f32));
        let kl = self.kl(on, batch, first, start);
        let total = on.tape.linear_combination(&[(cross_entropy, 1.0), (kl, 1.0), (weighted, 1.0)], 0.0);
        let terms = LossTerms {
            total: on.scalar(total),
            squared_error: on.scalar(squared_error),
            cross_entropy: on.scalar(cross_entropy),
            kl: on.scalar(kl),
        };
        Loss { total, terms, at_times, weight, at_end, start }
    }

    /// ½ Σ_d [ᾱ_0·u² − ᾱ_0 − ln(1 − ᾱ_0)], a mean over the batch; `start` is ᾱ_0 as far as it meets u.
    fn kl(&self, on: &mut LossTape<'_>, batch: &Batch, first: Level, start: Var) -> Var {
        let square = on.target_square(batch);
        let square = on.tape.reshape(square, &[1, 1]);
        let scaled = on.tape.scale_rows(square, start);
        let mean = on.tape.mean(scaled);
        let constant =
            self.net.embedding.dim() as f64 * divergence_of_spread(first.alpha_bar(), first.noise());
        on.tape.linear_combination(&[(mean, 0.5)], constant as f32)
    }

    /// The loss with the given noise.
    fn step_with(
        &self,
        mut on: LossTape<'_>,
        schedule: &Parameters,
        batch: &Batch,
        noise: &Noise,
        dropout: Stream,
    ) -> BlockStep {
        let curve = self.gamma.curve(schedule);
        let times = &noise.times;
        let Loss { total, terms, at_times, weight, at_end, start } =
            self.loss(&mut on, batch, &curve, noise, dropout);
        let (mut step, gradients) = on.finish_with(total, terms);

        let of = |var| gradients.variable(var).expect("the loss depends on every level");
        let levels: Vec<Level> = times.iter().map(|&t| curve.at(t)).collect();
        let of_gamma = through_levels(&levels, of(at_times.signal), of(at_times.noise));
        let mut upstream: Vec<(f64, f64, f64)> = Vec::with_capacity(times.len() + 2);
        for (((&t, level), of_gamma), &of_weight) in times.iter().zip(&levels).zip(of_gamma).zip(of(weight)) {
            // weight = −½·η·γ'·e^{−γ}
            let of_weight = 0.5 * self.eta * f64::from(of_weight);
            upstream.push((t, of_gamma - of_weight * level.snr_slope(), -of_weight * (-level.gamma).exp()));
        }
        let ends = vec![curve.at(1.0); times.len()];
        let of_end = through_levels(&ends, of(at_end.signal), of(at_end.noise)).iter().sum();
        upstream.push((1.0, of_end, 0.0));
        let (alpha_bar, noise) = (curve.at(0.0).alpha_bar(), curve.at(0.0).noise());
        // ᾱ_0 meets u on the tape; the rest of the divergence is ½·d·ᾱ_0/(1 − ᾱ_0) in its gradient.
        let rest = 0.5 * self.net.embedding.dim() as f64 * alpha_bar / noise;
        let of_alpha_bar = f64::from(of(start)[0]) + rest;
        upstream.push((0.0, -of_alpha_bar * alpha_bar * noise, 0.0));
        step.shared.push(SCHEDULE, self.gamma.gradient(schedule, &curve, &upstream));
        step
    }
}

impl NoPropCt {
    fn answer<'p>(&self, weights: &'p Weights, features: &[Value], on: &mut Runner<'_, 'p>) -> Answer {
        self.answer_told(weights, features, on, None)
    }

    /// `tell`, if there is one, is told of each read-out.
    fn answer_told<'p>(
        &self,
        weights: &'p Weights,
        features: &[Value],
        on: &mut Runner<'_, 'p>,
        mut tell: Option<&mut Tell<'_>>,
    ) -> Answer {
        let (alpha_bar, steps) = (self.alpha_bar(weights), self.steps);
        let net = AtTimes::new(&self.net, weights, features, on);
        let mut block_logits = Vec::new();
        let runs = Runs::of(tell.is_some());
        let denoiser = |on: &mut Runner<'_, 'p>, step: usize, z: &Value| {
            let logits = net.logits(on, z, steps.time(step - 1));
            let denoised = Denoised { estimate: net.estimate(on, &logits), logits };
            runs.keep(step, z, &denoised);
            denoised
        };
        let last = denoise(self.sampler, &alpha_bar, on, denoiser, |step, logits| {
            let run = runs.take(step);
            if steps.is_read(step - 1) {
                block_logits.push(logits);
                if let Some((tell, (given, made))) = tell.as_mut().zip(run) {
                    tell(block_logits.len(), &given, &made);
                }
            }
        });
        Answer { block_logits, head_logits: self.net.head_logits_on(on, weights, &last) }
    }
}

impl Inspect for NoPropCt {
    fn level(&self, weights: &Weights, t: usize) -> f64 {
        self.alpha_bar(weights)[self.steps.of_readout(t - 1)]
    }

    fn alone(&self, weights: &Weights, t: usize, features: &Features, z: &Tensor) -> Alone {
        let nothing = |_| Stream::new(0);
        let mut on = self.net.numbers(features.rows(), &nothing);
        let features = features.values();
        let net = AtTimes::new(&self.net, weights, &features, &mut on);
        let time = self.steps.time(self.steps.of_readout(t - 1));
        let logits = net.logits(&mut on, &z.clone().into(), time);
        Denoised { estimate: net.estimate(&mut on, &logits), logits }.into()
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

impl Method for NoPropCt {
    fn facts(&self) -> Facts<'_> {
        self.steps.facts(self.net.facts("NoProp-CT", 1))
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

    fn alpha_bar(&self, weights: &Weights) -> Vec<f64> {
        let curve = self.gamma.curve(&weights.shared[SCHEDULE]);
        let steps = self.steps.0;
        (0..=steps).map(|step| curve.at(step as f64 / steps as f64).alpha_bar()).collect()
    }

    fn step(&self, input: &StepInput<'_>) -> BlockStep {
        let on = self.net.loss_tape(input);
        let noise = Noise::draw(&on, input.batch.labels.len(), input.stream);
        self.step_with(on, &input.shared[SCHEDULE], input.batch, &noise, input.stream.purpose("dropout"))
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

    fn inspect(&self) -> Option<&dyn Inspect> {
        Some(self)
    }
}

/// One time a row, uniform over 0..1.
pub(crate) fn uniform_times(rows: usize, stream: Stream) -> Vec<f64> {
    let mut times = vec![0.0; rows];
    stream.purpose("time").fill_uniform(&mut times);
    times.into_iter().map(f64::from).collect()
}

#[cfg(test)]
mod tests;
