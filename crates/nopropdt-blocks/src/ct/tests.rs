//! The levels a batch is noised to have the marginals of the schedule.

mod golden;

use super::*;
use crate::ConvBlock;

const ROWS: usize = 20_000;

fn network() -> NoPropCt {
    let block = ConvBlock { channels: [1; 3], hidden: 1, join: [1; 2], ..ConvBlock::paper() };
    let network = NetworkConfig::new(&[4, 4, 1], 2, block);
    NoPropCt::new(&CtConfig { network, steps: 100, eta: 1.0, sampler: Sampler::Stochastic }).unwrap()
}

/// z at time t ~ N(sqrt(ᾱ(t))·u_y, 1 − ᾱ(t)), each row at its own time.
#[test]
fn noising_has_the_marginals_of_every_time() {
    let net = network();
    let weights = net.init(1);
    let curve = net.gamma.curve(&weights.shared[SCHEDULE]);
    let batch = Batch::new(Tensor::zeros(&[ROWS, 4, 4, 1]), vec![1; ROWS]);
    for t in [0.0, 0.4, 0.63, 0.9, 1.0] {
        let input = StepInput::new(0, &weights.blocks, &weights.shared, &batch, Stream::new(0));
        let mut on = LossTape::new(&net.net, &input);
        let levels = Levels::new(&mut on, &vec![curve.at(t); ROWS]);
        let epsilon = on.noise(Stream::new(3).purpose(&t.to_string()));
        let z = levels.noised(&mut on, epsilon);
        let alpha_bar = curve.at(t).alpha_bar();
        for (column, u) in [0.0, 1.0].into_iter().enumerate() {
            let values: Vec<f64> =
                on.tape.value(z).data().iter().skip(column).step_by(2).map(|&v| f64::from(v)).collect();
            let mean = values.iter().sum::<f64>() / ROWS as f64;
            let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / ROWS as f64;
            let deviation = (1.0 - alpha_bar).sqrt();
            let bound = 5.0 / (ROWS as f64).sqrt();
            let expected = alpha_bar.sqrt() * u;
            assert!((mean - expected).abs() <= bound * deviation, "t = {t}: mean {mean}, wanted {expected}");
            let ratio = variance / (1.0 - alpha_bar);
            assert!(
                (ratio - 1.0).abs() <= bound * 2f64.sqrt(),
                "t = {t}: variance is {ratio} times as large"
            );
        }
    }
}

/// The chain's levels are those of the schedule as it is learned.
#[test]
fn alpha_bar_rises_from_noise_to_label() {
    let net = network();
    let alpha_bar = net.alpha_bar(&net.init(2));
    assert_eq!(alpha_bar.len(), 101);
    assert!(alpha_bar.windows(2).all(|pair| pair[0] < pair[1]));
    assert!(alpha_bar[0] < 0.01 && alpha_bar[100] > 0.95);
}

/// Times are uniform over 0..1: mean ½, variance 1/12.
#[test]
fn times_are_uniform() {
    let times = uniform_times(ROWS, Stream::new(4));
    let mean = times.iter().sum::<f64>() / ROWS as f64;
    let variance = times.iter().map(|t| (t - 0.5).powi(2)).sum::<f64>() / ROWS as f64;
    assert!((mean - 0.5).abs() < 0.011 && (variance - 1.0 / 12.0).abs() < 0.003, "{mean}, {variance}");
    assert!(times.iter().all(|t| (0.0..1.0).contains(t)));
}

/// Asked alone at a read-out's time, the network says what it said in the chain; the chain is that of `sample`.
#[test]
fn what_read_outs_are_given_makes_the_trace() {
    for (sampler, steps) in [(Sampler::Stochastic, 23), (Sampler::Heun, 7)] {
        let block = ConvBlock { channels: [1; 3], hidden: 3, join: [2; 2], ..ConvBlock::paper() };
        let network = NetworkConfig::new(&[4, 4, 1], 2, block);
        let net = NoPropCt::new(&CtConfig { network, steps, eta: 1.0, sampler }).unwrap();
        let weights = net.init(1);
        let inputs = Tensor::filled_by(&[3, 4, 4, 1], |data| Stream::new(2).fill_uniform(data));
        let (features, noise) = (net.features(&weights, &inputs), |row| Stream::new(9).child(row as u64));
        let (inspect, mut told, mut levels) = (net.inspect().unwrap(), 0, Vec::new());
        let trace = inspect.watch(&weights, &features, &noise, &mut |seen| {
            let alone = inspect.alone(&weights, seen.block, &features, seen.given);
            assert_eq!(alone.logits.data(), seen.logits.data());
            assert_eq!(alone.estimate.data(), seen.estimate.data());
            told += 1;
            assert_eq!(seen.block, told);
            levels.push(inspect.level(&weights, seen.block));
        });
        let sampled = net.sample(&weights, &features, &noise);
        assert_eq!((told, sampled.block_logits.len()), (net.facts().readouts, net.facts().readouts));
        for (watched, sampled) in trace.block_logits.iter().zip(&sampled.block_logits) {
            assert_eq!(watched.data(), sampled.data());
        }
        assert_eq!(trace.head_logits.data(), sampled.head_logits.data());
        // The last read-out is the last step's, which starts one level before the end.
        assert!(levels.is_sorted() && levels.last() == net.alpha_bar(&weights).get(steps - 1));
    }
}
