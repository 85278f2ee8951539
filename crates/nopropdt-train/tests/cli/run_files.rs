//! What a run leaves behind.

use crate::harness::{Sandbox, stdout, tiny};
use nopropdt_data::{DatasetName, load as load_data};
use nopropdt_train::evaluate::accuracy;
use nopropdt_train::model_file::load as load_model;
use serde_json::Value;
use std::collections::BTreeMap;

const FILES: [&str; 9] = [
    ".lock",
    "checkpoint.bin",
    "config.toml",
    "diagnostics.json",
    "metrics.csv",
    "metrics.jsonl",
    "model.safetensors",
    "report.html",
    "summary.json",
];

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

fn is_fraction(value: &Value) -> bool {
    value.as_f64().is_some_and(|number| (0.0..=1.0).contains(&number))
}

#[test]
fn a_run_folder_is_complete() {
    let sandbox = Sandbox::new();
    sandbox.train("run", &["seed=3", "threads=2"]);
    assert_eq!(sandbox.names("run"), FILES);
    assert_eq!(sandbox.names("."), ["run"]);
    check_metrics(&sandbox.text("run/metrics.jsonl"));
    check_table(&sandbox.text("run/metrics.csv"), &sandbox.text("run/metrics.jsonl"));
    check_summary(&sandbox.json("run/summary.json"), &sandbox.text("run/metrics.jsonl"));
    let report = sandbox.text("run/report.html");
    assert!(report.contains("NoProp-DT on digits") && report.contains("<svg"), "{}", &report[..200]);
    assert!(!report.contains("src=\"http") && !report.contains("<script"));
}

fn check_metrics(text: &str) {
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2);
    for (index, line) in lines.iter().enumerate() {
        let mut expected = [
            "epoch",
            "seconds",
            "train_loss",
            "block_seconds",
            "cross_entropy",
            "gradient_norm",
            "kl",
            "shared",
            "squared_error",
            "total",
            "learning_rate",
            "test_accuracy",
            "test_accuracy_per_block",
            "test_accuracy_consensus",
            "test_balanced_accuracy",
            "test_balanced_accuracy_consensus",
            "readout",
            "answer_accuracy",
            "images_per_second",
        ];
        expected.sort_unstable();
        assert_eq!(keys(line), expected);
        assert_eq!(line["epoch"], index + 1);
        assert!(line["seconds"].as_f64().unwrap() > 0.0);
        let losses = numbers(&line["train_loss"]);
        assert!(losses.len() == 2 && losses.iter().all(|&loss| loss > 0.0 && loss < 2.0), "{losses:?}");
        assert!(is_fraction(&line["test_accuracy"]) && is_fraction(&line["test_accuracy_consensus"]));
        for key in ["test_balanced_accuracy", "test_balanced_accuracy_consensus"] {
            assert!(is_fraction(&line[key]), "{key}");
        }
        let blocks = numbers(&line["test_accuracy_per_block"]);
        assert!(blocks.len() == 2 && blocks.iter().all(|block| (0.0..=1.0).contains(block)), "{blocks:?}");
        let rate = line["images_per_second"].as_f64().unwrap();
        assert!((rate * line["seconds"].as_f64().unwrap() - 128.0).abs() < 1e-6, "{rate}");
    }
}

/// A row an epoch and a column a number: nothing of the lines is missing from the table, and nothing else is in it.
fn check_table(table: &str, lines: &str) {
    let mut rows = table.lines().map(|row| row.split(',').collect::<Vec<_>>());
    let names = rows.next().unwrap();
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let rows: Vec<Vec<&str>> = rows.collect();
    assert_eq!(rows.len(), lines.len());
    for (row, line) in rows.iter().zip(&lines) {
        let mut cells = BTreeMap::new();
        for (key, value) in line.as_object().unwrap() {
            match value {
                Value::Array(values) => {
                    let numbered = values.iter().zip(1..);
                    cells.extend(
                        numbered.map(|(value, number)| (format!("{key}_{number}"), value.to_string())),
                    );
                }
                Value::Object(parts) => {
                    cells.extend(
                        parts.iter().map(|(part, value)| (format!("{key}_{part}"), value.to_string())),
                    );
                }
                Value::String(text) => drop(cells.insert(key.clone(), text.clone())),
                value => drop(cells.insert(key.clone(), value.to_string())),
            }
        }
        assert_eq!(row.len(), names.len());
        let filled = names.iter().zip(row).filter(|(_, cell)| !cell.is_empty());
        let found: BTreeMap<String, String> =
            filled.map(|(name, cell)| ((*name).to_owned(), (*cell).to_owned())).collect();
        assert_eq!(found, cells);
    }
}

fn check_summary(summary: &Value, metrics: &str) {
    let last: Value = serde_json::from_str(metrics.lines().last().unwrap()).unwrap();
    let keys = [
        "test_accuracy",
        "test_accuracy_consensus",
        "test_accuracy_per_block",
        "test_balanced_accuracy",
        "answer_accuracy",
    ];
    for key in keys {
        assert_eq!(summary[key], last[key], "{key}");
    }
    // Two blocks, counted by hand from the layers' sizes, and the head.
    let convolutions = 32 * 9 + 32 + 64 * 32 * 9 + 64 + 128 * 64 * 9 + 128;
    let image = convolutions + 256 * 512 + 256 + 512;
    let label = (256 * 10 + 256) + 2 * (256 * 256 + 256) + 3 * 512;
    let join = (256 * 512 + 256) + (128 * 256 + 128) + (10 * 128 + 10) + 512 + 256;
    assert_eq!(summary["parameters"], 2 * (image + label + join) + 110);
    assert!(summary["seconds"].as_f64().unwrap() >= summary["train_seconds"].as_f64().unwrap());
    if cfg!(target_os = "linux") {
        let added = summary["train_rss_bytes"].as_u64().unwrap();
        assert!(added > 1 << 20 && added < summary["peak_rss_bytes"].as_u64().unwrap(), "{summary}");
    }
    let precision = summary["precision"].as_str().unwrap();
    assert!(["f32", "bf16"].contains(&precision), "auto is decided; found {precision}");
    assert_eq!(summary["threads"], 2);
    assert_eq!((&summary["seed"], &summary["epochs"]), (&3.into(), &2.into()));
    assert!(!summary["isa"].as_str().unwrap().is_empty());
}

/// A run that goes on elsewhere keeps the precision `auto` chose here.
#[test]
fn the_saved_precision_is_the_decided_one() {
    let sandbox = Sandbox::new();
    sandbox.train("auto", &["epochs=1", "precision=auto"]);
    let chosen = sandbox.json("auto/summary.json")["precision"].as_str().unwrap().to_owned();
    assert!(sandbox.text("auto/config.toml").contains(&format!("precision = \"{chosen}\"\n")));
    for precision in ["f32", "bf16"] {
        sandbox.train(precision, &["epochs=1", &format!("precision={precision}")]);
        assert_eq!(sandbox.json(&format!("{precision}/summary.json"))["precision"], precision);
        let same =
            sandbox.read(&format!("{precision}/model.safetensors")) == sandbox.read("auto/model.safetensors");
        assert_eq!(same, precision == chosen, "{precision}");
    }
}

#[test]
fn the_saved_configuration_makes_the_same_network() {
    let sandbox = Sandbox::new();
    sandbox.train("first", &["seed=5", "lr=0.0021", "dropout=0.1", "validation=20", "epochs=1"]);
    sandbox.ok(["--config", "first/config.toml", "--out", "second", "--no-progress"]);
    assert!(sandbox.read("second/model.safetensors") == sandbox.read("first/model.safetensors"));
    assert_eq!(sandbox.text("second/config.toml"), sandbox.text("first/config.toml"));
}

#[test]
fn flags_go_over_a_configuration_file() {
    let sandbox = Sandbox::new();
    sandbox.write("own.toml", "limit-train = 64\nlimit-test = 20\nsteps = 1\nepochs = 2\n");
    sandbox.ok(["--config", "own.toml", "--epochs", "1", "--out", "run", "--no-progress"]);
    let config = sandbox.text("run/config.toml");
    assert!(config.contains("epochs = 1\n") && config.contains("limit-train = 64\n"), "{config}");
    assert_eq!(sandbox.text("run/metrics.jsonl").lines().count(), 1);
}

#[test]
fn validation_images_are_held_out_and_reported() {
    let sandbox = Sandbox::new();
    let output = sandbox.train("run", &["validation=28", "epochs=1"]);
    assert!(stdout(&output).contains("digits: 100 training and 60 test images"), "{}", stdout(&output));
    let line: Value = serde_json::from_str(sandbox.text("run/metrics.jsonl").trim_end()).unwrap();
    // Measured again on the images that a split of the 128 holds out, whatever the run's seed.
    let model = load_model(&sandbox.path("run/model.safetensors")).unwrap();
    let train = load_data(DatasetName::Digits, "data".as_ref()).unwrap().train.limited(Some(128));
    let (_, held_out) = train.split_validation(28, 0).unwrap();
    let seed = model.metadata.config.training.seed;
    let expected = accuracy(model.network.as_ref(), &model.weights, &held_out, seed, 1)[0].chain;
    assert_eq!(line["validation_accuracy"], expected);
    assert_ne!(line["validation_accuracy"], line["test_accuracy"], "or the test could not tell them apart");
}

#[test]
fn runs_without_a_name_are_numbered() {
    let sandbox = Sandbox::new();
    for _ in 0..2 {
        sandbox.ok(tiny(&["epochs=1", "steps=1", "limit-train=32"]));
    }
    assert_eq!(sandbox.names("runs"), ["digits-dt", "digits-dt-2"]);
    assert_eq!(sandbox.names("runs/digits-dt-2"), FILES);
}

#[test]
fn train_is_the_default_command() {
    let sandbox = Sandbox::new();
    sandbox.train("short", &["epochs=1"]);
    let mut arguments = tiny(&["epochs=1", "out=long"]);
    arguments.insert(0, "train".into());
    sandbox.ok(arguments);
    assert!(sandbox.read("short/model.safetensors") == sandbox.read("long/model.safetensors"));
}

#[test]
fn the_reference_program_runs_too() {
    let sandbox = Sandbox::new();
    sandbox.train("run", &["preset=reference", "epochs=1", "limit-train=64"]);
    assert_eq!(sandbox.names("run"), FILES);
    assert!(sandbox.text("run/config.toml").contains("objective = \"reference\""));
}

#[test]
fn epochs_between_have_no_accuracy() {
    let sandbox = Sandbox::new();
    let text = stdout(&sandbox.train("run", &["epochs=3", "eval-every=2", "validation=30"]));
    let metrics = sandbox.text("run/metrics.jsonl");
    let lines: Vec<Value> = metrics.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let first = [
        "block_seconds",
        "cross_entropy",
        "epoch",
        "gradient_norm",
        "images_per_second",
        "kl",
        "learning_rate",
        "seconds",
        "shared",
        "squared_error",
        "total",
        "train_loss",
    ];
    assert_eq!(keys(&lines[0]), first);
    for line in &lines[1..] {
        assert!(is_fraction(&line["test_accuracy"]) && is_fraction(&line["validation_accuracy"]), "{line}");
    }
    check_table(&sandbox.text("run/metrics.csv"), &metrics);
    let said: Vec<&str> = text.lines().filter(|line| line.starts_with("epoch ")).collect();
    assert!(!said[0].contains(" test ") && said[0].contains(" images/s  "), "{text}");
    assert!(said[1].contains("  validation ") && said[1].contains("  test "), "{text}");
    let report = sandbox.text("run/report.html");
    assert!(report.contains("<tr><td>1</td><td>–</td><td>–</td><td>–</td>"));
    assert!(sandbox.text("run/config.toml").contains("eval-every = 2\n"));
    sandbox.refused(2, &["--eval-every: must be from 1 to 1000000; found 0"], tiny(&["eval-every=0"]));
}
