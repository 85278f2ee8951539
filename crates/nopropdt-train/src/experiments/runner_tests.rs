//! What is skipped, taken up, done again and reported, with a script in place of the program.

use super::cell::Cell;
use super::error::ExperimentError;
use super::measure::Measure;
use super::origin::Origin;
use super::outcome::{Fate, Outcome, Validation};
use super::program::{Place, Program};
use super::runner::Runner;
use super::watch::Watch;
use crate::config::Overrides;
use crate::evaluation::{Evaluation, RunAccuracy};
use crate::metrics::{EpochMetrics, Summary};
use crate::metrics_file::{write_metrics, write_summary};
use crate::statistics::Measured;
use nopropdt_blocks::Readout;
use std::cell::RefCell;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use tempfile::TempDir;

/// Logs its arguments, and leaves what the program leaves: the summary and the evaluation beside it. `train` fails while there is a
/// file `broken`.
const SCRIPT: &str = r#"#!/bin/sh
here=$(dirname "$0")
echo "$*" >> "$here/calls"
for word; do case "$word" in
--out=*) run=${word#--out=}; mkdir -p "$run"; : > "$run/config.toml" ;;
--config=*) cp "${word#--config=}" "$here/asked.toml" ;;
--resume=*) run=${word#--resume=} ;;
esac; done
case "$1" in
train)
    [ ! -e "$here/interrupt" ] || exit 130
    [ ! -e "$here/broken" ] || { echo "error: loss must be finite; found NaN" >&2; exit 1; }
    echo model > "$run/model.safetensors"
    cp "$here/summary.json" "$here/metrics.jsonl" "$run" ;;
eval)
    [ ! -e "$here/mute" ] || { echo nothing; exit 0; }
    cat "$here/evaluation.json" ;;
esac
"#;

/// A summary as a run writes it.
fn summary() -> Summary {
    Summary {
        test_accuracy: 0.9,
        test_accuracy_consensus: 0.95,
        test_balanced_accuracy: None,
        test_balanced_accuracy_consensus: None,
        readout: None,
        answer_accuracy: None,
        test_accuracy_per_block: vec![0.9],
        epochs: 1,
        extended_after: vec![],
        best_epoch: None,
        stopped_early: None,
        parameters: 1,
        seconds: 3.0,
        train_seconds: 2.5,
        peak_rss_bytes: 9,
        train_rss_bytes: Some(7),
        precision: "f32".into(),
        isa: "portable".into(),
        threads: 1,
        seed: 0,
    }
}

/// An epoch that was validated and tested.
fn epoch() -> EpochMetrics {
    EpochMetrics {
        epoch: 1,
        seconds: 2.5,
        validation_accuracy: Some(0.8),
        validation_accuracy_consensus: Some(0.85),
        test_accuracy: Some(0.9),
        test_accuracy_consensus: Some(0.95),
        ..EpochMetrics::default()
    }
}

/// What `eval --json` prints.
fn evaluation() -> Evaluation {
    let chain = Measured { mean: 0.9, standard_error: 0.01 };
    let consensus = Measured { mean: 0.95, standard_error: 0.0 };
    Evaluation {
        model: "model.safetensors".into(),
        dataset: "digits".into(),
        images: 1,
        runs: 3,
        draws: 1,
        readout: Readout::Chain,
        accuracy: chain,
        test_accuracy: chain,
        test_accuracy_consensus: consensus,
        test_balanced_accuracy: chain,
        test_balanced_accuracy_consensus: consensus,
        test_accuracy_per_block: vec![chain],
        by_run: vec![RunAccuracy { chain: 0.9, consensus: 0.95, per_block: vec![0.9] }; 3],
        expected_calibration_error: None,
        expected_calibration_error_consensus: None,
        per_class: None,
        confusion: None,
        diagnostics: None,
    }
}

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
        write_summary(&folder.path().join("summary.json"), &summary()).unwrap();
        write_metrics(&folder.path().join("metrics.jsonl"), &[epoch()]).unwrap();
        let evaluation = serde_json::to_vec(&evaluation()).unwrap();
        fs::write(folder.path().join("evaluation.json"), evaluation).unwrap();
        let origin = Origin { commit: "abc".into(), processor: "m".into(), date: "2026-01-02".into() };
        let program = Program::new(program, std::sync::Arc::default());
        let runner =
            Runner::new(program, &folder.path().join("work"), &folder.path().join("cells"), origin).unwrap();
        Self { folder, runner }
    }

    fn run(&self, cell: &Cell) -> Result<Fate, ExperimentError> {
        self.runner.run(cell, &Place::default(), &|| ())
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
    let config = Overrides::default().resolve(None).unwrap();
    let measure = Measure { runs: 3, averaged: averaged.then_some(5), steps: None };
    Cell { name: "digits-dt-one-hot-seed0".into(), config, measure, work: 1.0 }
}

#[track_caller]
fn done(fate: Result<Fate, ExperimentError>) -> Outcome {
    match fate.unwrap() {
        Fate::Done(outcome) => *outcome,
        Fate::Failed(line) => panic!("failed: {line}"),
        Fate::AlreadyDone | Fate::Absent(_) => panic!("was not run"),
    }
}

#[track_caller]
fn failure(fate: Result<Fate, ExperimentError>) -> String {
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
    assert_eq!((outcome.draws.len(), outcome.draws[0].chain, outcome.seconds), (3, 0.9, 2.5));
    assert_eq!(outcome.averaged_draws.as_ref().map(|draws| draws[2].consensus), Some(0.95));
    assert_eq!(outcome.validation, Some(Validation { chain: 0.8, consensus: 0.85 }));
    assert_eq!((outcome.epochs.len(), outcome.epochs[0].chain), (1, Some(0.9)));
    assert_eq!(cell(true).finished(stage.runner.cells()), Some(outcome));
    assert!(matches!(stage.run(&cell(true)).unwrap(), Fate::AlreadyDone));
    assert!(stage.calls().is_empty());
}

/// A trained cell needs no second training to be measured otherwise, nor one whose result was taken away.
#[test]
fn another_measure_is_taken_of_the_same_training() {
    let stage = Stage::new();
    done(stage.run(&cell(false)));
    stage.calls();
    done(stage.run(&cell(true)));
    assert_eq!(stage.calls(), ["train --resume", "eval --draws=1", "eval --draws=5"]);
    fs::remove_file(cell(true).result_file(stage.runner.cells())).unwrap();
    done(stage.run(&cell(true)));
    assert_eq!(stage.calls()[0], "train --resume");
}

#[test]
fn a_cell_without_the_test_set_has_validation_alone() {
    let stage = Stage::new();
    let untested = Cell { measure: Measure::NONE, ..cell(false) };
    let outcome = done(stage.run(&untested));
    assert_eq!(stage.calls(), ["train --out"]);
    assert_eq!((outcome.chain(), outcome.epochs[0].chain), (None, None));
    assert_eq!(outcome.validation.map(|of| of.chain), Some(0.8));
    // Without such images there is nothing to tell.
    let epoch = EpochMetrics { validation_accuracy: None, validation_accuracy_consensus: None, ..epoch() };
    write_metrics(&stage.folder.path().join("metrics.jsonl"), &[epoch]).unwrap();
    let line = failure(stage.run(&Cell { name: "other".into(), ..untested }));
    assert_eq!(line, "validation: must be above 0 where the test set is not measured");
}

#[test]
fn other_settings_start_anew() {
    let stage = Stage::new();
    done(stage.run(&cell(false)));
    stage.calls();
    let config = Overrides::default().with("lr", 0.1).resolve(None).unwrap();
    let other = Cell { config, ..cell(false) };
    let left = other.run_folder(stage.runner.work()).join("left-over");
    fs::write(&left, "").unwrap();
    done(stage.run(&other));
    assert_eq!(stage.calls(), ["train --out", "eval --draws=1"]);
    assert!(!left.exists());
    let asked = Overrides::from_file(&stage.folder.path().join("asked.toml")).unwrap();
    assert_eq!(asked.resolve(None).unwrap(), other.config);
}

/// The program may not say anything that this one can't read: a run's result is then no result.
#[test]
fn a_summary_of_another_form_is_a_failure() {
    let stage = Stage::new();
    fs::write(stage.folder.path().join("summary.json"), r#"{"train_seconds": 2.5}"#).unwrap();
    let line = failure(stage.run(&cell(false)));
    assert!(line.contains("summary.json: can't be read: missing field"), "{line}");
}

#[test]
fn a_failure_tells_its_reason_and_goes_on_the_next_time() {
    let stage = Stage::new();
    stage.put("broken");
    let line = failure(stage.run(&cell(false)));
    assert!(line.starts_with("error: loss must be finite; found NaN (exit status: 1"), "{line}");
    assert_eq!(cell(false).finished(stage.runner.cells()), None);
    stage.take("broken");
    stage.calls();
    done(stage.run(&cell(false)));
    assert_eq!(stage.calls(), ["train --resume", "eval --draws=1"]);
}

#[test]
fn an_interrupted_cell_stops_everything_and_is_taken_up() {
    let stage = Stage::new();
    stage.put("interrupt");
    assert!(matches!(stage.run(&cell(false)), Err(ExperimentError::Interrupted)));
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
    assert_eq!(cell(false).finished(stage.runner.cells()), None);
}

/// Notes what it is told.
#[derive(Default)]
struct Notes(RefCell<Vec<String>>);

impl Watch for Notes {
    fn begin(&self, index: usize, cell: &Cell, run: &Path) {
        assert!(run.ends_with(format!("{}/run", cell.name)), "{}", run.display());
        self.0.borrow_mut().push(format!("begin {index}"));
    }

    fn end(&self, index: usize, _cell: &Cell, fate: &Fate) {
        let fate = match fate {
            Fate::Done(_) => "done",
            Fate::AlreadyDone => "done before",
            Fate::Absent(why) | Fate::Failed(why) => why.split(" (").next().unwrap_or_default(),
        };
        self.0.borrow_mut().push(format!("end {index}: {fate}"));
    }
}

#[test]
fn cells_are_run_one_after_the_other_and_one_that_fails_stops_no_other() {
    let stage = Stage::new();
    let (first, second) = (cell(false), Cell { name: "second".into(), ..cell(false) });
    let cells = [(&first, Ok(Place::default())), (&second, Err("fetch it".to_owned()))];
    let run = |notes: &Notes| stage.runner.run_all(&cells, notes).unwrap();
    stage.put("broken");
    let notes = Notes::default();
    let failures = run(&notes);
    assert!(failures.len() == 1 && failures[0].starts_with("digits-dt-one-hot-seed0: error: loss must"));
    assert_eq!(
        *notes.0.borrow(),
        ["begin 0", "end 0: error: loss must be finite; found NaN", "end 1: fetch it"]
    );
    stage.take("broken");
    for told in
        [["begin 0", "end 0: done", "end 1: fetch it"].as_slice(), &["end 0: done before", "end 1: fetch it"]]
    {
        let notes = Notes::default();
        assert!(run(&notes).is_empty());
        assert_eq!(*notes.0.borrow(), told);
    }
}

#[test]
fn images_are_told_of_where_they_lie() {
    let stage = Stage::new();
    let place = Place { data_dir: Some("d".into()), images: Some("p".into()) };
    let config = Overrides::default().with("dataset", "folder:x").resolve(None).unwrap();
    let cell = Cell { config, ..cell(false) };
    stage.runner.run(&cell, &place, &|| ()).unwrap();
    let calls = fs::read_to_string(stage.folder.path().join("calls")).unwrap();
    assert_eq!(calls.lines().count(), 2);
    for call in calls.lines() {
        assert!(call.contains("--dataset=folder:p") && call.contains("--data-dir=d"), "{call}");
    }
}

#[test]
fn two_models_that_differ_are_told() {
    let stage = Stage::new();
    done(stage.run(&cell(false)));
    let same = || stage.runner.gives_the_same_model_twice(&cell(false), &Place::default()).unwrap();
    assert_eq!(same(), Ok(true));
    let model = cell(false).run_folder(stage.runner.work()).join("model.safetensors");
    fs::write(model, "other").unwrap();
    assert_eq!(same(), Ok(false));
    stage.put("broken");
    assert!(same().unwrap_err().starts_with("error: loss must be finite"));
}
