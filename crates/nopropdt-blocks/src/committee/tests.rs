use super::*;
use crate::batch::Batch;
use crate::weights::EMBEDDING;
use crate::{ConvBlock, EmbeddingConfig, EmbeddingStart};
use nopropdt_tensor::gradient_check::compare;

fn committee(dropout: f64) -> Committee {
    let block = ConvBlock {
        channels: [3, 4, 5],
        hidden: 8,
        join: [7, 6],
        dropout: dropout as _,
        ..ConvBlock::paper()
    };
    let network = NetworkConfig::new(&[8, 8, 1], 4, block);
    Committee::new(&CommitteeConfig { network, steps: 3 }).unwrap()
}

fn batch() -> Batch {
    let inputs = Tensor::filled_by(&[12, 8, 8, 1], |data| Stream::new(2).fill_uniform(data));
    Batch::new(inputs, (0..12).map(|row| row % 4).collect())
}

fn step(method: &Committee, weights: &Weights, member: usize) -> BlockStep {
    let own = std::slice::from_ref(&weights.blocks[member]);
    method.step(&StepInput::new(member, own, &weights.shared, &batch(), Stream::new(3)))
}

/// The last layer's bias, of which the cross-entropy of softmax is a smooth function.
#[test]
fn a_member_learns_by_its_cross_entropy() {
    let method = committee(0.0);
    let mut weights = method.init(1);
    let found = step(&method, &weights, 1);
    assert_eq!(found.loss.total, found.loss.cross_entropy);
    assert!(found.shared.iter().next().is_none(), "neither embedding nor head has a part");
    let count = weights.blocks[1].values().len();
    let places: Vec<usize> = (count - 4..count).collect();
    let numeric = places.iter().map(|&place| {
        let mut at = |move_by: f32| {
            let before = weights.blocks[1].values()[place];
            weights.blocks[1].values_mut()[place] = before + move_by;
            let loss = step(&method, &weights, 1).loss.total;
            weights.blocks[1].values_mut()[place] = before;
            loss
        };
        (at(1e-2) - at(-1e-2)) / 2e-2
    });
    let numeric: Vec<f64> = numeric.collect();
    assert!(numeric.iter().any(|slope| slope.abs() > 1e-3), "{numeric:?}");
    let error = compare(&found.own[0][count - 4..], &numeric);
    assert!(error < 1e-3, "{error}");
}

/// Of all that stands in a block, what reads z alone learns nothing: weights that multiply zeros.
#[test]
fn members_know_nothing_of_noise_and_answer_by_their_mean() {
    let method = committee(0.2);
    let weights = method.init(1);
    let features = method.features(&weights, &batch().inputs);
    let trace = method.sample(&weights, &features, &|row| Stream::new(9).child(row as u64));
    let other = method.sample(&weights, &features, &|row| Stream::new(8).child(row as u64));
    assert_eq!(trace.block_logits.len(), 3);
    for (one, other) in trace.block_logits.iter().zip(&other.block_logits) {
        assert_eq!(one.data(), other.data());
    }
    assert_ne!(trace.block_logits[0].data(), trace.block_logits[1].data());
    assert_eq!(trace.head_logits.data(), trace.block_logits[2].data());
    assert_eq!(method.readout(), Readout::Consensus);
    let mean = trace.read(method.readout());
    let of_members = trace.block_probabilities();
    let first = of_members.iter().map(|p| p.data()[0]).sum::<f32>() / 3.0;
    assert!((mean.data()[0] - first).abs() < 1e-6);
}

/// So that a comparison is one of equal size and work.
#[test]
fn a_committee_has_the_parameters_and_the_work_of_noprop_dt() {
    let learned = EmbeddingConfig::Learned { dim: 5, start: EmbeddingStart::Orthogonal };
    for embedding in [EmbeddingConfig::OneHot, learned] {
        let network = NetworkConfig { embedding, ..NetworkConfig::new(&[8, 8, 1], 4, ConvBlock::paper()) };
        let dt =
            crate::DtConfig { network: network.clone(), steps: 3, ..crate::DtConfig::paper([8, 8, 1], 4) };
        let dt = crate::NoPropDt::new(&dt).unwrap();
        let method = Committee::new(&CommitteeConfig { network, steps: 3 }).unwrap();
        let (one, other) = (method.facts(), dt.facts());
        let work = |facts: &Facts<'_>| (facts.parameters, facts.block.multiply_adds());
        assert_eq!(work(&one), work(&other));
        assert_eq!(method.init(4), dt.init(4), "they start from the same weights");
        assert_eq!(method.init(4).shared.get(EMBEDDING), dt.init(4).shared.get(EMBEDDING));
    }
}

#[test]
fn there_must_be_a_member() {
    let network = NetworkConfig::new(&[8, 8, 1], 4, ConvBlock::paper());
    let error = Committee::new(&CommitteeConfig { network, steps: 0 }).unwrap_err();
    assert!(error.to_string().contains("steps: must be from 1 to 1000"), "{error}");
}
