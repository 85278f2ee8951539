//! `sweep`: a grid of trainings, killed, taken up, divided among processes, and its figures.

use crate::harness::{PROGRAM, Sandbox, stderr, stdout};
use serde_json::Value;
use std::collections::BTreeMap;
use std::os::unix::process::CommandExt;
use std::process::{Command, Output, Stdio};

/// Two learning rates, three seeds.
const GRID: &str = r#"
about = "two rates"
seeds = 3
runs = 2
averaged = 2
[settings]
limit-train = 128
limit-test = 60
method = { steps = 2 }
training = { epochs = 1 }
[vary]
"training.lr" = [0.001, 0.02]
"#;

const NAMES: [&str; 6] =
    ["lr0.001-seed0", "lr0.001-seed1", "lr0.001-seed2", "lr0.02-seed0", "lr0.02-seed1", "lr0.02-seed2"];

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("rates.toml", GRID);
    sandbox
}

/// What a result says but for time and place.
fn accuracies(sandbox: &Sandbox, folder: &str) -> BTreeMap<String, [Value; 3]> {
    let read = |name: &&str| {
        let cell = sandbox.json(&format!("{folder}/cells/{name}.json"));
        ((*name).to_owned(), ["settings", "draws", "averaged_draws"].map(|key| cell[key].clone()))
    };
    NAMES.iter().map(read).collect()
}

/// The mean over draws of a read-out, cell by cell.
fn means(sandbox: &Sandbox, arm: &str, draws: &str, readout: &str) -> Vec<f64> {
    let of = |seed: usize| {
        let cell = sandbox.json(&format!("runs/rates/cells/{arm}-seed{seed}.json"));
        let draws = cell[draws].as_array().unwrap().clone();
        draws.iter().map(|draw| draw[readout].as_f64().unwrap()).sum::<f64>() / draws.len() as f64
    };
    (0..3).map(of).collect()
}

/// Mean and standard error of three values.
fn of_three(values: &[f64]) -> (f64, f64) {
    let mean = (values[0] + values[1] + values[2]) / 3.0;
    let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
    (mean, (squares / 2.0 / 3.0).sqrt())
}

#[track_caller]
fn close(found: &Value, expected: f64) {
    let found = found.as_f64().unwrap();
    assert!((found - expected).abs() < 1e-9, "{found} {expected}");
}

/// What follows from the images does so in a cell too, where neither dataset nor method has the preset by itself; a finished cell is known again.
#[test]
fn a_preset_that_leaves_settings_open_is_trained_as_such() {
    let sandbox = Sandbox::new();
    let grid = r#"
preset = "best"
seeds = 1
runs = 1
[settings]
limit-train = 40
limit-test = 20
method = { name = "committee", steps = 1 }
block = { name = "deep", width = 16 }
[[arm]]
name = "small"
"#;
    sandbox.write("best.toml", grid);
    sandbox.ok(["sweep", "best.toml"]);
    let config = sandbox.text("runs/best/work/small-seed0/run/config.toml");
    for line in ["epochs = 60", "batch-size = 32", "crop-padding = 2", "optimizer = \"muon\""] {
        assert!(config.contains(line), "{line}: {config}");
    }
    let listed = stdout(&sandbox.ok(["sweep", "best.toml", "--list"]));
    assert!(listed.contains("done"), "{listed}");
}

/// Figures, table and page say what follows from the cells' files.
fn check_figures(sandbox: &Sandbox, table: &str) {
    let (figures, page) = (sandbox.json("runs/rates/sweep.json"), sandbox.text("runs/rates/sweep.html"));
    assert_eq!((&figures["about"], &figures["measured_on"]), (&"two rates".into(), &"test".into()));
    for (index, arm) in ["lr0.001", "lr0.02"].into_iter().enumerate() {
        let found = &figures["arms"][index];
        assert_eq!(found["seeds"], serde_json::json!([0, 1, 2]));
        for (key, draws, readout) in [
            ("chain", "draws", "chain"),
            ("consensus", "draws", "consensus"),
            ("averaged_chain", "averaged_draws", "chain"),
            ("averaged_consensus", "averaged_draws", "consensus"),
        ] {
            let (mean, error) = of_three(&means(sandbox, arm, draws, readout));
            close(&found[key]["mean"], mean);
            close(&found[key]["standard_error"], error);
            let shown = format!("{:.2} ± {:.2}", 100.0 * mean, 100.0 * error);
            assert!(page.contains(&format!("<td>{shown}</td>")), "{key} {shown}");
            assert!(key.starts_with("averaged") || table.contains(&shown), "{shown}\n{table}");
        }
    }
    for readout in ["chain", "consensus"] {
        let [one, other] = ["lr0.001", "lr0.02"].map(|arm| means(sandbox, arm, "draws", readout));
        let differences: Vec<f64> = other.iter().zip(&one).map(|(other, one)| other - one).collect();
        let (mean, error) = of_three(&differences);
        // Student's t with two degrees of freedom.
        let reach = 4.302_652_729_7 * error;
        let found = &figures["arms"][1]["against"];
        assert_eq!(found["arm"], "lr0.001");
        close(&found[readout]["mean"], mean);
        close(&found[readout]["standard_error"], error);
        close(&found[readout]["interval"][0], mean - reach);
        close(&found[readout]["interval"][1], mean + reach);
        let interval = format!("[{:+.2}, {:+.2}]", 100.0 * (mean - reach), 100.0 * (mean + reach));
        let shown = format!("{:+.2} ± {:.2} {interval}", 100.0 * mean, 100.0 * error);
        assert!(page.contains(&shown), "{shown}");
        assert!(table.contains(&shown), "{table}");
    }
    assert_eq!(figures["arms"][0]["against"], Value::Null);
    assert_eq!(page.matches("<circle").count(), 6);
}

/// Runs a sweep and sends it, and what it runs, a signal once its first cell is done; how it ended.
fn stopped_in_the_middle(sandbox: &Sandbox, signal: &str) -> Output {
    let mut child = Command::new(PROGRAM)
        .args(["sweep", "rates.toml"])
        .current_dir(sandbox.path(""))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .unwrap();
    let first = format!("runs/rates/cells/{}.json", NAMES[0]);
    while !sandbox.exists(&first) {
        assert_eq!(child.try_wait().unwrap(), None, "the sweep ended before its first cell was done");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let group = format!("-{}", child.id());
    assert!(Command::new("kill").args([signal, "--", &group]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert!(!output.status.success(), "the sweep was over before it was stopped");
    output
}

#[test]
fn an_interrupted_sweep_says_how_to_go_on() {
    let sandbox = sandbox();
    let output = stopped_in_the_middle(&sandbox, "-INT");
    let told = stderr(&output);
    assert_eq!(output.status.code(), Some(130), "{told}");
    let line = "error: interrupted; what is finished is kept, and the same command goes on";
    assert_eq!(told.lines().last(), Some(line), "{told}");
    // What is there has its page.
    let figures = sandbox.json("runs/rates/sweep.json");
    assert!(figures["arms"][0]["seeds"].as_array().is_some_and(|seeds| !seeds.is_empty()), "{figures}");
    assert!(sandbox.exists("runs/rates/sweep.html"));
}

#[test]
fn a_sweep_that_is_killed_goes_on_and_its_figures_follow_from_its_cells() {
    let sandbox = sandbox();
    let list = stdout(&sandbox.ok(["sweep", "rates.toml", "--list"]));
    assert!(list.contains("to do  lr0.001-seed0\n") && list.contains("6 cells, 6 to do"), "{list}");
    assert!(!sandbox.exists("runs"));
    stopped_in_the_middle(&sandbox, "-KILL");
    let done = sandbox.read("runs/rates/cells/lr0.001-seed0.json");
    let output = sandbox.ok(["sweep", "rates.toml"]);
    assert!(stderr(&output).contains("[1/6] lr0.001-seed0: done before"), "{}", stderr(&output));
    assert_eq!(sandbox.read("runs/rates/cells/lr0.001-seed0.json"), done);
    assert!(stdout(&output).ends_with("runs/rates/sweep.html\n"), "{}", stdout(&output));
    check_figures(&sandbox, &stdout(&output));
    // Measured on the test images that the settings leave.
    let right = 60.0
        * sandbox.json(&format!("runs/rates/cells/{}.json", NAMES[0]))["draws"][0]["chain"].as_f64().unwrap();
    assert!((right - right.round()).abs() < 1e-9, "{right}");
    // A second time there is nothing to do, and figures are printed as asked.
    let figures = sandbox.text("runs/rates/sweep.json");
    let json: Value = serde_json::from_str(&stdout(&sandbox.ok(["sweep", "rates.toml", "--json"]))).unwrap();
    assert_eq!(json, serde_json::from_str::<Value>(&figures).unwrap());
    // Two processes share a folder, and reach the same.
    let other = ["sweep", "rates.toml", "--out", "shared", "--threads", "1"];
    let half = stdout(&sandbox.ok([&other[..], &["--shard", "1/2"]].concat()));
    assert!(half.contains("2 of 3") && half.contains("1 of 3"), "{half}");
    sandbox.ok([&other[..], &["--shard", "2/2"]].concat());
    assert_eq!(accuracies(&sandbox, "shared"), accuracies(&sandbox, "runs/rates"));
    assert_eq!(sandbox.names("shared"), ["cells", "sweep.html", "sweep.json", "work"]);
}

/// Its file alone counts: no work, no training.
#[test]
fn a_cell_that_was_trained_elsewhere_is_done() {
    let sandbox = sandbox();
    sandbox.ok(["sweep", "rates.toml", "--only", "lr0.02-seed1", "--out", "elsewhere"]);
    let name = "cells/lr0.02-seed1.json";
    sandbox.write(&format!("here/{name}"), sandbox.read(&format!("elsewhere/{name}")));
    let output = sandbox.ok(["sweep", "rates.toml", "--only", "lr0.02-seed1", "--out", "here"]);
    assert!(stderr(&output).contains("done before"), "{}", stderr(&output));
    assert!(!sandbox.exists(&["here", "work", "lr0.02-seed1"].join("/")));
    let list = stdout(&sandbox.ok(["sweep", "rates.toml", "--list", "--out", "here"]));
    assert!(list.contains("done   lr0.02-seed1") && list.contains("6 cells, 5 to do"), "{list}");
}

#[test]
fn a_cell_that_fails_stops_no_other_and_is_told_at_the_end() {
    let sandbox = sandbox();
    sandbox.write(
        "rates.toml",
        GRID.replace("[0.001, 0.02]", "[1e30, 0.02]").replace("seeds = 3", "seeds = 1\nat-least = 1"),
    );
    let output = sandbox.output(["sweep", "rates.toml"]);
    assert_eq!(output.status.code(), Some(1));
    let told = stderr(&output);
    assert!(told.contains("error: sweep: 2 failed; the same command tries only these again"), "{told}");
    assert!(told.contains("lr1000000000000000000000000000000-seed0: error: "), "{told}");
    assert!(told.contains("lr0.02: chain must be at least 1; found 0."), "{told}");
    assert!(sandbox.exists("runs/rates/cells/lr0.02-seed0.json") && sandbox.exists("runs/rates/sweep.html"));
}

/// The test set decides nothing where settings are chosen.
#[test]
fn without_the_test_set_only_validation_is_shown() {
    let sandbox = sandbox();
    let grid = GRID
        .replace("runs = 2\naveraged = 2", "test = false")
        .replace("limit-train", "validation = 50\nlimit-train");
    sandbox.write("choose.toml", grid);
    let table = stdout(&sandbox.ok(["sweep", "choose.toml", "--only", "seed0"]));
    assert!(table.contains("accuracy on validation images"), "{table}");
    let cell = sandbox.json("runs/choose/cells/lr0.02-seed0.json");
    assert_eq!((&cell["draws"], &cell["averaged_draws"]), (&serde_json::json!([]), &Value::Null));
    assert!(cell["validation"]["chain"].is_number() && cell["epochs"][0].get("chain").is_none(), "{cell}");
    assert!(sandbox.text("runs/choose/sweep.html").contains("Accuracy on validation images"));
}

#[test]
fn what_is_wrong_with_a_grid_is_one_line_and_wrong_use() {
    let sandbox = sandbox();
    sandbox.write("bad.toml", "seeds = 1\n[settings]\nlr = -1.0\n");
    for (arguments, line) in [
        (&["sweep", "none.toml"][..], "error: none.toml: can't be read: "),
        (&["sweep", "bad.toml"], "error: bad.toml: settings: lr: must be above 0 and finite; found -1"),
        (&["sweep", "rates.toml", "--only", "cats"], "error: --only: must be part of a cell's name"),
        (&["sweep", "rates.toml", "--data-dir", "none"], "error: --data-dir none: there is no such folder"),
    ] {
        let output = sandbox.output(arguments);
        let told = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(told.starts_with(line) && told.lines().count() == 1, "{told}");
    }
    assert!(!sandbox.exists("runs"));
}
