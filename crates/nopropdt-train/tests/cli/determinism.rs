//! The same seed gives the same bits, however many threads there are and in either order.

use crate::harness::Sandbox;
use safetensors::SafeTensors;
use serde_json::Value;

/// Metrics without what a clock says.
fn timeless(sandbox: &Sandbox, run: &str) -> Vec<Value> {
    let lines = sandbox.text(&format!("{run}/metrics.jsonl"));
    let timeless = |line: &str| {
        let mut epoch: Value = serde_json::from_str(line).unwrap();
        let object = epoch.as_object_mut().unwrap();
        let times = ["seconds", "images_per_second", "block_seconds"].map(|key| object.remove(key));
        assert!(times.iter().all(Option::is_some), "{line}");
        epoch
    };
    lines.lines().map(timeless).collect()
}

fn threads_do_not_matter(own: &[&str]) {
    let sandbox = Sandbox::new();
    for threads in ["1", "2", "3"] {
        sandbox.train(threads, &[own, &[&format!("threads={threads}")]].concat());
    }
    for other in ["2", "3"] {
        let [one, many] = ["1", other].map(|run| sandbox.read(&format!("{run}/model.safetensors")));
        assert!(one == many, "{other} threads, {own:?}");
        assert_eq!(timeless(&sandbox, "1"), timeless(&sandbox, other), "{other} threads, {own:?}");
    }
}

#[test]
fn threads_do_not_matter_with_one_hot_embeddings() {
    for precision in ["precision=f32", "precision=bf16"] {
        threads_do_not_matter(&["steps=3", precision]);
    }
}

#[test]
fn threads_do_not_matter_with_a_learned_embedding() {
    threads_do_not_matter(&["embedding=learned", "steps=3", "clip-norm=1"]);
}

#[test]
fn another_seed_is_another_network() {
    let sandbox = Sandbox::new();
    for seed in ["1", "2"] {
        sandbox.train(seed, &["epochs=1", &format!("seed={seed}")]);
    }
    assert!(sandbox.read("1/model.safetensors") != sandbox.read("2/model.safetensors"));
}

#[test]
fn the_order_of_blocks_does_not_matter_to_them() {
    let sandbox = Sandbox::new();
    for order in ["interleaved", "sequential"] {
        sandbox.train(order, &["steps=3", &format!("order={order}")]);
    }
    let [together, apart] =
        ["interleaved", "sequential"].map(|run| sandbox.read(&format!("{run}/model.safetensors")));
    let [together, apart] = [&together, &apart].map(|bytes| SafeTensors::deserialize(bytes).unwrap());
    let mut blocks = 0;
    for (name, tensor) in together.iter().filter(|(name, _)| name.starts_with("blocks.")) {
        assert!(tensor.data() == apart.tensor(name).unwrap().data(), "{name}");
        blocks += 1;
    }
    assert!(blocks > 3 * 30, "{blocks} tensors");
    // The head takes its steps in another order, and rounds differently.
    let heads = [&together, &apart].map(|file| file.tensor("head.weight").unwrap().data().to_vec());
    assert!(heads[0] != heads[1]);
}

#[test]
fn threads_do_not_matter_with_residual_convolutions() {
    for precision in ["precision=f32", "precision=bf16"] {
        threads_do_not_matter(&["block=residual", precision]);
    }
}

#[test]
fn threads_do_not_matter_with_deep_blocks() {
    for precision in ["precision=f32", "precision=bf16"] {
        threads_do_not_matter(&["block=deep", "set=block.width=16", "optimizer=muon", "steps=2", precision]);
    }
}

#[test]
fn threads_do_not_matter_to_the_other_methods() {
    for method in ["ct", "fm", "adjoint"] {
        threads_do_not_matter(&[&format!("method={method}"), "steps=4"]);
    }
    threads_do_not_matter(&["method=backprop", "steps=3"]);
}
