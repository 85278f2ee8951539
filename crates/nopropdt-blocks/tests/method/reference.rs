//! What the reference repository's objective does, so that it stays comparable.

use super::{batch, network, small_reference};
use nopropdt_blocks::{BlockStep, Method, NoPropDt, StepInput, Weights};
use nopropdt_tensor::random::Stream;

fn step(net: &NoPropDt, weights: &Weights, t: usize) -> BlockStep {
    let batch = batch(&small_reference(), 6);
    net.step(&StepInput::new(t - 1, &weights.blocks[t - 1..t], &weights.shared, &batch, Stream::new(6)))
}

#[test]
fn the_last_block_alone_has_a_cross_entropy_and_touches_the_head() {
    let (net, weights) = network(&small_reference());
    for t in 1..=10 {
        let step = step(&net, &weights, t);
        assert_eq!(step.shared.get("head").is_some(), t == 10, "block {t}");
        assert_eq!(step.loss.cross_entropy > 0.0, t == 10, "block {t}");
        assert_eq!(step.loss.kl > 0.0, t == 10, "block {t}");
    }
}

#[test]
fn nine_of_ten_blocks_are_rewarded_for_a_larger_error() {
    let config = small_reference();
    let (net, weights) = network(&config);
    let negative = (1..=10).filter(|&t| net.schedule().snr_weight(t) < 0.0).count();
    assert_eq!(negative, 9);
    for t in 1..=10 {
        let loss = step(&net, &weights, t).loss;
        let expected = 0.5 * config.eta * net.schedule().snr_weight(t) * loss.squared_error / 5.0;
        let rest = loss.total - loss.cross_entropy - loss.kl;
        approx::assert_abs_diff_eq!(rest, expected, epsilon = 1e-6 * loss.total.abs().max(1e-6));
        assert!(loss.squared_error > 0.0, "block {t}");
    }
}

#[test]
fn its_kl_is_half_the_squared_length_of_the_target() {
    let (net, weights) = network(&small_reference());
    // Orthonormal rows: every ‖u_y‖² is 1.
    approx::assert_abs_diff_eq!(step(&net, &weights, 10).loss.kl, 0.5, epsilon = 1e-6);
}
