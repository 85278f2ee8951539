//! The losses of continuous time and of the baselines: every gradient against central differences, the stream held fixed.

use super::{IMAGE, LEARNED, batch, small};
use nopropdt_blocks::{
    Adjoint, AdjointConfig, Backprop, BackpropConfig, BlockConfig, CtConfig, EmbeddingConfig, FmConfig,
    HeadConfig, Method, NetworkConfig, NoPropCt, NoPropFm, Sampler, Weights,
};
use nopropdt_tensor::gradient_check::relative_error;
use nopropdt_tensor::random::Stream;

/// Largest disagreement: the loss is rounded to f32, and curved. A term left out of a gradient disagrees by tenths.
const BOUND: f64 = 5e-2;

fn network_config(embedding: EmbeddingConfig) -> NetworkConfig {
    let block = BlockConfig { dropout: 0.0, ..small().block };
    NetworkConfig { image: IMAGE, classes: 4, embedding, head: HeadConfig::Softmax, block }
}

fn methods(embedding: EmbeddingConfig) -> Vec<Box<dyn Method>> {
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

/// The values of set `index`, the blocks' sets before the shared ones.
fn values(weights: &mut Weights, index: usize) -> &mut [f32] {
    weights.blocks.iter_mut().chain(&mut weights.shared).nth(index).expect("there is such a set").values_mut()
}

#[test]
fn every_gradient_is_that_of_finite_differences() {
    let batch = batch(&small(), 8);
    for embedding in [EmbeddingConfig::OneHot, LEARNED] {
        for net in methods(embedding) {
            let weights = net.init(1);
            let step = |weights: &Weights| {
                net.block_step(0, &weights.blocks, &weights.shared, &batch, Stream::new(9))
            };
            let mut found = step(&weights);
            assert_eq!((found.own.len(), found.shared.len()), (weights.blocks.len(), weights.shared.len()));
            let own: Vec<Option<Vec<f32>>> = std::mem::take(&mut found.own).into_iter().map(Some).collect();
            for (index, gradient) in own.into_iter().chain(found.shared).enumerate() {
                let Some(gradient) = gradient else { continue };
                // Gradients of a chain of blocks are too small for differences; they are held to those of one tape elsewhere.
                if net.facts().together > 1 && index < weights.blocks.len() {
                    continue;
                }
                // Few of a block's many values, each of the others.
                let (distance, stride) = if index < weights.blocks.len() { (5e-4, 13) } else { (2e-3, 1) };
                let mut moved = weights.clone();
                let sample = |all: &[f32]| all.iter().copied().step_by(stride).collect::<Vec<f32>>();
                let at = sample(values(&mut moved, index));
                let error = relative_error(&at, &sample(&gradient), distance, |point| {
                    let all = values(&mut moved, index).iter_mut().step_by(stride);
                    all.zip(point).for_each(|(value, new)| *value = *new);
                    step(&moved).loss.total
                });
                assert!(error < BOUND, "{}, {embedding:?}, set {index}: error {error}", net.facts().name);
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
        let together = net.sample(&weights, &net.features(&weights, &batch.images), &noise);
        assert_eq!(together.block_logits.len(), net.facts().readouts, "{}", net.facts().name);
        for row in 0..5 {
            let image = batch.part(row..row + 1).images;
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
