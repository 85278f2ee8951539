//! Runs that are saved in the middle of an epoch, killed there and taken up.

use nopropdt_train::checkpoint::Checkpoint;
use nopropdt_train::config::{Overrides, RunConfig};
use nopropdt_train::metrics::EpochMetrics;
use nopropdt_train::metrics_file::read_metrics;
use nopropdt_train::run::{self, Observer, ResumeError, RunError, Silent, Step};
use nopropdt_train::trainer::Begun;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const DATA: &str = "data";

/// Two blocks, three epochs of four batches.
fn settings() -> Overrides {
    Overrides::default()
        .with("steps", 2)
        .with("epochs", 3)
        .with("batch-size", 32)
        .with("limit-train", 128)
        .with("limit-test", 40)
        .with("lr", 0.01)
}

fn resolved(overrides: &Overrides) -> RunConfig {
    overrides.clone().resolve(None).unwrap()
}

fn begin(overrides: &Overrides, folder: &Path) -> run::Run {
    run::begin(resolved(overrides), Path::new(DATA), folder).unwrap()
}

/// What must be the same whenever a run was stopped.
fn result(folder: &Path) -> (Vec<u8>, Vec<EpochMetrics>) {
    let model = std::fs::read(folder.join("model.safetensors")).unwrap();
    let timeless =
        |epoch| EpochMetrics { seconds: 0.0, images_per_second: 0.0, block_seconds: Vec::new(), ..epoch };
    (model, read_metrics(&folder.join("metrics.jsonl")).unwrap().into_iter().map(timeless).collect())
}

/// Copies the folder of a run after each step: what a kill at that moment would leave.
struct Copies {
    run: PathBuf,
    into: PathBuf,
    made: Mutex<Vec<PathBuf>>,
}

impl Observer for Copies {
    fn step(&self, _step: Step) {
        let mut made = self.made.lock().unwrap();
        let copy = self.into.join(made.len().to_string());
        std::fs::create_dir(&copy).unwrap();
        for file in std::fs::read_dir(&self.run).unwrap().map(Result::unwrap) {
            std::fs::copy(file.path(), copy.join(file.file_name())).unwrap();
        }
        made.push(copy);
    }
}

/// Kills a run after each of its steps; of every `nth` what is left is taken up.
fn killed_anywhere(overrides: &Overrides, steps: usize, nth: usize) {
    let folder = tempfile::tempdir().unwrap();
    let (plain, saved, into) =
        (folder.path().join("plain"), folder.path().join("saved"), folder.path().join("copies"));
    std::fs::create_dir(&into).unwrap();
    begin(overrides, &plain).saved_within_epochs(None).train(&Silent).unwrap();
    let wanted = result(&plain);
    let copies = Copies { run: saved.clone(), into, made: Mutex::default() };
    begin(overrides, &saved).saved_within_epochs(Some(Duration::ZERO)).train(&copies).unwrap();
    assert!(result(&saved) == wanted, "saving changed the result");
    let made = copies.made.into_inner().unwrap();
    assert_eq!(made.len(), steps);
    let of_epoch = steps / 3;
    for (step, copy) in made.iter().enumerate().skip(1).step_by(nth) {
        let taken_up = run::resume(copy, Path::new(DATA)).unwrap();
        // What the step itself did is lost with the kill.
        let place = (taken_up.finished() as f64 + taken_up.begun()) * of_epoch as f64;
        assert!((place - step as f64).abs() < 1e-9, "{place} after step {step}");
        taken_up.train(&Silent).unwrap();
        assert!(result(copy) == wanted, "killed in step {step}");
    }
}

#[test]
fn killed_within_an_epoch_of_all_blocks() {
    killed_anywhere(&settings(), 12, 1);
    killed_anywhere(&settings().with("embedding", "learned").with("optimizer", "sgd"), 12, 4);
    killed_anywhere(&settings().with("method", "ct").with("steps", 20), 12, 4);
    killed_anywhere(&settings().with("method", "backprop").with("crop-padding", 1), 12, 4);
}

#[test]
fn killed_within_an_epoch_of_one_block_after_the_other() {
    let sequential = settings().with("order", "sequential");
    killed_anywhere(&sequential, 24, 3);
    killed_anywhere(&sequential.with("lr-schedule", "reference").with("embedding", "prototype"), 24, 5);
}

#[test]
fn the_best_epoch_is_kept_within_the_next() {
    let judged = settings().with("validation", 40).with("limit-train", 168).with("keep-best", true);
    killed_anywhere(&judged.with("lr", 0.02).with("lr-schedule", "constant"), 12, 1);
}

/// Stops before the second step.
#[derive(Default)]
struct StopsAfterAStep(AtomicUsize);

impl Observer for StopsAfterAStep {
    fn step(&self, step: Step) {
        assert!(step.share > 0.0 && step.share <= 1.0 && step.seconds > 0.0, "{step:?}");
        assert!(step.left.is_some(), "{step:?}");
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    fn stop(&self) -> bool {
        self.0.load(Ordering::SeqCst) > 0
    }
}

#[test]
fn a_run_told_to_stop_loses_nothing() {
    for order in ["interleaved", "sequential"] {
        let folder = tempfile::tempdir().unwrap();
        let (whole, parts) = (folder.path().join("whole"), folder.path().join("parts"));
        let overrides = settings().with("order", order).with("epochs", 2);
        begin(&overrides, &whole).train(&Silent).unwrap();
        let mut outcome = begin(&overrides, &parts).train(&StopsAfterAStep::default());
        let mut stops = 0;
        while let Err(RunError::Stopped { saved, saved_part, .. }) = outcome {
            stops += 1;
            let of_epoch = if order == "sequential" { 8 } else { 4 };
            assert_eq!((saved, saved_part), (stops / of_epoch, stops % of_epoch > 0));
            let taken_up = run::resume(&parts, Path::new(DATA)).unwrap();
            assert_eq!(taken_up.begun(), (stops % of_epoch) as f64 / of_epoch as f64);
            outcome = taken_up.train(&StopsAfterAStep::default());
        }
        outcome.unwrap();
        // The last step ends the run before it is asked again.
        assert_eq!(stops, if order == "sequential" { 15 } else { 7 });
        assert!(result(&parts) == result(&whole), "{order}");
        let seconds: f64 =
            read_metrics(&parts.join("metrics.jsonl")).unwrap().iter().map(|epoch| epoch.seconds).sum();
        assert!(seconds > 0.0);
    }
}

#[test]
fn a_run_within_its_first_epoch_is_given_other_epochs() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, parts) = (folder.path().join("whole"), folder.path().join("parts"));
    let constant = settings().with("lr-schedule", "constant");
    begin(&constant.clone().with("epochs", 2), &whole).train(&Silent).unwrap();
    begin(&constant.with("epochs", 1), &parts).train(&StopsAfterAStep::default()).unwrap_err();
    let longer = run::extend(&parts, Path::new(DATA), 2).unwrap();
    let extended = *longer.extended().unwrap();
    assert_eq!((extended.finished, extended.as_from_the_start, longer.begun()), (0, true, 0.25));
    assert_eq!(extended.rate_before, Some(0.01f32.into()));
    longer.train(&Silent).unwrap();
    assert!(result(&parts) == result(&whole));

    // An epoch that has begun can't be left out.
    let cut = folder.path().join("cut");
    struct InTheSecond(AtomicUsize);
    impl Observer for InTheSecond {
        fn step(&self, step: Step) {
            self.0.store(step.epoch, Ordering::SeqCst);
        }
        fn stop(&self) -> bool {
            self.0.load(Ordering::SeqCst) > 0
        }
    }
    begin(&settings(), &cut).train(&InTheSecond(AtomicUsize::new(0))).unwrap_err();
    let refused = run::extend(&cut, Path::new(DATA), 1).err().unwrap();
    let RunError::Resume(ResumeError::FewerEpochs { begun: 2, found: 1 }) = refused else {
        panic!("{refused:?}")
    };
}

#[test]
fn a_part_of_another_epoch_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run");
    begin(&settings(), &path).train(&StopsAfterAStep::default()).unwrap_err();
    let file = path.join("checkpoint.bin");
    let (begun, seconds) = Checkpoint::read(&file).unwrap().begun().unwrap();
    assert_eq!((begun.waves, begun.sums.len()), (1, 2));
    let one_loss = vec![begun.sums[0]];
    for wrong in [Begun { waves: usize::MAX, ..begun.clone() }, Begun { sums: one_loss, ..begun.clone() }] {
        Checkpoint::read(&file).unwrap().within(&wrong, seconds).write(&file).unwrap();
        // Before anything of the run is changed, other epochs or not.
        let before = std::fs::read(&file).unwrap();
        let told = "checkpoint.bin: the epoch that it is in the middle of is not of this network";
        for resumed in [run::resume(&path, Path::new(DATA)), run::extend(&path, Path::new(DATA), 50)] {
            let error = resumed.err().unwrap().to_string();
            assert!(error.ends_with(told), "{error}");
        }
        assert_eq!(std::fs::read(&file).unwrap(), before);
    }
}
