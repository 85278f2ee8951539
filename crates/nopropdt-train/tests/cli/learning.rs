//! It learns: a short run on the digits, far above the 10 % of chance.

use crate::harness::Sandbox;

/// Four epochs of three blocks reach 91 % by consensus; 85 leaves room for another instruction set's rounding.
#[test]
fn digits_are_learned() {
    let sandbox = Sandbox::new();
    sandbox.ok(["--steps", "3", "--epochs", "4", "--out", "run", "--no-progress"]);
    let summary = sandbox.json("run/summary.json");
    let consensus = summary["test_accuracy_consensus"].as_f64().unwrap();
    assert!(consensus >= 0.85, "{summary}");
    // Every block has learned by itself.
    let blocks = summary["test_accuracy_per_block"].as_array().unwrap();
    assert!(blocks.iter().all(|block| block.as_f64().unwrap() >= 0.7), "{summary}");
    let losses: Vec<serde_json::Value> =
        sandbox.text("run/metrics.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of_epoch = |epoch: usize| {
        losses[epoch]["train_loss"].as_array().unwrap().iter().map(|loss| loss.as_f64().unwrap())
    };
    assert_eq!((losses.len(), of_epoch(0).count()), (4, 3));
    let fell = of_epoch(0).zip(of_epoch(3)).all(|(first, last)| last < 0.6 * first);
    assert!(fell, "{:?} to {:?}", of_epoch(0).collect::<Vec<_>>(), of_epoch(3).collect::<Vec<_>>());
}
