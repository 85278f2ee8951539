//! `info`: the machine and the network.

use crate::harness::{Sandbox, example, stderr, stdout};
use serde_json::Value;

fn json(sandbox: &Sandbox, own: &[&str]) -> Value {
    let text = stdout(&sandbox.ok([&["info", "--json", "--no-timing"], own].concat()));
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
    let text = stdout(&sandbox.ok(["info", "--steps", "2", "--threads", "2", "--no-timing"]));
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

/// No file of the dataset is needed for it.
#[test]
fn a_run_is_estimated() {
    let sandbox = Sandbox::new();
    let own = [
        "--dataset",
        "mnist",
        "--block",
        "paper",
        "--validation",
        "1000",
        "--limit-train",
        "50000",
        "--epochs",
        "3",
        "--batch-size",
        "100",
    ];
    let info = json(&sandbox, &own);
    let estimate = &info["estimate"];
    let number = |key: &str| estimate[key].as_u64().unwrap();
    assert_eq!((number("epochs"), number("batches_per_epoch")), (3, 490));
    assert_eq!(
        (number("train_images"), number("test_images"), number("validation_images")),
        (49_000, 10_000, 1_000)
    );
    let memory = |key: &str| estimate["memory"][key].as_u64().unwrap();
    assert_eq!(memory("images"), 70_000 * 28 * 28);
    assert_eq!(memory("weights"), 4 * info["parameters"].as_u64().unwrap());
    let parts = ["program", "images", "weights", "optimizer"].map(memory).iter().sum::<u64>();
    let most = ["step", "evaluation", "saving"].map(memory).into_iter().max().unwrap();
    assert_eq!(memory("total"), parts + most);
    assert!(estimate["timing"].is_null());
    // A trained network is no run.
    sandbox.write("model.safetensors", &example().0);
    assert!(json(&sandbox, &["--model", "model.safetensors"])["estimate"].is_null());
}

/// The estimate against a run that is trained.
#[cfg(target_os = "linux")]
#[test]
fn the_estimate_is_near_what_a_run_takes() {
    let sandbox = Sandbox::new();
    let flags = ["--steps=3", "--epochs=1", "--limit-train=640", "--limit-test=200", "--threads=2"];
    let text = stdout(&sandbox.ok([&["info", "--json"], &flags[..]].concat()));
    let info: Value = serde_json::from_str(&text).unwrap();
    let flags: Vec<&str> = flags.iter().map(|flag| flag.trim_start_matches('-')).collect();
    sandbox.train("run", &flags);
    let summary = sandbox.json("run/summary.json");
    let (found, estimate) = (summary["peak_rss_bytes"].as_f64().unwrap(), &info["estimate"]);
    let ratio = estimate["memory"]["total"].as_f64().unwrap() / found;
    assert!((0.6..1.6).contains(&ratio), "{ratio}\n{info}\n{summary}");
    let timing = &estimate["timing"];
    let seconds = |key: &str| timing[key].as_f64().unwrap();
    let all = seconds("train_seconds_per_epoch") + seconds("test_seconds_per_epoch");
    assert!(seconds("train_seconds_per_epoch") > 0.0 && seconds("test_seconds_per_epoch") > 0.0);
    assert!((seconds("seconds") - all).abs() < 1e-9);
    // Weights, moments and a step are measured.
    assert!(
        timing["measured_bytes"].as_u64().unwrap() > 12 * info["parameters"].as_u64().unwrap() / 2,
        "{timing}"
    );
}

#[test]
fn people_read_the_estimate() {
    let sandbox = Sandbox::new();
    let text = stdout(&sandbox.ok(["info", "--steps", "1"]));
    assert!(text.contains("a run: 20 epochs of 23 batches, 1437 training and 360 test images"), "{text}");
    let place = |line: &str| text.find(line).unwrap_or_else(|| panic!("{line}: {text}"));
    assert!(place("\nmemory, computed  ") < place("\ntime, measured    "));
    let text = stdout(&sandbox.ok(["info", "--steps", "1", "--no-timing"]));
    assert!(text.contains("memory, computed") && !text.contains("measured"), "{text}");
}

/// A batch that holds every image, and steps that end in numbers that are not finite.
#[test]
fn odd_settings_are_estimated_too() {
    let sandbox = Sandbox::new();
    for own in [["--limit-train", "2"], ["--batch-size", "100000"], ["--validation", "1435"]] {
        let output = sandbox.ok([&["info", "--json", "--steps", "1"], &own[..]].concat());
        let info: Value = serde_json::from_str(&stdout(&output)).unwrap();
        let timing = &info["estimate"]["timing"];
        assert!(timing["seconds"].as_f64().unwrap() > 0.0, "{own:?}: {info}");
    }
    let output = sandbox.ok(["info", "--json", "--steps", "1", "--optimizer", "sgd", "--lr", "1e30"]);
    let info: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert!(
        info["estimate"]["timing"].is_null() && info["estimate"]["memory"]["total"].as_u64().unwrap() > 0
    );
    let told = stderr(&output);
    assert!(told.starts_with("note: no steps are timed: on random inputs, training: "), "{told}");
}

/// They are kept beside the last ones.
#[test]
fn the_weights_of_the_best_epoch_are_counted() {
    let sandbox = Sandbox::new();
    let weights = |own: &[&str]| json(&sandbox, own)["estimate"]["memory"]["weights"].as_u64().unwrap();
    let kept = weights(&["--keep-best", "--validation", "100"]);
    assert_eq!(kept, 2 * weights(&["--validation", "100"]));
}
