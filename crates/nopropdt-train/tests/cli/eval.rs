//! `eval`: measuring a trained network.

use crate::harness::{Sandbox, example, stdout};
use nopropdt_data::{DatasetName, load as load_data};
use nopropdt_train::evaluate::accuracy;
use nopropdt_train::model_file::load as load_model;
use predicates::prelude::*;
use serde_json::Value;

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("model.safetensors", &example().0);
    sandbox
}

/// `eval` of the example on the test images it was trained beside.
fn eval(own: &[&str]) -> String {
    let arguments = ["eval", "--model", "model.safetensors", "--limit-test", "60"];
    stdout(&sandbox().ok([&arguments[..], own].concat()))
}

fn json(own: &[&str]) -> Value {
    let text = eval(&[own, &["--json"]].concat());
    assert_eq!(text.lines().count(), 1, "{text}");
    serde_json::from_str(&text).unwrap()
}

#[test]
fn several_draws_have_a_mean_and_an_error() {
    let text = eval(&["--runs", "3"]);
    assert!(text.starts_with("digits, 60 test images, 3 runs"), "{text}");
    for (line, note) in
        [("chain", r"  \(the answer\)"), ("consensus", ""), ("after block 1", ""), ("after block 2", "")]
    {
        let pattern = format!(r"(?m)^{line} +\d+\.\d\d % ± \d+\.\d\d{note}$");
        assert!(predicate::str::is_match(&pattern).unwrap().eval(&text), "{line}: {text}");
    }
}

#[test]
fn one_measurement_has_no_error() {
    let text = eval(&["--runs", "1"]);
    assert!(text.starts_with("digits, 60 test images, 1 run\n") && !text.contains('±'), "{text}");
}

#[test]
fn one_draw_with_the_models_seed_is_the_runs_own() {
    let (_, summary) = example();
    let measured = json(&["--runs", "1"]);
    for key in ["test_accuracy", "test_accuracy_consensus"] {
        assert_eq!(measured[key]["mean"], summary[key], "{key}");
        assert_eq!(measured[key]["standard_error"], 0.0);
    }
    let blocks: Vec<&Value> =
        measured["test_accuracy_per_block"].as_array().unwrap().iter().map(|block| &block["mean"]).collect();
    assert_eq!(blocks, summary["test_accuracy_per_block"].as_array().unwrap().iter().collect::<Vec<_>>());
    assert_eq!((&measured["images"], &measured["runs"]), (&60.into(), &1.into()));
    assert_eq!((&measured["dataset"], &measured["model"]), (&"digits".into(), &"model.safetensors".into()));
    assert_eq!(json(&["--runs", "1", "--seed", "11", "--threads", "3"]), measured);
}

#[test]
fn mean_and_error_are_those_of_the_draws() {
    let measured = json(&["--runs", "4"]);
    let model = load_model(&sandbox().path("model.safetensors")).unwrap();
    let test = load_data(DatasetName::Digits, "data".as_ref()).unwrap().test.limited(Some(60));
    let seed = model.metadata.config.training.seed;
    let draws = accuracy(model.network.as_ref(), &model.weights, &test, seed, 4);
    let check = |measured: &Value, values: Vec<f64>| {
        let mean = values.iter().sum::<f64>() / 4.0;
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / 3.0;
        for (key, expected) in [("mean", mean), ("standard_error", (variance / 4.0).sqrt())] {
            let found = measured[key].as_f64().unwrap();
            assert!((found - expected).abs() < 1e-12, "{key}: {found} is not {expected}");
        }
        variance
    };
    check(&measured["test_accuracy"], draws.iter().map(|draw| draw.chain).collect());
    check(&measured["test_accuracy_consensus"], draws.iter().map(|draw| draw.consensus).collect());
    let block = |block: usize| {
        let values = draws.iter().map(|draw| draw.per_block[block]).collect();
        check(&measured["test_accuracy_per_block"][block], values)
    };
    // The little trained chain may answer alike in every draw; its blocks do not, since each draw has its own noise.
    assert!(block(0) + block(1) > 0.0);
    assert_eq!(&measured["accuracy"], &measured["test_accuracy"]);
}

#[test]
fn the_consensus_can_be_the_headline() {
    let measured = json(&["--runs", "2", "--readout", "consensus"]);
    assert_eq!(measured["readout"], "consensus");
    assert_eq!(measured["accuracy"], measured["test_accuracy_consensus"]);
    let text = eval(&["--runs", "2", "--readout", "consensus"]);
    let answer: Vec<_> = text.lines().filter(|line| line.ends_with("  (the answer)")).collect();
    assert!(answer.len() == 1 && answer[0].starts_with("consensus "), "{text}");
}

/// One run of two draws answers by the sum of their probabilities; as many runs of one draw each are those draws.
#[test]
fn draws_are_averaged_into_one_answer() {
    let one = json(&["--runs", "1", "--draws", "1"]);
    assert_eq!(one, json(&["--runs", "1"]));
    let averaged = json(&["--runs", "2", "--draws", "8"]);
    assert_eq!((&averaged["runs"], &averaged["draws"]), (&2.into(), &8.into()));
    let first_block =
        |measured: &Value| measured["test_accuracy_per_block"][0]["standard_error"].as_f64().unwrap();
    let single = json(&["--runs", "16"]);
    assert!(first_block(&averaged) <= 4.0 * first_block(&single), "averaging does not add noise");
}

#[test]
fn a_chain_can_stop_after_a_block() {
    let whole = json(&["--runs", "2"]);
    let stopped = json(&["--runs", "2", "--stop-after", "1"]);
    assert_eq!(stopped["test_accuracy"], whole["test_accuracy_per_block"][0]);
    assert_eq!(stopped["test_accuracy_consensus"], stopped["test_accuracy"]);
    assert_eq!(stopped["test_accuracy_per_block"].as_array().unwrap().len(), 1);
}

#[test]
fn another_sampler_answers_from_the_same_weights() {
    for sampler in ["euler", "heun"] {
        let measured = json(&["--runs", "1", "--sampler", sampler]);
        // The first block sees the same noise whatever happens after it.
        let blocks = |measured: &Value| measured["test_accuracy_per_block"][0]["mean"].clone();
        assert_eq!(blocks(&measured), blocks(&json(&["--runs", "1"])), "{sampler}");
    }
}

#[test]
fn all_test_images_are_used_unless_told() {
    let text = stdout(&sandbox().ok(["eval", "--model", "model.safetensors", "--json"]));
    let measured: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&measured["images"], &measured["runs"]), (&360.into(), &5.into()));
}

#[test]
fn wrong_use_is_refused() {
    let sandbox = sandbox();
    for (flags, words) in [
        (["--runs", "0"], "--runs: must be from 1 to 10000; found 0"),
        (["--runs", "18446744073709551615"], "--runs: must be from 1 to 10000; found 18446744073709551615"),
        (["--threads", "0"], "--threads: must be from 1 to 1024; found 0"),
        (["--limit-test", "0"], "--limit-test: must be at least 1; found 0"),
        (["--dataset", "cats"], "must be one of digits, mnist"),
        (["--readout", "best"], "chain, consensus"),
        (["--draws", "0"], "--draws: must be from 1 to 10000; found 0"),
        (["--stop-after", "0"], "--stop-after: must be from 1 to the 2 blocks of the model; found 0"),
        (["--stop-after", "3"], "--stop-after: must be from 1 to the 2 blocks of the model; found 3"),
        (["--steps", "7"], "--steps: must be left out for a network of 2 blocks"),
        (["--sampler", "magic"], "unknown variant `magic`"),
    ] {
        sandbox.refused(2, &[words], [&["eval", "--model", "model.safetensors"], &flags[..]].concat());
    }
}

/// Validation images choose where the answer is read; the model file keeps it, and `eval` obeys.
#[test]
fn the_read_out_of_the_model_file_is_the_headline() {
    let sandbox = Sandbox::new();
    sandbox.train("run", &["validation=40", "epochs=3"]);
    let summary = sandbox.json("run/summary.json");
    let last: Value =
        serde_json::from_str(sandbox.text("run/metrics.jsonl").lines().last().unwrap()).unwrap();
    let of = |key: &str| last[key].as_f64().unwrap();
    let best = match of("validation_accuracy_consensus") > of("validation_accuracy") {
        true => ("consensus", "test_accuracy_consensus"),
        false => ("chain", "test_accuracy"),
    };
    assert_eq!((&summary["readout"], &summary["answer_accuracy"]), (&best.0.into(), &summary[best.1]));
    assert_eq!(
        (&last["readout"], &last["answer_accuracy"]),
        (&summary["readout"], &summary["answer_accuracy"])
    );
    let model = load_model(&sandbox.path("run/model.safetensors")).unwrap();
    assert_eq!(model.metadata.readout.unwrap().name(), best.0);
    let eval = ["eval", "--model", "run/model.safetensors", "--runs", "1", "--limit-test", "60"];
    let text = stdout(&sandbox.ok(eval));
    let recommended = |line: &&str| line.ends_with("  (the answer, as the model file recommends)");
    let lines: Vec<_> = text.lines().filter(recommended).collect();
    assert!(lines.len() == 1 && lines[0].starts_with(&format!("{} ", best.0)), "{text}");
    let asked = stdout(&sandbox.ok([&eval[..], &["--readout", "chain"]].concat()));
    assert!(asked.contains(" %  (the answer)\nconsensus ") && !asked.contains("recommends"), "{asked}");
    // Without validation images nothing is recommended, and the chain's is the answer.
    sandbox.train("plain", &[]);
    let summary = sandbox.json("plain/summary.json");
    assert_eq!(
        (&summary["readout"], &summary["answer_accuracy"]),
        (&"chain".into(), &summary["test_accuracy"])
    );
    assert_eq!(load_model(&sandbox.path("plain/model.safetensors")).unwrap().metadata.readout, None);
}

#[test]
fn classes_are_told_one_by_one() {
    let measured = json(&["--runs", "2", "--per-class"]);
    let classes = measured["per_class"].as_array().unwrap();
    let counts = measured["confusion"].as_array().unwrap();
    assert_eq!((classes.len(), counts.len()), (10, 10));
    let of = |class: usize, answer: usize| counts[class][answer].as_u64().unwrap();
    let (mut right, mut all) = (0, 0);
    for (class, told) in classes.iter().enumerate() {
        let row: u64 = (0..10).map(|answer| of(class, answer)).sum();
        let named: u64 = (0..10).map(|label| of(label, class)).sum();
        assert_eq!((&told["answers"], &told["named"]), (&row.into(), &named.into()));
        assert_eq!(told["accuracy"].as_f64().unwrap(), of(class, class) as f64 / row as f64);
        (right, all) = (right + of(class, class), all + row);
    }
    assert_eq!(all, 120);
    assert!((measured["accuracy"]["mean"].as_f64().unwrap() - right as f64 / 120.0).abs() < 1e-12);
    let text = eval(&["--runs", "2", "--per-class"]);
    assert!(text.contains("\nclass  images ") && text.lines().last().unwrap().starts_with("9 "), "{text}");
    let plain = json(&["--runs", "2"]);
    assert!(plain.get("per_class").is_none() && plain.get("confusion").is_none());
    let error = plain["expected_calibration_error"]["mean"].as_f64().unwrap();
    assert!((0.0..=1.0).contains(&error));
}

/// A run's file holds what `eval` says of its model, whatever the number of threads.
#[test]
fn a_run_tells_what_its_blocks_do_and_eval_tells_the_same() {
    let sandbox = Sandbox::new();
    sandbox.train("run", &["threads=2", "steps=3"]);
    let told = sandbox.json("run/diagnostics.json");
    assert_eq!(
        (&told["on"], &told["inputs"], &told["compared"]),
        (&"test".into(), &60.into(), &serde_json::json!([1, 2, 3]))
    );
    let model = "--model=run/model.safetensors";
    let measure =
        |more: &[&str]| stdout(&sandbox.ok([&["eval", model, "--limit-test=60", "--runs=1"], more].concat()));
    let measured: Value =
        serde_json::from_str(&measure(&["--json", "--diagnostics", "--threads=1"])).unwrap();
    assert_eq!(measured["diagnostics"], told);
    let blocks = told["blocks"].as_array().unwrap();
    for (block, measured) in blocks.iter().zip(measured["test_accuracy_per_block"].as_array().unwrap()) {
        assert_eq!(block["accuracy"], measured["mean"]);
        let use_of_latent = block["denoising"]["use_of_latent"].as_f64().unwrap();
        let other = block["denoising"]["accuracy_with_other_latent"].as_f64().unwrap();
        assert_eq!(use_of_latent, block["accuracy"].as_f64().unwrap() - other);
    }
    assert_eq!(told["agreement"][1][1], 1.0);
    assert_eq!(told["similarity"]["inputs"], 60);

    let table = measure(&["--diagnostics", "20"]);
    assert!(table.contains("what each block does, on 20 test images"), "{table}");
    assert!(table.contains("use of latent") && table.contains("linear CKA"), "{table}");
    assert!(!measure(&[]).contains("what each block does"));
    let without: Value = serde_json::from_str(&measure(&["--json"])).unwrap();
    assert_eq!(without.get("diagnostics"), None);
    sandbox.refused(
        2,
        &["--diagnostics", "must be a whole number at least 1"],
        ["eval", model, "--diagnostics=0"],
    );
}

#[test]
fn validation_images_are_looked_at_where_some_are_held_out() {
    let sandbox = Sandbox::new();
    sandbox.train("run", &["epochs=1", "validation=40", "embedding=learned"]);
    let told = sandbox.json("run/diagnostics.json");
    assert_eq!((&told["on"], &told["inputs"]), (&"validation".into(), &40.into()));
    let report = sandbox.text("run/report.html");
    assert!(report.contains("What each block does") && report.contains("40 validation inputs"));
    let line: Value =
        serde_json::from_str(sandbox.text("run/metrics.jsonl").lines().last().unwrap()).unwrap();
    assert_eq!(line["shared"], told["shared"]);
    for key in ["embedding_norm", "smallest_distance", "head_norm"] {
        assert!(line["shared"][key].as_f64().unwrap() > 0.0, "{line}");
    }
}
