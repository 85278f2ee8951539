//! No gradient ever crosses from one block to another.

use super::{IMAGE, LEARNED, batch, network, small, small_block, with_block, without_dropout};
use nopropdt_blocks::{
    Block, BlockInputs, BlockSite, LabelEmbedding, Method, Named, NoPropDt, NoiseSchedule, StepInput, Weights,
};
use nopropdt_tensor::random::Stream;
use nopropdt_tensor::{Mode, ParameterBuilder, Parameters, Slot, Tape, Tensor, Var};

fn is_zero(gradient: &[f32]) -> bool {
    gradient.iter().all(|g| *g == 0.0)
}

/// Everything a network of T blocks is, from the layers it is built of.
struct Parts {
    embedding: LabelEmbedding,
    block: Box<dyn Block>,
    matrix: Parameters,
    blocks: Vec<Parameters>,
}

impl Parts {
    fn new(steps: usize) -> Self {
        let config = small().network;
        let mut builder = ParameterBuilder::new(Stream::new(1));
        let embedding = LabelEmbedding::new(&LEARNED, config.classes, &IMAGE, &mut builder).unwrap();
        let matrix = builder.build();
        let site = BlockSite {
            input: config.input,
            classes: config.classes,
            dim: embedding.dim(),
            timed: false,
            latent_is_input: false,
        };
        let mut made = (1..=steps).map(|t| {
            let mut builder = ParameterBuilder::new(Stream::new(2).child(t as u64));
            (config.block.build(&site, &mut builder).unwrap(), builder.build())
        });
        let (block, first) = made.next().unwrap();
        let blocks = std::iter::once(first).chain(made.map(|(_, parameters)| parameters)).collect();
        Self { embedding, block, matrix, blocks }
    }

    /// The squared error of every block on one tape, each block given z_{t−1} noised from u_y.
    fn losses<'p>(&'p self, tape: &mut Tape<'p>) -> Vec<(Slot, Var)> {
        let config = small();
        let (batch, schedule) =
            (batch(&config, 6), NoiseSchedule::new(config.schedule, self.blocks.len()).unwrap());
        let matrix = tape.attach(&self.matrix);
        let matrix = self.embedding.on_tape(tape, matrix);
        let target = tape.rows(matrix, &batch.labels);
        let images = tape.constant(batch.inputs);
        let mut losses = Vec::new();
        for (index, own) in self.blocks.iter().enumerate() {
            let slot = tape.attach(own);
            let stream = Stream::new(5).child(index as u64);
            let shape = tape.value(target).shape().to_vec();
            let epsilon = tape.constant(Tensor::filled_by(&shape, |data| stream.fill_normal(data)));
            let (signal, noise) = schedule.noising(index);
            let z = tape.linear_combination(&[(target, signal as f32), (epsilon, noise as f32)], 0.0);
            let features = self.block.encode(tape, slot, images, Some(stream.purpose("dropout")));
            let logits = self.block.logits(tape, slot, BlockInputs::new(features, z));
            let probabilities = tape.softmax(logits);
            let mean = tape.matmul(probabilities, matrix);
            let estimate = self.block.decode(tape, slot, mean).unwrap_or(mean);
            losses.push((slot, tape.squared_error(estimate, target)));
        }
        losses
    }
}

#[test]
fn the_loss_of_one_block_gives_every_other_block_a_gradient_of_exactly_zero() {
    let parts = Parts::new(4);
    for t in 0..4 {
        let mut tape = Tape::new(Mode::Train);
        let losses = parts.losses(&mut tape);
        let gradients = tape.backward(losses[t].1);
        for (other, (slot, _)) in losses.iter().enumerate() {
            let zero = is_zero(gradients.parameters(*slot));
            assert_eq!(zero, other != t, "loss of block {t}, gradient of block {other}");
        }
    }
}

/// The test above could pass because a block's gradient never arrives anywhere; it does, once its loss is asked for.
#[test]
fn the_sum_of_all_losses_reaches_every_block() {
    let parts = Parts::new(4);
    let mut tape = Tape::new(Mode::Train);
    let losses = parts.losses(&mut tape);
    let terms: Vec<(Var, f32)> = losses.iter().map(|(_, loss)| (*loss, 1.0)).collect();
    let sum = tape.linear_combination(&terms, 0.0);
    let gradients = tape.backward(sum);
    assert!(losses.iter().all(|(slot, _)| !is_zero(gradients.parameters(*slot))));
}

fn scaled(mut parameters: Parameters, factor: f32) -> Parameters {
    parameters.values_mut().iter_mut().for_each(|v| *v *= factor);
    parameters
}

#[test]
fn a_step_does_not_see_the_weights_of_other_blocks() {
    let config = small();
    let (net, weights) = network(&config);
    let batch = batch(&config, 6);
    for t in 0..net.facts().blocks {
        let step = |weights: &Weights| {
            net.step(&StepInput::new(t, &weights.blocks[t..=t], &weights.shared, &batch, Stream::new(6)))
        };
        let mut others = weights.clone();
        for (index, block) in others.blocks.iter_mut().enumerate().filter(|(index, _)| *index != t) {
            *block = scaled(block.clone(), 2.0 + index as f32);
        }
        let (before, after) = (step(&weights), step(&others));
        assert_eq!(before.loss, after.loss, "block {t}");
        assert_eq!(before.own, after.own, "block {t}");
        assert_eq!(before.shared, after.shared, "block {t}");
        assert!(!is_zero(&before.own[0]), "block {t}");
    }
}

#[test]
fn block_and_head_learn_independently_of_each_other() {
    let config = small();
    let (net, weights) = network(&config);
    let batch = batch(&config, 6);
    let step = |own: &Parameters, head: &Parameters| {
        let [embedding, head] = [&weights.shared["embedding"], head].map(Parameters::clone);
        let shared: Named<Parameters> = [("embedding", embedding), ("head", head)].into_iter().collect();
        net.step(&StepInput::new(1, std::slice::from_ref(own), &shared, &batch, Stream::new(6)))
    };
    let (own, head) = (&weights.blocks[1], &weights.shared["head"]);
    let before = step(own, head);

    let other_head = step(own, &scaled(head.clone(), -3.0));
    assert_eq!(before.own, other_head.own, "the block's gradient changed with the head");
    assert_ne!(
        before.shared["head"], other_head.shared["head"],
        "the head's own gradient must change with it"
    );

    let other_block = step(&scaled(own.clone(), 0.5), head);
    assert_eq!(
        before.shared["head"], other_block.shared["head"],
        "the head's gradient changed with the block"
    );
    assert_ne!(before.own, other_block.own, "the block's own gradient must change with it");
}

#[test]
fn a_step_is_a_function_of_its_stream() {
    let config = small();
    let (net, weights) = network(&config);
    let batch = batch(&config, 6);
    let step =
        |seed| net.step(&StepInput::new(0, &weights.blocks[..1], &weights.shared, &batch, Stream::new(seed)));
    let (once, twice, other) = (step(6), step(6), step(7));
    assert_eq!((&once.own, &once.shared, &once.statistics), (&twice.own, &twice.shared, &twice.statistics));
    assert_ne!(once.own, other.own);
}

/// Two blocks that differ in dropout alone learn differently, so dropout is drawn, and from the stream.
#[test]
fn dropout_is_drawn_in_training() {
    let with = small();
    let (net, weights) = network(&with);
    let without = with_block(small(), without_dropout(small_block()));
    let plain = NoPropDt::new(&without).unwrap();
    let batch = batch(&with, 6);
    let step = |net: &dyn Method| {
        net.step(&StepInput::new(0, &weights.blocks[..1], &weights.shared, &batch, Stream::new(6)))
    };
    assert_ne!(step(&net).own, step(&plain).own);
}
