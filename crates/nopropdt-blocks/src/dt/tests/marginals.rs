//! The chain and the noising have the distributions of the paper. Seeded: a test that passes once always does.

use super::super::paper::Noise;
use super::super::*;
use crate::batch::Batch;
use crate::loss_tape::LossTape;
use crate::sampling::{RowNoise, stochastic};
use crate::{EmbeddingConfig, EmbeddingStart};

const ROWS: usize = 24_000;
const DIM: usize = 4;
/// Bounds are this many standard errors: one check in two million exceeds them by chance.
const ERRORS: f64 = 5.0;

const RISING: [ScheduleKind; 5] = [
    ScheduleKind::Cosine,
    ScheduleKind::Linear,
    ScheduleKind::Sigmoid,
    ScheduleKind::EqualMass,
    ScheduleKind::Late,
];

/// Fails unless `values` look like draws from N(mean, deviation²): mean, variance and kurtosis.
fn check_normal(what: &str, values: &[f64], mean: f64, deviation: f64) {
    let n = values.len() as f64;
    let moment = |power: i32| values.iter().map(|v| ((v - mean) / deviation).powi(power)).sum::<f64>() / n;
    // The standard error of a mean of x^k is the root of (E x^2k − (E x^k)²)/n, with E x⁴ = 3 and E x⁸ = 105.
    for (power, expected, variance) in [(1, 0.0, 1.0), (2, 1.0, 2.0), (4, 3.0, 96.0)] {
        let (found, bound) = (moment(power), ERRORS * f64::sqrt(variance / n));
        assert!(
            (found - expected).abs() <= bound,
            "{what}: standardised moment {power} must be within {bound} of {expected}; found {found}"
        );
    }
}

/// Fails unless the two sequences of standard normal values look uncorrelated.
fn check_uncorrelated(what: &str, a: &[f32], b: &[f32]) {
    assert_eq!(a.len(), b.len(), "{what}");
    let n = a.len() as f64;
    let correlation = a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>() / n;
    let bound = ERRORS / n.sqrt();
    assert!(
        correlation.abs() <= bound,
        "{what}: correlation must be within {bound} of 0; found {correlation}"
    );
}

fn column(z: &Tensor, index: usize) -> Vec<f64> {
    z.data().iter().skip(index).step_by(DIM).map(|v| f64::from(*v)).collect()
}

#[test]
fn with_a_perfect_estimate_the_chain_has_the_noisings_marginal_at_every_step() {
    let u = [1.5f32, -0.5, 0.0, 2.0];
    let noise = |row| Stream::new(11).child(row as u64);
    for kind in RISING {
        let schedule = NoiseSchedule::new(kind, 10).unwrap();
        let estimate = Tensor::from_vec(&[ROWS, DIM], u.repeat(ROWS)).unwrap();
        let estimate = Value::from(estimate);
        let mut on = Runner::numbers(ROWS, DIM, &noise);
        let (signal, deviation) = schedule.noising(0);
        let start = on.start();
        let mut z = on.combine(&[(signal as f32, &estimate), (deviation as f32, &start)]);
        for t in 0..=schedule.steps() {
            if t > 0 {
                z = stochastic(&mut on, t, &schedule.posterior(t), [&estimate, &z]);
            }
            let alpha_bar = schedule.alpha_bar()[t];
            for (index, u) in u.iter().enumerate() {
                let mean = alpha_bar.sqrt() * f64::from(*u);
                let what = format!("{kind:?}, t = {t}, coordinate {index}");
                check_normal(&what, &column(z.numbers(), index), mean, (1.0 - alpha_bar).sqrt());
            }
        }
    }
}

#[test]
fn noise_of_different_rows_and_steps_is_uncorrelated() {
    let noise = |row| Stream::new(12).child(row as u64);
    let of_rows = RowNoise { rows: ROWS, dim: DIM, stream: &noise };
    let steps: Vec<Tensor> = (0..=3).map(|t| of_rows.of_step(t)).collect();
    let start = Runner::numbers(ROWS, DIM, &noise).start();
    assert_eq!(*start.numbers(), steps[0], "z_0 is the noise of step 0");
    for (t, values) in steps.iter().enumerate() {
        let all: Vec<f64> = values.data().iter().map(|v| f64::from(*v)).collect();
        check_normal(&format!("noise of step {t}"), &all, 0.0, 1.0);
        let (but_first, but_last) = (&values.data()[DIM..], &values.data()[..values.len() - DIM]);
        check_uncorrelated(&format!("step {t}, rows b and b + 1"), but_first, but_last);
        for (s, others) in steps.iter().enumerate().skip(t + 1) {
            check_uncorrelated(&format!("steps {t} and {s}"), values.data(), others.data());
        }
    }
}

#[test]
fn a_rows_noise_does_not_depend_on_its_batch() {
    let noise = |row| Stream::new(13).child(row as u64);
    let together = RowNoise { rows: 5, dim: DIM, stream: &noise };
    for row in 0..5 {
        let of_row = |_| noise(row);
        let alone = RowNoise { rows: 1, dim: DIM, stream: &of_row };
        for t in 0..4 {
            assert_eq!(
                together.of_step(t).data()[row * DIM..][..DIM],
                *alone.of_step(t).data(),
                "row {row}, step {t}"
            );
        }
    }
}

/// A network of three classes, and the loss tape of a batch whose images nobody looks at.
fn with_loss_tape(check: impl FnOnce(&NoPropDt, LossTape<'_>, &[usize], &Tensor)) {
    let block = ConvBlock { channels: [1; 3], hidden: 1, join: [1; 2], ..ConvBlock::paper() };
    let embedding = EmbeddingConfig::Learned { dim: DIM, start: EmbeddingStart::Orthogonal };
    let config = DtConfig {
        network: NetworkConfig { embedding, ..NetworkConfig::new(&[4, 4, 1], 3, block) },
        steps: 10,
        eta: 0.1,
        schedule: ScheduleKind::Cosine,
        objective: ObjectiveKind::Paper,
        sampler: Sampler::Stochastic,
    };
    let net = NoPropDt::new(&config).unwrap();
    let weights = net.init(14);
    let labels = (0..ROWS).map(|row| row % 3).collect();
    let batch = Batch::new(Tensor::zeros(&[ROWS, 4, 4, 1]), labels);
    let input = StepInput::new(0, &weights.blocks[..1], &weights.shared, &batch, Stream::new(0));
    check(&net, LossTape::new(&net.net, &input), &batch.labels, &net.embedding_matrix(&weights));
}

#[test]
fn noising_has_the_mean_and_variance_of_the_schedule() {
    with_loss_tape(|net, mut on, labels, embedding| {
        for t in [0, 4, 9, 10] {
            let epsilon = on.noise(Stream::new(15).child(t as u64));
            let (signal, deviation) = net.schedule.noising(t);
            let z = on.noised((signal, deviation), epsilon);
            let z = on.tape.value(z);
            for class in 0..3 {
                for index in 0..DIM {
                    let of_all = column(z, index);
                    let values: Vec<f64> = of_all
                        .into_iter()
                        .zip(labels)
                        .filter(|(_, y)| **y == class)
                        .map(|(v, _)| v)
                        .collect();
                    let mean = signal * f64::from(embedding.data()[class * DIM + index]);
                    check_normal(&format!("t = {t}, class {class}, {index}"), &values, mean, deviation);
                }
            }
        }
    });
}

#[test]
fn the_two_latents_of_a_loss_have_noise_of_their_own() {
    with_loss_tape(|_, on, _, _| {
        let draw = |seed| Noise::draw(&on, Stream::new(seed));
        let (noise, other) = (draw(16), draw(17));
        check_uncorrelated("z_{t-1} and z_T", noise.previous.data(), noise.last.data());
        check_uncorrelated("z_{t-1} of two streams", noise.previous.data(), other.previous.data());
        check_uncorrelated("z_T of two streams", noise.last.data(), other.last.data());
    });
}
