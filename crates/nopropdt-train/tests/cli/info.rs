//! `info`: the machine and the network.

use crate::harness::{Sandbox, example, stdout};
use serde_json::Value;

fn json(sandbox: &Sandbox, own: &[&str]) -> Value {
    let text = stdout(&sandbox.ok([&["info", "--json"], own].concat()));
    assert_eq!(text.lines().count(), 1, "{text}");
    serde_json::from_str(&text).unwrap()
}

#[test]
fn parameters_are_those_of_the_run() {
    let (model, summary) = example();
    let sandbox = Sandbox::new();
    sandbox.write("model.safetensors", model);
    let of_model = json(&sandbox, &["--model", "model.safetensors"]);
    let of_settings = json(&sandbox, &["--steps", "2"]);
    for info in [&of_model, &of_settings] {
        assert_eq!(info["parameters"], summary["parameters"]);
        assert_eq!(info["blocks"], 2);
        assert_eq!(info["classes"], 10);
        let sum =
            2 * info["parameters_per_block"].as_u64().unwrap() + info["parameters_shared"].as_u64().unwrap();
        assert_eq!(info["parameters"], sum);
        assert!(info["multiply_adds_image"].as_u64() > info["multiply_adds_label"].as_u64());
    }
    assert_eq!(of_model["tensors"], of_settings["tensors"]);
    assert_eq!(of_model["isa"], summary["isa"]);
}

#[test]
fn people_read_the_same_numbers() {
    let sandbox = Sandbox::new();
    let text = stdout(&sandbox.ok(["info", "--steps", "2", "--threads", "2"]));
    let total = example().1["parameters"].to_string();
    let line = text.lines().find(|line| line.starts_with("parameters in all")).unwrap();
    assert!(line.ends_with(&format!(" {total}")), "{line}");
    assert!(
        text.contains("threads    2\n") && text.contains("2 blocks for images of 8×8×1, 10 classes"),
        "{text}"
    );
    assert!(text.contains("image.conv1.weight") && text.contains("32×1×3×3"), "{text}");
}

#[test]
fn settings_come_from_the_same_places_as_in_train() {
    let sandbox = Sandbox::new();
    sandbox.write("own.toml", "steps = 3\ndataset = \"mnist\"\n");
    let info = json(&sandbox, &["--config", "own.toml", "--preset", "reference", "--steps", "1"]);
    assert_eq!((&info["blocks"], &info["image"]["height"]), (&1.into(), &28.into()));
    assert!(info["tensors"].to_string().contains("decoder.fc.weight"));
    let words = ["--model: describes the whole network"];
    sandbox.refused(2, &words, ["info", "--model", "any", "--steps", "1"]);
}
