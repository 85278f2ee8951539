//! Blocks that can't see z: what their loss and their chain are.

use super::super::*;
use crate::batch::Batch;
use crate::network::NetworkConfig;

fn blind(by: Blindfold) -> NoPropDt {
    let block = ConvBlock { channels: [3, 4, 5], hidden: 8, join: [7, 6], ..ConvBlock::paper() };
    let schedule = NoiseSchedule::new(ScheduleKind::Cosine, 4).unwrap();
    let objective = Arc::new(Blind { eta: 0.1, by });
    let network = NetworkConfig::new(&[8, 8, 1], 4, block);
    NoPropDt::with_objective(&network, schedule, objective, Sampler::Stochastic).unwrap()
}

fn batch(labels: [usize; 6]) -> Batch {
    let inputs = Tensor::filled_by(&[6, 8, 8, 1], |data| Stream::new(2).fill_uniform(data));
    Batch::new(inputs, labels.to_vec())
}

fn step(method: &NoPropDt, weights: &Weights, block: usize, batch: &Batch, seed: u64) -> BlockStep {
    let own = std::slice::from_ref(&weights.blocks[block]);
    method.step(&StepInput::new(block, own, &weights.shared, batch, Stream::new(seed)))
}

/// The same step with a loss made by hand of the block's own estimate without a latent.
#[test]
fn no_latent_has_a_part_in_loss_and_chain() {
    let method = blind(Blindfold::Zeroed);
    let weights = method.init(1);
    let batch = batch([0, 1, 2, 3, 0, 1]);
    let input = StepInput::new(2, &weights.blocks[2..3], &weights.shared, &batch, Stream::new(3));
    let found = method.step(&input);
    let mut on = method.net.loss_tape(&input);
    let logits = on.blind_logits(&batch, Stream::new(3).purpose("dropout"));
    let estimate = on.estimate(logits);
    let error = batch.squared_error(&mut on.tape, estimate, on.target);
    assert_eq!(found.loss.squared_error, on.scalar(error));

    let features = method.features(&weights, &batch.inputs);
    let trace = method.sample(&weights, &features, &|row| Stream::new(9).child(row as u64));
    let other = method.sample(&weights, &features, &|row| Stream::new(8).child(row as u64));
    for (one, other) in trace.block_logits.iter().zip(&other.block_logits) {
        assert_eq!(one.data(), other.data());
    }
    // What reads z alone learns nothing, to the bit: no noise of a batch norm of equal rows.
    let own = &weights.blocks[2];
    let names = own.entries().map(|entry| entry.name.as_str());
    let moved = |name: &&str| {
        let range = own.range_of(name);
        range.is_some_and(|mut range| range.any(|place| found.own[0][place] != 0.0))
    };
    let learned: Vec<&str> = names.filter(moved).collect();
    assert!(
        learned.iter().any(|name| name.starts_with("image."))
            && learned.iter().any(|name| name.starts_with("join."))
    );
    assert!(!learned.iter().any(|name| name.starts_with("label.")), "{learned:?}");
}

/// What a block is given is the z of another input: of a block that sees the last level, nearly the embedding of that one's class.
#[test]
fn the_z_of_another_input_stands_for_z() {
    let method = blind(Blindfold::Shuffled);
    let paper = Paper { eta: 0.1 };
    let weights = method.init(1);
    let batch = batch([0, 1, 2, 3, 0, 1]);
    let stream = Stream::new(3);
    let input = StepInput::new(3, &weights.blocks[3..4], &weights.shared, &batch, stream);
    let found = method.step(&input).loss.squared_error;
    let with = |by: usize| {
        let mut on = method.net.loss_tape(&input);
        let noise = paper::Noise::draw(&on, stream);
        let turned: Vec<usize> = (0..6).map(|row| (row + by) % 6).collect();
        let sight = |on: &mut crate::LossTape<'_>, z| Some(on.tape.rows(z, &turned));
        paper.loss_with(4, &method.schedule, &mut on, &batch, noise, sight).terms.squared_error
    };
    assert_eq!((1..6).filter(|&by| with(by) == found).count(), 1);
    assert_ne!(with(0), found);
}

/// Both learn: the same loss falls along its own gradient.
#[test]
fn blind_blocks_learn_from_the_input() {
    for by in [Blindfold::Zeroed, Blindfold::Shuffled] {
        let method = blind(by);
        let mut weights = method.init(1);
        let batch = batch([0, 1, 2, 3, 0, 1]);
        let before = step(&method, &weights, 1, &batch, 3);
        let own = &mut weights.blocks[1];
        own.values_mut().iter_mut().zip(&before.own[0]).for_each(|(value, slope)| *value -= 0.05 * slope);
        let after = step(&method, &weights, 1, &batch, 3);
        assert!(after.loss.total < before.loss.total, "{by:?}");
    }
}
