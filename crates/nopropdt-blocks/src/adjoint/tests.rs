//! The adjoint's gradient is that of back-propagation through every step of the solver, up to the steps' width.

mod golden;

use super::*;
use crate::batch::Batch;
use crate::{ConvBlock, EmbeddingConfig, EmbeddingStart};
use nopropdt_tensor::gradient_check::compare;

fn network(steps: usize, sampler: Sampler) -> Adjoint {
    let block =
        ConvBlock { channels: [3, 4, 5], hidden: 16, join: [16, 12], dropout: 0.0, ..ConvBlock::paper() };
    let embedding = EmbeddingConfig::Learned { dim: 5, start: EmbeddingStart::Orthogonal };
    let network = NetworkConfig { embedding, ..NetworkConfig::new(&[8, 8, 1], 4, block) };
    Adjoint::new(&AdjointConfig { network, steps, sampler }).unwrap()
}

/// Gradients of (own set, embedding, head) by one tape that holds the whole way.
fn unrolled(net: &Adjoint, weights: &Weights, batch: &Batch, stream: Stream) -> [Vec<f32>; 3] {
    let Adjoint { net, steps: Steps(steps), sampler } = net;
    let mut tape = net.tape(Mode::Train);
    let own = tape.attach(&weights.blocks[0]);
    let [embedding_slot, head_slot] = [EMBEDDING, HEAD].map(|name| tape.attach(&weights.shared[name]));
    let images = tape.constant(batch.inputs.clone());
    let features = net.block.encode(&mut tape, own, images, None);
    let embedding = net.embedding.on_tape(&mut tape, embedding_slot);
    let rows = batch.labels.len();
    let start = Tensor::filled_by(&[rows, 5], |data| stream.purpose("z").fill_normal(data));
    let mut z = tape.constant(start);
    let width = 1.0 / *steps as f32;
    for step in 0..*steps {
        let field = |tape: &mut Tape<'_>, z: Var, t: f64| {
            let times = vec![t; rows];
            let inputs = BlockInputs { times: Some(&times), ..BlockInputs::new(features, z) };
            let logits = net.block.logits(tape, own, inputs);
            tape.matmul(logits, embedding)
        };
        let t = f64::from(width) * step as f64;
        let first = field(&mut tape, z, t);
        if *sampler == Sampler::Heun {
            let ahead = tape.linear_combination(&[(z, 1.0), (first, width)], 0.0);
            let second = field(&mut tape, ahead, t + f64::from(width));
            z = tape.linear_combination(&[(z, 1.0), (first, 0.5 * width), (second, 0.5 * width)], 0.0);
        } else {
            z = tape.linear_combination(&[(z, 1.0), (first, width)], 0.0);
        }
    }
    let logits = net.head.forward(&mut tape, head_slot, z, embedding);
    let loss = tape.cross_entropy(logits, &batch.labels);
    let mut gradients = tape.backward(loss);
    [own, embedding_slot, head_slot].map(|slot| gradients.take_parameters(slot))
}

/// Largest error of the three gradients.
fn error(steps: usize, sampler: Sampler) -> f64 {
    let net = network(steps, sampler);
    let weights = net.init(1);
    let inputs = Tensor::filled_by(&[6, 8, 8, 1], |data| Stream::new(2).fill_uniform(data));
    let batch = Batch::new(inputs, vec![0, 3, 1, 2, 3, 0]);
    let stream = Stream::new(5);
    let step = net.step(&StepInput::new(0, &weights.blocks, &weights.shared, &batch, stream));
    let expected = unrolled(&net, &weights, &batch, stream);
    let found = [&step.own[0], &step.shared[EMBEDDING], &step.shared[HEAD]];
    let errors = found.iter().zip(&expected).map(|(found, expected)| {
        let expected: Vec<f64> = expected.iter().map(|&v| f64::from(v)).collect();
        assert!(expected.iter().any(|v| v.abs() > 1e-4), "the network must not be dead");
        let error = compare(found, &expected);
        assert!(error.is_finite());
        error
    });
    errors.fold(0.0, f64::max)
}

#[test]
fn the_adjoint_is_back_propagation_through_the_solver() {
    let error = error(100, Sampler::Heun);
    assert!(error > 0.0 && error <= 1e-3, "relative error {error}");
}

/// Solving back in steps of Euler's rule is off by the width of a step, and so halves with it.
#[test]
fn eulers_error_falls_with_its_steps() {
    let (coarse, fine) = (error(50, Sampler::Euler), error(200, Sampler::Euler));
    assert!(fine < 0.5 * coarse && coarse < 0.1, "{coarse}, then {fine}");
}
