//! `cargo xtask bench` from end to end: what it writes, what it says when it can't, and a peer that is a shell script.

use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

/// Runs `bench --quick` on the smallest case.
fn bench(arguments: &[&str]) -> Output {
    let smallest = ["bench", "--quick", "--seconds", "0.01", "--block", "reference"];
    Command::new(env!("CARGO_BIN_EXE_xtask")).args(smallest).args(arguments).output().unwrap()
}

/// A program that stands in for Python.
#[cfg(unix)]
fn script(folder: &TempDir, text: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let path = folder.path().join("python");
    fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

/// Every figure that each row must have is there and can be one.
fn check(row: &Value) {
    for name in ["ms_per_step", "images_per_second", "gflops"] {
        assert!(row[name].as_f64().is_some_and(|value| value > 0.0), "{name}: {row}");
    }
    for name in ["threads", "batch", "samples"] {
        assert!(row[name].as_u64().is_some_and(|value| value > 0), "{name}: {row}");
    }
    assert_eq!((&row["block"], &row["input"]), (&"reference".into(), &"28x28x1".into()));
    let shares =
        ["ms_per_step_min", "ms_per_step", "ms_per_step_max"].map(|name| row[name].as_f64().unwrap());
    assert!(shares.is_sorted(), "{row}");
    let rate = 1e3 * row["batch"].as_f64().unwrap() / row["ms_per_step"].as_f64().unwrap();
    assert!((row["images_per_second"].as_f64().unwrap() / rate - 1.0).abs() < 1e-9, "{row}");
}

fn rows(path: &Path) -> Vec<Value> {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn a_quick_run_prints_a_table_and_writes_its_rows() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("bench.json");
    let output = bench(&["--json", path.to_str().unwrap()]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("\n### reference block, 28x28x1: 6.0 GFLOP a step\n"), "{text}");
    assert!(text.contains("| nopropdt | f32 |  | 1 × 1 |") && text.contains("conv3 7x7x64->128"), "{text}");
    let rows = rows(&path);
    rows.iter().for_each(check);
    let all = std::thread::available_parallelism().unwrap().get() as u64;
    for precision in ["f32", "bf16"] {
        let of_precision = rows.iter().filter(|row| row["precision"] == precision);
        let threads: Vec<u64> = of_precision.map(|row| row["threads"].as_u64().unwrap()).collect();
        assert_eq!(threads, if all > 1 { vec![1, all] } else { vec![1] }, "{precision}");
    }
    assert!(rows.iter().all(|row| row.get("framework").is_none()));
    assert!(rows[0]["ops"].as_array().is_some_and(|ops| ops.len() > 20), "{}", rows[0]);
    let names: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["bench.json"]);
}

#[cfg(unix)]
#[test]
fn a_peer_gets_rows_of_its_own() {
    let folder = TempDir::new().unwrap();
    let answers = r#"while read -r line; do case "$line" in
*hello*) echo '{"version": "0.1"}' ;;
*warm*) echo '{"seconds": []}' ;;
*) sleep 0.05; echo '{"seconds": [0.5, 0.5]}' ;;
esac; done"#;
    let python = script(&folder, answers);
    let path = folder.path().join("bench.json");
    let output = bench(&["--peer", python.to_str().unwrap(), "--json", path.to_str().unwrap()]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("- in turns with pytorch 0.1\n"), "{text}");
    let peers: Vec<Value> = rows(&path).into_iter().filter(|row| row.get("framework").is_some()).collect();
    peers.iter().for_each(check);
    let all = std::thread::available_parallelism().unwrap().get();
    assert_eq!(peers.len(), if all > 1 { 6 } else { 3 });
    assert!(peers.iter().all(|row| row["framework"] == "pytorch" && row["version"] == "0.1"));
    let first = &peers[0];
    assert_eq!((&first["layout"], &first["precision"]), (&"nchw".into(), &"f32".into()));
    assert_eq!((&first["processes"], &first["ms_per_step"]), (&1.into(), &500.0.into()));
    let last = &peers[peers.len() - 1];
    assert_eq!((&last["layout"], &last["precision"]), (&"channels_last".into(), &"bf16".into()));
    assert_eq!((&last["processes"], &last["ms_per_step"]), (&all.into(), &(500.0 / all as f64).into()));
    assert!(text.contains("pytorch's best ("), "{text}");
}

/// The one line of a failed command's complaint.
#[track_caller]
fn complaint(output: &Output, code: i32) -> String {
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(code), "{text}");
    assert!(output.stdout.is_empty() && !text.contains("panicked"), "{text}");
    let lines: Vec<&str> = text.lines().filter(|line| line.starts_with("error: ")).collect();
    assert_eq!(lines.len(), 1, "{text}");
    lines[0].to_owned()
}

#[test]
fn what_cannot_be_measured_is_told_before_anything_is() {
    let message = complaint(&bench(&["--peer", "/no/such/python"]), 1);
    assert!(message.starts_with("error: pytorch: /no/such/python can't be started: "), "{message}");
    let message = complaint(&bench(&["--json", "/no/such/folder/bench.json"]), 1);
    assert!(message.contains("/no/such/folder/bench.json: must be a file that can be written"), "{message}");
    let message = complaint(&bench(&["--input", "32x32x3"]), 2);
    assert!(message.ends_with("reference 28x28x1, deep 32x32x3; found reference 32x32x3"), "{message}");
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    let output = command.arg("bench").env("NOPROPDT_ISA", "mmx").output().unwrap();
    assert!(complaint(&output, 2).ends_with("found mmx"));
}

/// The script itself says what it lacks: this Python sees no installed packages.
#[cfg(unix)]
#[test]
fn a_python_without_pytorch_says_so() {
    if Command::new("python3").arg("--version").output().is_err() {
        eprintln!("NOT TESTED: there is no python3");
        return;
    }
    let folder = TempDir::new().unwrap();
    let python = script(&folder, "exec python3 -I -S \"$@\"");
    let message = complaint(&bench(&["--peer", python.to_str().unwrap()]), 1);
    assert!(message.starts_with("error: pytorch: wants a Python that has PyTorch; "), "{message}");
    assert!(message.ends_with("No module named 'torch'"), "{message}");
}

#[test]
fn a_long_run_holds_late_epochs_against_early_ones() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("long.json");
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.args(["bench", "--long", "--quick", "--precision", "f32", "--json"]).arg(&path);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("### long run: digits, one block"), "{text}");
    let rows = rows(&path);
    assert_eq!(rows.len(), 1);
    let row = &rows[0];
    let [early, late, ratio] =
        ["early_seconds", "late_seconds", "late_over_early"].map(|name| row[name].as_f64().unwrap());
    assert!(early > 0.0 && late > 0.0 && (ratio * early / late - 1.0).abs() < 1e-9, "{row}");
    assert_eq!((&row["precision"], &row["threads"], &row["epochs"]), (&"f32".into(), &1.into(), &20.into()));
    let [all, subnormal] = ["moments", "subnormal_moments"].map(|name| row[name].as_u64().unwrap());
    // Two for each weight of the block and the head.
    assert!(all > 500_000 && subnormal <= all, "{row}");
    assert!(text.contains(&format!("| {subnormal} of {all} |")), "{text}");
}
