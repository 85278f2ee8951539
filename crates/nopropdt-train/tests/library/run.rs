//! A run with a folder, by the library alone.

use nopropdt_data::DatasetSource;
use nopropdt_train::config::{Overrides, RunConfig};
use nopropdt_train::metrics::{EpochMetrics, Summary};
use nopropdt_train::metrics_file::{read_metrics, read_summary};
use nopropdt_train::run::{self, Both, Extended, Observer, ResumeError, RunError, Saved, Silent};
use nopropdt_train::run_folder::RunFolderError;
use nopropdt_train::trainer::TrainError;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

fn config() -> RunConfig {
    let small = Overrides::default()
        .with("steps", 2)
        .with("epochs", 3)
        .with("limit-train", 128)
        .with("limit-test", 60);
    small.resolve(None).unwrap()
}

fn begin(folder: &Path) -> run::Run {
    run::begin(config(), Path::new("data"), folder).unwrap()
}

/// Stops in the epoch after the first.
#[derive(Default)]
struct StopsAfterOne(AtomicUsize);

impl Observer for StopsAfterOne {
    fn epoch(&self, metrics: &EpochMetrics, _left: Duration) {
        self.0.store(metrics.epoch, Ordering::SeqCst);
    }

    fn stop(&self) -> bool {
        self.0.load(Ordering::SeqCst) > 0
    }
}

#[test]
fn a_run_that_was_stopped_goes_on_to_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, parts) = (folder.path().join("whole"), folder.path().join("parts"));
    let summary = begin(&whole).train(&Silent).unwrap();
    assert_eq!((summary.epochs, read_summary(&whole.join("summary.json")).unwrap()), (3, summary.clone()));

    let error = begin(&parts).train(&StopsAfterOne::default()).unwrap_err();
    assert_eq!(error.to_string(), "training: interrupted in epoch 2");
    let RunError::Stopped {
        reason: TrainError::Interrupted { epoch: 2 },
        saved: 1,
        saved_part: false,
        folder: kept,
    } = error
    else {
        panic!("{error:?}")
    };
    assert_eq!(kept, parts);
    assert!(!parts.join("summary.json").exists());

    let taken_up = run::resume(&parts, Path::new("data")).unwrap();
    assert_eq!((taken_up.finished(), taken_up.result()), (1, None));
    let resumed = taken_up.train(&Silent).unwrap();
    assert_eq!(resumed.test_accuracy, summary.test_accuracy);
    let model = |run: &Path| std::fs::read(run.join("model.safetensors")).unwrap();
    assert!(model(&parts) == model(&whole), "resumed weights differ");
    assert_eq!(read_metrics(&parts.join("metrics.jsonl")).unwrap().len(), 3);
    assert_eq!(parts.join("report.html").exists(), cfg!(feature = "report"));

    // One that needs nothing more is read, and not trained.
    let finished = run::resume(&parts, Path::new("data")).unwrap();
    assert_eq!(finished.result(), Some(resumed.clone()));
    assert_eq!(finished.train(&Silent).unwrap(), resumed);
}

#[test]
fn a_stopped_run_is_given_other_epochs() {
    let folder = tempfile::tempdir().unwrap();
    let (data, path) = (Path::new("data"), folder.path().join("run"));
    begin(&path).train(&StopsAfterOne::default()).unwrap_err();
    let none = run::extend(&path, data, 0).err().unwrap();
    assert_eq!(none.to_string(), "epochs: must be from 1 to 1000000; found 0");
    // Fewer than it was to have, and as many as it has finished.
    let shorter = run::extend(&path, data, 1).unwrap();
    let Some(Extended { before: 3, epochs: 1, finished: 1, rates: None, .. }) = shorter.extended() else {
        panic!("{:?}", shorter.extended())
    };
    assert_eq!(shorter.train(&Silent).unwrap().epochs, 1);
    let longer = run::extend(&path, data, 2).unwrap();
    assert!(!path.join("summary.json").exists() && !path.join("report.html").exists());
    drop(longer);
    let longer = run::extend(&path, data, 2).unwrap();
    assert_eq!((longer.config().training.epochs, longer.extended()), (2, None));
    let summary = longer.train(&Silent).unwrap();
    assert_eq!((summary.epochs, summary.extended_after), (2, vec![1, 1]));
    let Err(RunError::Resume(ResumeError::FewerEpochs { begun: 2, found: 1 })) = run::extend(&path, data, 1)
    else {
        panic!("a finished epoch was left out")
    };
}

#[test]
fn what_can_not_begin_or_go_on_is_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let (path, data) = (folder.path().join("run"), Path::new("data"));
    let none = run::resume(&path, data).err().unwrap();
    assert!(matches!(none, RunError::Folder(RunFolderError::NoRun { .. })), "{none:?}");
    let first = begin(&path);
    let busy = run::begin(config(), data, &path).err().unwrap();
    assert!(matches!(busy, RunError::Folder(RunFolderError::Taken { .. })), "{busy:?}");
    drop(first);
    let other: DatasetSource = "mnist".parse().unwrap();
    let error = Saved::open(&path, Some(other)).err().unwrap();
    assert!(matches!(error, RunError::Resume(ResumeError::OtherDataset { .. })), "{error:?}");
    let rule =
        "dataset: must be the run's own, digits, or say where its folder or file lies now; found mnist";
    assert_eq!(error.to_string(), rule);
}

#[test]
fn settings_that_leave_no_images_are_told_without_flags() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config();
    (config.data.limit_train, config.data.validation) = (Some(4), 3);
    let error = run::begin(config, Path::new("data"), &folder.path().join("run")).err().unwrap();
    assert_eq!(error.to_string(), "training: must have at least 2 images; found 1");
    assert!(!folder.path().join("run").exists());
}

/// Numbers of the epochs that it was told, whether they were measured, and of the finished run.
#[derive(Default)]
struct Told(Mutex<Vec<(usize, bool)>>, AtomicUsize);

impl Observer for Told {
    fn epoch(&self, metrics: &EpochMetrics, _left: Duration) {
        self.0.lock().unwrap().push((metrics.epoch, metrics.test_accuracy.is_some()));
    }

    fn finished(&self, summary: &Summary) {
        self.1.fetch_add(summary.epochs, Ordering::SeqCst);
    }
}

/// An epoch that becomes the last one is measured then, and told again.
#[test]
fn both_observers_are_told_everything() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run");
    let mut rarely = config();
    rarely.training.eval_every = Some(3);
    let (one, other) = (Told::default(), StopsAfterOne::default());
    let begun = run::begin(rarely, Path::new("data"), &path).unwrap();
    assert!(begun.metrics().is_empty());
    begun.train(&Both(&one, &other)).unwrap_err();
    let shorter = run::extend(&path, Path::new("data"), 1).unwrap();
    assert_eq!(shorter.metrics().len(), 1);
    shorter.train(&Both(&Silent, &one)).unwrap();
    let told = |told: &Told| (told.0.lock().unwrap().clone(), told.1.load(Ordering::SeqCst));
    assert_eq!(told(&one), (vec![(1, false), (1, true)], 1));
    // Of a finished run that alone.
    let again = Told::default();
    run::resume(&path, Path::new("data")).unwrap().train(&again).unwrap();
    assert_eq!(told(&again), (vec![], 1));
}
