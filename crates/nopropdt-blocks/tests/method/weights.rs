//! Rows of a batch that count for more than others.

use super::continuous::methods;
use super::{LEARNED, batch, network, small, small_reference, with_network};
use nopropdt_blocks::{Batch, BlockStep, Method, StepInput};
use nopropdt_tensor::random::Stream;

/// The step of the first loss, its rows counting so much.
fn step(method: &dyn Method, batch: &Batch) -> BlockStep {
    let (weights, together) = (method.init(3), method.facts().together);
    let (own, stream) = (&weights.blocks[..together], Stream::new(8));
    method.step(&StepInput::new(0, own, &weights.shared, batch, stream))
}

/// Largest difference, relative to the largest value of the first; NaN where there is NaN.
fn difference(one: &[f32], other: &[f32]) -> f64 {
    let largest = |values: &mut dyn Iterator<Item = f64>| {
        values.fold(0.0, |most, value| if value <= most { most } else { value })
    };
    let size = largest(&mut one.iter().map(|&g| f64::from(g).abs()));
    largest(&mut one.iter().zip(other).map(|(a, b)| f64::from(a - b).abs())) / size
}

/// Gradients that are twice those of rows that count once; of the schedule of CT, a term knows nothing of any row.
fn check(method: &dyn Method, batch: Batch) {
    let name = method.facts().name;
    let once = step(method, &batch);
    let rows = batch.labels.len();
    let twice = step(method, &batch.clone().with_weights(vec![2.0; rows]));
    let ratio = twice.loss.cross_entropy / once.loss.cross_entropy;
    assert!(once.loss.cross_entropy == 0.0 || (ratio - 2.0).abs() < 1e-5, "{name}: {ratio}");
    let shared = |step: &BlockStep| {
        step.shared.iter().filter(|(name, _)| *name != "schedule").map(|(_, set)| set.clone()).collect()
    };
    let all = |step: &BlockStep| [step.own.clone(), shared(step)].concat();
    for (once, twice) in all(&once).iter().zip(all(&twice)) {
        let doubled: Vec<f32> = once.iter().map(|g| 2.0 * g).collect();
        let error = difference(&doubled, &twice);
        assert!(error < 1e-4, "{name}: {error}");
    }
    // One row that counts is another gradient than all of them.
    let mut one = vec![0.0; rows];
    one[1] = rows as f32;
    let one = step(method, &batch.with_weights(one));
    assert!(difference(&once.own[0], &one.own[0]) > 0.1, "{name}");
}

#[test]
fn every_method_weighs_rows() {
    for config in [small(), small_reference()] {
        let config = with_network(config, |network| network.embedding = LEARNED);
        check(&network(&config).0, batch(&config, 6));
    }
    for method in methods(LEARNED) {
        check(method.as_ref(), batch(&small(), 6));
    }
}
