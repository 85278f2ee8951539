//! Cut into tapes, one a block's image path and one for the chain, the gradient is that of a single tape.

mod golden;

use super::*;
use crate::{ConvBlock, EmbeddingConfig, EmbeddingStart};
use nopropdt_tensor::gradient_check::compare;

#[test]
fn the_gradient_is_that_of_one_tape() {
    let block = ConvBlock { channels: [3, 4, 5], hidden: 8, join: [7, 6], ..ConvBlock::paper() };
    let embedding = EmbeddingConfig::Learned { dim: 5, start: EmbeddingStart::Orthogonal };
    let network = NetworkConfig { embedding, ..NetworkConfig::new(&[8, 8, 1], 4, block) };
    let net = Backprop::new(&BackpropConfig { network, steps: 3 }).unwrap();
    let weights = net.init(1);
    let inputs = Tensor::filled_by(&[12, 8, 8, 1], |data| Stream::new(2).fill_uniform(data));
    let batch = Batch::new(inputs, (0..12).map(|row| row % 4).collect());
    let stream = Stream::new(3);
    let input = StepInput::new(0, &weights.blocks, &weights.shared, &batch, stream);
    let step = net.step(&input);

    let mut on = LossTape::new(&net.net, &input);
    let images = on.tape.constant(batch.inputs.clone());
    let features: Vec<Var> = (0..3)
        .map(|t| net.net.block.encode(&mut on.tape, on.own[t], images, Some(dropout_of(stream, t))))
        .collect();
    let logits = net.chain(&mut on, &features, net.net.start(12, stream), stream);
    let loss = on.tape.cross_entropy(logits, &batch.labels);
    let expected = on.finish_with(loss, LossTerms::default()).0;

    let statistics = |step: &BlockStep| step.statistics.iter().map(Vec::len).collect::<Vec<_>>();
    assert_eq!(statistics(&step), statistics(&expected));
    let pairs = step.own.iter().zip(&expected.own);
    let names = |step: &BlockStep| step.shared.iter().map(|(name, _)| name).collect::<Vec<_>>();
    assert_eq!(names(&step), names(&expected));
    let shared = step.shared.values().zip(expected.shared.values());
    for (index, (found, expected)) in pairs.chain(shared).enumerate() {
        let expected: Vec<f64> = expected.iter().map(|&v| f64::from(v)).collect();
        assert!(expected.iter().any(|v| v.abs() > 1e-5), "set {index} must learn");
        let error = compare(found, &expected);
        assert!(error < 1e-5, "set {index}: {error}");
    }
}
