//! Learning rates that no run survives.

use crate::harness::{Sandbox, complaint, tiny};

#[test]
fn a_loss_that_is_not_finite_ends_the_run() {
    let sandbox = Sandbox::new();
    let message = complaint(&sandbox.output(tiny(&["lr=1e30", "out=run"])), 1);
    assert!(message.starts_with("error: training: the loss of block 1 became "), "{message}");
    assert!(message.contains(" in epoch 1 at batch 2; try a smaller --lr or --clip-norm 1"), "{message}");
    assert!(message.ends_with("no epoch was finished, so none is kept"), "{message}");
    assert_eq!(sandbox.names("run"), [".lock", "config.toml"]);
}

#[test]
fn weights_that_are_not_finite_are_not_saved() {
    let sandbox = Sandbox::new();
    let output = sandbox.output(tiny(&["lr=3e38", "weight-decay=1e30", "limit-train=64", "out=run"]));
    let message = complaint(&output, 1);
    assert!(
        message.contains("the weights of block 1 are no longer finite at the end of epoch 1"),
        "{message}"
    );
    assert_eq!(sandbox.names("run"), [".lock", "config.toml"]);
}

/// One batch an epoch at a rate that explodes: the first step is still finite, the second epoch's loss is not.
#[test]
fn the_last_good_epoch_is_kept() {
    let sandbox = Sandbox::new();
    let own = ["lr=1e20", "warmup-epochs=4", "epochs=4", "limit-train=64", "out=run"];
    let message = complaint(&sandbox.output(tiny(&own)), 1);
    assert!(message.contains("the loss of block 1 became NaN in epoch 2 at batch 1"), "{message}");
    assert!(message.ends_with("run/checkpoint.bin keeps the end of epoch 1"), "{message}");
    let files =
        [".lock", "checkpoint.bin", "config.toml", "metrics.csv", "metrics.jsonl", "model.safetensors"];
    assert_eq!(sandbox.names("run"), files);
    assert_eq!(sandbox.text("run/metrics.jsonl").lines().count(), 1);
    // Both can still be read: the model has answers, though no numbers, and the run goes on into the same wall.
    let words = ["run/model.safetensors: answers must be finite; they are not"];
    sandbox.refused(1, &words, ["eval", "--model", "run/model.safetensors", "--runs", "1"]);
    let again = sandbox.refused(1, &["in epoch 2 at batch 1"], ["--resume", "run", "--no-progress"]);
    assert_eq!(again, message);
}
