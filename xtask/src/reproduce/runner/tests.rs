//! What is skipped, taken up, done again and reported, with a script in place of the program.

use super::super::cell::Measure;
use super::super::{Profile, memory};
use super::*;
use std::os::unix::fs::PermissionsExt;
use tempfile::TempDir;

/// Logs its arguments, and leaves what the program leaves. `train` fails while there is a file `broken`.
const SCRIPT: &str = r#"#!/bin/sh
here=$(dirname "$0")
echo "$*" >> "$here/calls"
for word; do case "$word" in
--out=*) run=${word#--out=}; mkdir -p "$run"; : > "$run/config.toml" ;;
--resume=*) run=${word#--resume=} ;;
esac; done
case "$1" in
train)
    [ ! -e "$here/interrupt" ] || exit 130
    [ ! -e "$here/broken" ] || { echo "error: loss must be finite; found NaN" >&2; exit 1; }
    echo model > "$run/model.safetensors"
    echo '{"train_seconds": 2.5, "precision": "f32", "isa": "portable", "train_rss_bytes": 7}' > "$run/summary.json" ;;
eval)
    [ ! -e "$here/mute" ] || { echo nothing; exit 0; }
    echo '{"test_accuracy": {"mean": 0.9, "standard_error": 0.01}, "test_accuracy_consensus": {"mean": 0.95, "standard_error": 0.0}}' ;;
esac
"#;

struct Stage {
    folder: TempDir,
    runner: Runner,
}

impl Stage {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("program");
        fs::write(&program, SCRIPT).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let runs = folder.path().join("runs");
        fs::create_dir(&runs).unwrap();
        let runner = Runner {
            program,
            folder: runs,
            data_dir: "data".into(),
            cifar10_jpeg: None,
            stop: Arc::default(),
            origin: Outcome::example(0.0).origin.unwrap(),
        };
        Self { folder, runner }
    }

    fn run(&self, cell: &Cell) -> Result<Fate> {
        self.runner.run(cell, &|| ())
    }

    /// A file that makes the script behave otherwise.
    fn put(&self, name: &str) {
        fs::write(self.folder.path().join(name), "").unwrap();
    }

    fn take(&self, name: &str) {
        fs::remove_file(self.folder.path().join(name)).unwrap();
    }

    /// First words and one flag of each call since the last time.
    fn calls(&self) -> Vec<String> {
        let path = self.folder.path().join("calls");
        let text = fs::read_to_string(&path).unwrap_or_default();
        fs::write(path, "").unwrap();
        let kind = |line: &str| {
            let flag = ["--out", "--resume", "--draws=1", "--draws=5"].into_iter().find(|f| line.contains(f));
            format!("{} {}", line.split(' ').next().unwrap_or_default(), flag.unwrap_or_default())
        };
        text.lines().map(kind).collect()
    }
}

fn cell(averaged: bool) -> Cell {
    Cell {
        name: "digits-dt-one-hot-seed0".into(),
        dataset: Data::Digits,
        flags: vec!["--method=dt".into(), "--seed=0".into()],
        measure: Measure { runs: 3, averaged, steps: None },
        work: 1.0,
    }
}

#[track_caller]
fn done(fate: Result<Fate>) -> Outcome {
    match fate.unwrap() {
        Fate::Done(outcome) => outcome,
        Fate::Failed(line) => panic!("failed: {line}"),
        Fate::AlreadyDone | Fate::Absent(_) => panic!("was not run"),
    }
}

#[track_caller]
fn failure(fate: Result<Fate>) -> String {
    match fate.unwrap() {
        Fate::Failed(line) => line,
        _ => panic!("did not fail"),
    }
}

#[test]
fn a_finished_cell_is_not_run_again() {
    let stage = Stage::new();
    let outcome = done(stage.run(&cell(true)));
    assert_eq!(stage.calls(), ["train --out", "eval --draws=1", "eval --draws=5"]);
    assert_eq!((outcome.runs, outcome.chain.mean, outcome.train_seconds), (3, 0.9, 2.5));
    assert_eq!(outcome.averaged.map(|of| of[1].mean), Some(0.95));
    assert!(matches!(stage.run(&cell(true)).unwrap(), Fate::AlreadyDone));
    assert!(stage.calls().is_empty());
}

#[test]
fn other_settings_start_anew() {
    let stage = Stage::new();
    done(stage.run(&cell(false)));
    stage.calls();
    let other =
        Cell { flags: vec!["--method=dt".into(), "--seed=0".into(), "--lr=0.1".into()], ..cell(false) };
    let left = other.folder(stage.runner.folder()).join("run/left-over");
    fs::write(&left, "").unwrap();
    done(stage.run(&other));
    assert_eq!(stage.calls(), ["train --out", "eval --draws=1"]);
    assert!(!left.exists());
}

#[test]
fn a_failure_tells_its_reason_and_goes_on_the_next_time() {
    let stage = Stage::new();
    stage.put("broken");
    let line = failure(stage.run(&cell(false)));
    assert!(line.starts_with("error: loss must be finite; found NaN (exit status: 1"), "{line}");
    assert_eq!(cell(false).finished(stage.runner.folder()), None);
    stage.take("broken");
    stage.calls();
    done(stage.run(&cell(false)));
    assert_eq!(stage.calls(), ["train --resume", "eval --draws=1"]);
}

#[test]
fn an_interrupted_cell_stops_everything_and_is_taken_up() {
    let stage = Stage::new();
    stage.put("interrupt");
    let Err(error) = stage.run(&cell(false)) else { panic!("went on") };
    assert!(error.is::<process::Interrupted>(), "{error}");
    stage.take("interrupt");
    stage.calls();
    done(stage.run(&cell(false)));
    assert_eq!(stage.calls(), ["train --resume", "eval --draws=1"]);
}

#[test]
fn an_evaluation_that_says_nothing_is_a_failure() {
    let stage = Stage::new();
    stage.put("mute");
    let line = failure(stage.run(&cell(false)));
    assert!(line.starts_with("eval: can't be read: "), "{line}");
    assert_eq!(cell(false).finished(stage.runner.folder()), None);
}

#[test]
fn data_that_are_not_there_leave_a_cell_out() {
    let stage = Stage::new();
    for (dataset, remedy) in [(Data::Cifar10Jpeg, "--cifar10-jpeg"), (Data::Mnist, "fetch-data mnist")] {
        let fate = stage.run(&Cell { dataset, ..cell(false) }).unwrap();
        assert!(matches!(fate, Fate::Absent(why) if why.contains(remedy)));
    }
    assert!(stage.calls().is_empty());
}

#[test]
fn two_models_that_differ_are_told() {
    let stage = Stage::new();
    done(stage.run(&cell(false)));
    assert_eq!(stage.runner.check_determinism(&cell(false)).unwrap(), None);
    fs::write(stage.runner.run_folder(&cell(false)).join("model.safetensors"), "other").unwrap();
    let wrong = stage.runner.check_determinism(&cell(false)).unwrap();
    assert!(wrong.is_some_and(|line| line.contains("must give the same model twice")));
}

#[test]
fn memory_is_measured_once_and_failures_do_not_stop_it() {
    let stage = Stage::new();
    stage.put("broken");
    let (known, failed) = memory::measure(&stage.runner, Profile::Smoke, false).unwrap();
    assert_eq!((known.len(), failed.len()), (0, 5));
    assert!(
        failed[0].starts_with("memory of backprop on digits: error: loss must be finite"),
        "{}",
        failed[0]
    );
    stage.take("broken");
    stage.calls();
    let (known, failed) = memory::measure(&stage.runner, Profile::Smoke, false).unwrap();
    // One process a method, and its own figure for each.
    assert_eq!((known.len(), failed.len(), stage.calls().len()), (5, 0, 5));
    assert!(known.iter().all(|memory| memory.bytes == 7), "{known:?}");
    assert_eq!(memory::measure(&stage.runner, Profile::Smoke, false).unwrap().0, known);
    assert!(stage.calls().is_empty());
    // Asked to, it measures again, and keeps what it knew of what fails.
    assert_eq!(memory::measure(&stage.runner, Profile::Smoke, true).unwrap().0.len(), 5);
    assert_eq!(stage.calls().len(), 5);
    stage.put("broken");
    let (kept, failed) = memory::measure(&stage.runner, Profile::Smoke, true).unwrap();
    assert_eq!((kept.len(), failed.len()), (5, 5));
}
