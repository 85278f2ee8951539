//! The losses of continuous time and of the baselines: every gradient against central differences, the stream held fixed.

use super::{IMAGE, LEARNED, batch, small, small_block, without_dropout};
use nopropdt_blocks::{
    Adjoint, AdjointConfig, Backprop, BackpropConfig, CtConfig, EmbeddingConfig, FmConfig, Method,
    NetworkConfig, NoPropCt, NoPropFm, Sampler, StepInput, Weights,
};
use nopropdt_tensor::gradient_check::relative_error;
use nopropdt_tensor::random::Stream;

/// Largest disagreement: the loss is rounded to f32, and curved. A term left out of a gradient disagrees by tenths.
const BOUND: f64 = 5e-2;

fn network_config(embedding: EmbeddingConfig) -> NetworkConfig {
    NetworkConfig { embedding, ..NetworkConfig::new(&IMAGE, 4, without_dropout(small_block())) }
}

pub(super) fn methods(embedding: EmbeddingConfig) -> Vec<Box<dyn Method>> {
    let network = network_config(embedding);
    // Light weights: SNR' of a whole schedule spans seven powers of ten, which no difference of f32 losses resolves.
    let ct = CtConfig { network: network.clone(), steps: 20, eta: 0.1, sampler: Sampler::Stochastic };
    let fm = FmConfig { network: network.clone(), steps: 20, sigma: 0.1, sampler: Sampler::Euler };
    let backprop = BackpropConfig { network: network.clone(), steps: 3 };
    let adjoint = AdjointConfig { network, steps: 60, sampler: Sampler::Heun };
    vec![
        Box::new(NoPropCt::new(&ct).unwrap()),
        Box::new(NoPropFm::new(&fm).unwrap()),
        Box::new(Backprop::new(&backprop).unwrap()),
        Box::new(Adjoint::new(&adjoint).unwrap()),
    ]
}

/// A parameter set of a network.
#[derive(Debug, Clone, Copy)]
enum Part {
    Block(usize),
    Shared(&'static str),
}

impl Part {
    fn values(self, weights: &mut Weights) -> &mut [f32] {
        match self {
            Self::Block(index) => weights.blocks[index].values_mut(),
            Self::Shared(name) => weights.shared[name].values_mut(),
        }
    }
}

/// The shared sets that the loss of a method trains.
fn learned(method: &str, embedding: EmbeddingConfig) -> Vec<&'static str> {
    let of_embedding = (embedding != EmbeddingConfig::OneHot).then_some("embedding");
    let others: &[&str] = match method {
        "NoProp-CT" => &["head", "schedule"],
        // The head answers for a learned embedding alone: a fixed one can't shrink to a point.
        "NoProp-FM" if of_embedding.is_none() => &[],
        "back-propagation" => &["head", "gates"],
        _ => &["head"],
    };
    of_embedding.into_iter().chain(others.iter().copied()).collect()
}

#[test]
fn every_gradient_is_that_of_finite_differences() {
    let batch = batch(&small(), 8);
    for embedding in [EmbeddingConfig::OneHot, LEARNED] {
        for net in methods(embedding) {
            let weights = net.init(1);
            let step = |weights: &Weights| {
                net.step(&StepInput::new(0, &weights.blocks, &weights.shared, &batch, Stream::new(9)))
            };
            let found = step(&weights);
            let name = net.facts().name;
            assert_eq!(found.own.len(), weights.blocks.len(), "{name}");
            let names: Vec<&str> = found.shared.iter().map(|(name, _)| name).collect();
            assert_eq!(names, learned(name, embedding), "{name}");
            let own = found.own.iter().enumerate().map(|(index, gradient)| (Part::Block(index), gradient));
            let shared = found.shared.iter().map(|(name, gradient)| (Part::Shared(name), gradient));
            for (part, gradient) in own.chain(shared) {
                // Gradients of a chain of blocks are too small for differences; they are held to those of one tape elsewhere.
                let of_block = matches!(part, Part::Block(_));
                if net.facts().together > 1 && of_block {
                    continue;
                }
                // Few of a block's many values, each of the others.
                let (distance, stride) = if of_block { (5e-4, 13) } else { (2e-3, 1) };
                let mut moved = weights.clone();
                let sample = |all: &[f32]| all.iter().copied().step_by(stride).collect::<Vec<f32>>();
                let at = sample(part.values(&mut moved));
                let error = relative_error(&at, &sample(gradient), distance, |point| {
                    let all = part.values(&mut moved).iter_mut().step_by(stride);
                    all.zip(point).for_each(|(value, new)| *value = *new);
                    step(&moved).loss.total
                });
                assert!(error < BOUND, "{name}, {embedding:?}, {part:?}: error {error}");
            }
        }
    }
}

/// A slice of a batch is a batch of its own, and an answer does not depend on its neighbours.
#[test]
fn answers_are_those_of_each_image_alone() {
    let batch = batch(&small(), 5);
    for net in methods(LEARNED) {
        let weights = net.init(2);
        let noise = |row: usize| Stream::new(21).child(row as u64);
        let together = net.sample(&weights, &net.features(&weights, &batch.inputs), &noise);
        assert_eq!(together.block_logits.len(), net.facts().readouts, "{}", net.facts().name);
        for row in 0..5 {
            let image = batch.part(row..row + 1).inputs;
            let alone = net.sample(&weights, &net.features(&weights, &image), &|_| noise(row));
            let pairs = together.block_logits.iter().zip(&alone.block_logits);
            for (together, alone) in pairs.chain([(&together.head_logits, &alone.head_logits)]) {
                let logits = &together.data()[row * 4..][..4];
                let near = logits.iter().zip(alone.data()).all(|(a, b)| (a - b).abs() < 1e-3);
                assert!(near, "{}, row {row}: {logits:?} and {:?}", net.facts().name, alone.data());
            }
        }
    }
}
