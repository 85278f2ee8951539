//! Every gradient a step returns against central differences of its total loss, the stream held fixed.

use super::{batch, small, small_block, small_reference, small_reference_block, with_block, without_dropout};
use approx::assert_relative_eq;
use nopropdt_blocks::{ConvBlock, DtConfig, Method, NoPropDt, StepInput, Weights};
use nopropdt_tensor::gradient_check::{compare, relative_error};
use nopropdt_tensor::random::Stream;

/// Largest disagreement: the loss is rounded to f32, and curved. A term left out of a gradient disagrees by tenths.
const BOUND: f64 = 1e-2;

fn plain() -> DtConfig {
    with_block(small(), without_dropout(small_block()))
}

fn plain_reference() -> DtConfig {
    with_block(small_reference(), without_dropout(small_reference_block()))
}

/// A parameter set of a network: the block under test, or a shared set.
#[derive(Clone, Copy)]
enum Part {
    Own,
    Shared(&'static str),
}

impl Part {
    fn values(self, weights: &mut Weights, block: usize) -> &mut [f32] {
        match self {
            Self::Own => weights.blocks[block].values_mut(),
            Self::Shared(name) => weights.shared[name].values_mut(),
        }
    }

    /// (distance, stride): how far values are moved, and that only every `stride`-th is. The ReLUs of a block put kinks in
    /// its loss, for its weights and for the embeddings it is fed, which a short distance keeps away from. The head has
    /// none, and needs a long one: its gradient is small beside a total that is rounded to f32.
    fn moves(self) -> (f32, usize) {
        match self {
            Self::Own => (5e-4, 11),
            Self::Shared("embedding") => (1e-3, 1),
            Self::Shared(_) => (1e-2, 1),
        }
    }
}

/// Compares a gradient at the weights of `seed`, one where no kink is in the way.
fn check(config: &DtConfig, seed: u64, block: usize, part: Part) {
    let net = NoPropDt::new(config).unwrap();
    let mut weights = net.init(seed);
    let batch = batch(config, 8);
    let step = |weights: &Weights| {
        let own = &weights.blocks[block..=block];
        net.step(&StepInput::new(block, own, &weights.shared, &batch, Stream::new(9)))
    };
    let found = step(&weights);
    let gradient = match part {
        Part::Own => found.own[0].clone(),
        Part::Shared(name) => found.shared[name].clone(),
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
        check(&plain(), 1, block, Part::Shared("embedding"));
    }
}

#[test]
fn the_head_learns_from_the_cross_entropy() {
    for block in 0..3 {
        check(&plain(), 1, block, Part::Shared("head"));
    }
}

#[test]
fn the_block_learns_from_the_squared_error() {
    for block in 0..3 {
        check(&plain(), 1, block, Part::Own);
    }
}

#[test]
fn a_block_with_residual_convolutions_learns_too() {
    let block = ConvBlock { residual: true, ..without_dropout(small_block()) };
    check(&with_block(small(), block), 5, 1, Part::Own);
}

#[test]
fn dropout_with_a_fixed_mask_is_differentiated_too() {
    check(&small(), 1, 1, Part::Own);
}

#[test]
fn the_reference_loss_is_differentiated_through_its_two_decoders() {
    for block in [0, 4, 9] {
        check(&plain_reference(), 21, block, Part::Shared("embedding"));
        check(&plain_reference(), 21, block, Part::Own);
    }
    check(&plain_reference(), 21, 9, Part::Shared("head"));
}

/// ᾱ_0 is 1e-5, so that beside the other terms nobody would miss the KL: here it is all there is. The head is silent, η
/// nothing, and W_embed so large that ½·ᾱ_0·‖u_y‖² is 5.
#[test]
fn the_kl_reaches_the_total_and_the_embedding() {
    let config = DtConfig { eta: 1e-15, ..plain() };
    let net = NoPropDt::new(&config).unwrap();
    let mut weights = net.init(1);
    weights.shared["embedding"].values_mut().iter_mut().for_each(|w| *w *= 1e3);
    weights.shared["head"].values_mut().fill(0.0);
    let batch = batch(&config, 8);
    let step = net.step(&StepInput::new(0, &weights.blocks[..1], &weights.shared, &batch, Stream::new(9)));
    assert_relative_eq!(step.loss.kl, 5.0, max_relative = 1e-4);
    assert_relative_eq!(step.loss.total, 5.0 + 4f64.ln(), max_relative = 1e-4);
    let expected: Vec<f64> = (0..4)
        .flat_map(|class| {
            let share = batch.labels.iter().filter(|y| **y == class).count() as f64 / 8.0;
            let row = &weights.shared["embedding"].values()[class * 5..][..5];
            row.iter().map(move |w| share * 1e-5 * f64::from(*w)).collect::<Vec<f64>>()
        })
        .collect();
    let error = compare(&step.shared["embedding"], &expected);
    assert!(error < 1e-4, "error must be below 1e-4; found {error}");
}

/// What is left of the KL when every embedding is 0: −d/2·(ᾱ_0 + ln(1 − ᾱ_0)) = d/2·(ᾱ_0²/2 + ᾱ_0³/3 + …).
#[test]
fn the_kl_counts_the_variance() {
    let net = NoPropDt::new(&small()).unwrap();
    let mut weights = net.init(1);
    weights.shared["embedding"].values_mut().fill(0.0);
    let batch = batch(&small(), 8);
    let step = net.step(&StepInput::new(0, &weights.blocks[..1], &weights.shared, &batch, Stream::new(9)));
    assert_relative_eq!(step.loss.kl, 2.5 * (0.5e-10 + 1e-15 / 3.0), max_relative = 1e-4);
}
