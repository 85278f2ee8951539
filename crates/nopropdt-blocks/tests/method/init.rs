//! Fresh weights.

use super::{network, small, small_reference, with_network};
use nopropdt_blocks::{EmbeddingConfig, Method, StepInput};

#[test]
fn weights_are_a_pure_function_of_the_seed() {
    for config in [small(), small_reference()] {
        let (net, weights) = network(&config);
        assert_eq!(weights, net.init(3));
        assert_eq!(weights, network(&config).1);
        let other = net.init(4);
        assert!(weights.blocks.iter().zip(&other.blocks).all(|(a, b)| a != b));
        assert!(weights.shared.iter().zip(other.shared.iter()).all(|((_, a), (_, b))| a != b));
    }
}

#[test]
fn every_random_tensor_differs_between_blocks() {
    let (net, weights) = network(&small());
    assert_eq!(weights.blocks.len(), net.facts().blocks);
    for (t, block) in weights.blocks.iter().enumerate() {
        for other in &weights.blocks[t + 1..] {
            for entry in block.entries().filter(|entry| !entry.name.contains("bn")) {
                assert_ne!(block.export(&entry.name), other.export(&entry.name), "block {t}: {}", entry.name);
            }
        }
    }
}

#[test]
fn batch_norms_start_as_the_identity() {
    let (_, weights) = network(&small());
    for entry in weights.blocks[0].entries().filter(|entry| entry.name.contains("bn")) {
        let start =
            if entry.name.ends_with("weight") || entry.name.ends_with("running_var") { 1.0 } else { 0.0 };
        let values = weights.blocks[0].export(&entry.name).unwrap();
        assert!(values.iter().all(|v| *v == start), "{}: {values:?}", entry.name);
    }
}

#[test]
fn a_fixed_embedding_is_the_identity_and_gets_no_gradient() {
    let config = with_network(small(), |network| network.embedding = EmbeddingConfig::OneHot);
    let (net, weights) = network(&config);
    assert!(weights.shared["embedding"].is_empty());
    assert_eq!(net.embedding_matrix(&weights).shape(), [4, 4]);
    let batch = super::batch(&config, 6);
    let stream = nopropdt_tensor::random::Stream::new(6);
    let step = net.step(&StepInput::new(0, &weights.blocks[..1], &weights.shared, &batch, stream));
    assert_eq!(step.shared.get("embedding"), None);
    assert!(step.shared["head"].iter().any(|g| *g != 0.0));
}
