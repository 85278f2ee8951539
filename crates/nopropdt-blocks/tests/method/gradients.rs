//! Every gradient a step returns against central differences of its total loss, the stream held fixed.

use super::{batch, small, small_reference, without_dropout};
use nopropdt_blocks::{DtConfig, Method, NoPropDt, Weights};
use nopropdt_tensor::gradient_check::relative_error;
use nopropdt_tensor::random::Stream;

/// Largest disagreement: the loss is rounded to f32, and curved. A term left out of a gradient disagrees by tenths.
const BOUND: f64 = 1e-2;

/// A parameter set of a network: the block under test, or shared set i.
#[derive(Clone, Copy)]
enum Part {
    Own,
    Shared(usize),
}

impl Part {
    fn values(self, weights: &mut Weights, block: usize) -> &mut [f32] {
        match self {
            Self::Own => weights.blocks[block].values_mut(),
            Self::Shared(index) => weights.shared[index].values_mut(),
        }
    }

    /// (distance, stride): how far values are moved, and that only every `stride`-th is. Blocks have ReLUs, so that their
    /// loss has kinks, which a short distance keeps away from; what is shared has few or none, and room for less rounding.
    fn moves(self) -> (f32, usize) {
        match self {
            Self::Own => (5e-4, 11),
            Self::Shared(_) => (5e-3, 1),
        }
    }
}

/// Compares a gradient at the weights of `seed`, one where no kink is in the way.
fn check(config: &DtConfig, seed: u64, block: usize, part: Part) {
    let net = NoPropDt::new(config).unwrap();
    let mut weights = net.init(seed);
    let batch = batch(config, 8);
    let step = |weights: &Weights| {
        net.block_step(block, &weights.blocks[block], &weights.shared, &batch, Stream::new(9))
    };
    let found = step(&weights);
    let gradient = match part {
        Part::Own => found.own,
        Part::Shared(index) => found.shared[index].clone().unwrap(),
    };
    let (distance, stride) = part.moves();
    let sample = |all: &[f32]| all.iter().copied().step_by(stride).collect::<Vec<f32>>();
    let at = sample(part.values(&mut weights, block));
    let mut moved = weights.clone();
    let error = relative_error(&at, &sample(&gradient), distance, |point| {
        let all = part.values(&mut moved, block).iter_mut();
        all.step_by(stride).zip(point).for_each(|(value, new)| *value = *new);
        step(&moved).loss.total
    });
    assert!(error < BOUND, "block {block}: error must be below {BOUND}; found {error}");
}

#[test]
fn a_learned_embedding_collects_from_all_three_terms() {
    for block in 0..3 {
        check(&without_dropout(small()), 1, block, Part::Shared(0));
    }
}

#[test]
fn the_head_learns_from_the_cross_entropy() {
    for block in 0..3 {
        check(&without_dropout(small()), 1, block, Part::Shared(1));
    }
}

#[test]
fn the_block_learns_from_the_squared_error() {
    for block in 0..3 {
        check(&without_dropout(small()), 1, block, Part::Own);
    }
}

#[test]
fn dropout_with_a_fixed_mask_is_differentiated_too() {
    check(&small(), 1, 1, Part::Own);
}

#[test]
fn the_reference_loss_is_differentiated_through_its_two_decoders() {
    for block in [0, 4, 9] {
        check(&without_dropout(small_reference()), 21, block, Part::Shared(0));
        check(&without_dropout(small_reference()), 21, block, Part::Own);
    }
    check(&without_dropout(small_reference()), 21, 9, Part::Shared(1));
}
