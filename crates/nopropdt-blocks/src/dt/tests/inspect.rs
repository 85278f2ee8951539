//! Blocks one by one.

use super::super::*;
use crate::network::NetworkConfig;

const ROWS: usize = 5;

fn method(objective: Arc<dyn Objective>, kind: ScheduleKind, sampler: Sampler) -> NoPropDt {
    let block = ConvBlock { channels: [3, 4, 5], hidden: 8, join: [7, 6], ..ConvBlock::paper() };
    let network = NetworkConfig::new(&[8, 8, 1], 4, block);
    NoPropDt::with_objective(&network, NoiseSchedule::new(kind, 4).unwrap(), objective, sampler).unwrap()
}

/// Every built-in objective, and every rule of the chain.
fn methods() -> Vec<NoPropDt> {
    let (eta, cosine) = (0.1, ScheduleKind::Cosine);
    let blind = |by| Arc::new(Blind { eta, by });
    let mut methods: Vec<NoPropDt> = [Sampler::Stochastic, Sampler::Euler, Sampler::Heun]
        .map(|sampler| method(Arc::new(Paper { eta }), cosine, sampler))
        .into();
    methods.push(method(blind(Blindfold::Zeroed), cosine, Sampler::Heun));
    methods.push(method(blind(Blindfold::Shuffled), cosine, Sampler::Stochastic));
    methods.push(method(Arc::new(Reference { eta }), ScheduleKind::Reference, Sampler::Stochastic));
    methods
}

fn noise(row: usize) -> Stream {
    Stream::new(9).child(row as u64)
}

fn features(method: &NoPropDt, weights: &Weights) -> Features {
    let inputs = Tensor::filled_by(&[ROWS, 8, 8, 1], |data| Stream::new(2).fill_uniform(data));
    method.features(weights, &inputs)
}

/// A block that is asked alone for what it was given says in every case what it said in the chain, and the chain is that of `sample`.
#[test]
fn what_blocks_are_given_makes_the_trace() {
    for method in methods() {
        let weights = method.init(1);
        let features = features(&method, &weights);
        let inspect = method.inspect().unwrap();
        let mut told = Vec::new();
        let trace = inspect.watch(&weights, &features, &noise, &mut |block| {
            let alone = inspect.alone(&weights, block.block, &features, block.given);
            assert_eq!(alone.logits.data(), block.logits.data(), "{method:?}");
            assert_eq!(alone.estimate.data(), block.estimate.data(), "{method:?}");
            let by_hand = method.block_logits(&weights, block.block, &features, block.given);
            assert_eq!(by_hand.data(), block.logits.data(), "{method:?}");
            told.push((block.block, block.logits.clone()));
        });
        let sampled = method.sample(&weights, &features, &noise);
        assert_eq!(trace.head_logits.data(), sampled.head_logits.data());
        assert_eq!(told.len(), 4);
        for (index, (block, logits)) in told.iter().enumerate() {
            assert_eq!(*block, index + 1);
            assert_eq!(logits.data(), sampled.block_logits[index].data());
            assert_eq!(logits.data(), trace.block_logits[index].data());
        }
    }
}

#[test]
fn the_first_block_is_given_noise_and_blind_ones_zeros() {
    let given = |method: &NoPropDt| {
        let weights = method.init(1);
        let mut given = Vec::new();
        let features = features(method, &weights);
        Inspect::watch(method, &weights, &features, &noise, &mut |block| given.push(block.given.clone()));
        given
    };
    let start = Tensor::filled_by(&[ROWS, 4], |data| {
        data.chunks_exact_mut(4).enumerate().for_each(|(row, z)| noise(row).child(0).fill_normal(z));
    });
    for method in methods() {
        let given = given(&method);
        if format!("{:?}", method.objective).contains("Zeroed") {
            assert!(given.iter().all(|z| z.data().iter().all(|&v| v == 0.0)));
            let (weights, far) = (method.init(1), Tensor::filled_by(&[ROWS, 4], |data| data.fill(7.0)));
            let features = features(&method, &weights);
            let [one, other] = [&far, &given[0]].map(|z| method.alone(&weights, 2, &features, z).logits);
            assert_eq!(one.data(), other.data());
        } else {
            assert_eq!(given[0].data(), start.data());
            assert!(given.windows(2).all(|pair| pair[0] != pair[1]));
        }
    }
}

/// With blocks that always name class 2, û is its embedding, so latents of the chain have the distribution that blocks are trained on:
/// z_{t−1} of block t has mean sqrt(ᾱ)·u_2 and variance 1 − ᾱ at its level.
#[test]
fn with_a_perfect_estimate_blocks_are_given_the_level_they_were_trained_on() {
    let method = method(Arc::new(Paper { eta: 0.1 }), ScheduleKind::Cosine, Sampler::Stochastic);
    let mut weights = method.init(1);
    for own in &mut weights.blocks {
        let bias = own.range_of("join.out.bias").unwrap();
        own.values_mut()[bias].copy_from_slice(&[0.0, 0.0, 1e4, 0.0]);
    }
    let rows = 2000;
    let inputs = Tensor::zeros(&[rows, 8, 8, 1]);
    let features = method.features(&weights, &inputs);
    method.watch(&weights, &features, &noise, &mut |block| {
        let level = method.level(&weights, block.block);
        assert!((level - method.schedule.alpha_bar()[block.block - 1]).abs() < 1e-12);
        let mean = |class: usize| {
            block.given.data().chunks_exact(4).map(|z| f64::from(z[class])).sum::<f64>() / rows as f64
        };
        let spread = |class: usize| {
            let mean = mean(class);
            let squares = block.given.data().chunks_exact(4).map(|z| (f64::from(z[class]) - mean).powi(2));
            squares.sum::<f64>() / rows as f64
        };
        assert!((mean(2) - level.sqrt()).abs() < 0.1 && mean(0).abs() < 0.1, "block {}", block.block);
        assert!((spread(2) - (1.0 - level)).abs() < 0.1, "block {}: {}", block.block, spread(2));
    });
}

#[test]
fn blocks_of_the_reference_are_trained_one_level_later() {
    let method = method(Arc::new(Reference { eta: 0.1 }), ScheduleKind::Reference, Sampler::Stochastic);
    let weights = method.init(1);
    let levels: Vec<f64> = (1..=4).map(|t| method.level(&weights, t)).collect();
    assert_eq!(levels, method.schedule.alpha_bar()[1..]);
}
