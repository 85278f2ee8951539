//! Runs that are judged by their validation images: the best epoch kept, and an early end.

use nopropdt_train::config::{ConfigError, Overrides, RunConfig};
use nopropdt_train::metrics::{EpochMetrics, Summary};
use nopropdt_train::metrics_file::read_metrics;
use nopropdt_train::model_file;
use nopropdt_train::run::{self, Observer, RunError, Silent, best_of};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const DATA: &str = "data";

/// Learns so fast that its accuracy goes up and down.
fn restless(epochs: usize) -> Overrides {
    Overrides::default()
        .with("steps", 2)
        .with("epochs", epochs)
        .with("limit-train", 160)
        .with("limit-test", 60)
        .with("validation", 32)
        .with("lr", 0.02)
        .with("lr-schedule", "constant")
}

fn resolved(overrides: Overrides) -> RunConfig {
    overrides.resolve(None).unwrap()
}

fn train(overrides: Overrides, folder: &Path) -> Summary {
    run::begin(resolved(overrides), Path::new(DATA), folder).unwrap().train(&Silent).unwrap()
}

fn metrics(folder: &Path) -> Vec<EpochMetrics> {
    read_metrics(&folder.join("metrics.jsonl")).unwrap()
}

fn model(folder: &Path) -> Vec<u8> {
    std::fs::read(folder.join("model.safetensors")).unwrap()
}

/// Without what depends on the machine's mood.
fn timeless(folder: &Path) -> Vec<EpochMetrics> {
    let timeless =
        |epoch| EpochMetrics { seconds: 0.0, images_per_second: 0.0, block_seconds: Vec::new(), ..epoch };
    metrics(folder).into_iter().map(timeless).collect()
}

#[test]
fn the_model_is_that_of_the_best_epoch() {
    let folder = tempfile::tempdir().unwrap();
    let plain = folder.path().join("plain");
    // Whether a last epoch is the best is chance.
    let runs = (0..20).map(|seed| {
        let kept = folder.path().join(seed.to_string());
        let summary = train(restless(4).with("seed", seed).with("keep-best", true), &kept);
        (seed, kept, summary)
    });
    let (seed, kept, summary) = runs
        .into_iter()
        .find(|(_, kept, _)| best_of(&metrics(kept)).unwrap().epoch < 4)
        .expect("one run of twenty has its best epoch before the last");
    let epochs = metrics(&kept);
    let best = best_of(&epochs).unwrap();
    assert_eq!((summary.best_epoch, summary.epochs, summary.stopped_early), (Some(best.epoch), 4, None));
    assert_eq!(Some(summary.test_accuracy), best.test_accuracy);
    assert_eq!(summary.test_accuracy_per_block, best.test_accuracy_per_block);
    let last = train(restless(best.epoch).with("seed", seed), &plain);
    assert_eq!(last.best_epoch, None);
    let weights = |folder: &Path| model_file::load(&folder.join("model.safetensors")).unwrap().weights;
    assert!(weights(&kept) == weights(&plain));
}

/// Stops in every epoch but the first of its process.
#[derive(Default)]
struct StopsAfterEach(AtomicBool);

impl Observer for StopsAfterEach {
    fn epoch(&self, _metrics: &EpochMetrics, _left: Duration) {
        self.0.store(true, Ordering::SeqCst);
    }

    fn stop(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

#[test]
fn a_judged_run_stopped_after_each_epoch_ends_with_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, parts) = (folder.path().join("whole"), folder.path().join("parts"));
    let settings = || restless(12).with("keep-best", true).with("patience", 2);
    let summary = train(settings(), &whole);
    assert_eq!(summary.stopped_early, Some(true));
    assert_eq!(summary.epochs, summary.best_epoch.unwrap() + 2);
    let mut result =
        run::begin(resolved(settings()), Path::new(DATA), &parts).unwrap().train(&StopsAfterEach::default());
    let mut stops = 0;
    while let Err(RunError::Stopped { saved, .. }) = result {
        stops += 1;
        assert_eq!(saved, stops);
        let taken_up = run::resume(&parts, Path::new(DATA)).unwrap();
        assert!(!taken_up.needs_no_epoch() && !taken_up.stopped_early());
        result = taken_up.train(&StopsAfterEach::default());
    }
    assert_eq!(stops + 1, summary.epochs);
    assert_eq!(result.unwrap().best_epoch, summary.best_epoch);
    assert!(model(&parts) == model(&whole), "resumed weights differ");
    assert_eq!(timeless(&parts), timeless(&whole));

    // It is over, until somebody wants more of it: patience then counts anew.
    let over = run::resume(&parts, Path::new(DATA)).unwrap();
    assert!(over.needs_no_epoch() && over.stopped_early() && over.result().is_some());
    drop(over);
    let more = run::extend(&parts, Path::new(DATA), 12).unwrap();
    let extended = *more.extended().unwrap();
    assert_eq!((extended.before, extended.epochs, extended.patience_anew), (12, 12, true));
    assert!(!more.needs_no_epoch());
    let longer = more.train(&Silent).unwrap();
    assert!(longer.epochs >= summary.epochs + 2, "{longer:?}");
    assert_eq!(longer.extended_after, [summary.epochs]);
    let best = best_of(&metrics(&parts)).unwrap().epoch;
    assert_eq!(longer.best_epoch, Some(best));
}

#[test]
fn only_some_epochs_are_measured_and_judged() {
    let folder = tempfile::tempdir().unwrap();
    let (all, some) = (folder.path().join("all"), folder.path().join("some"));
    train(restless(5), &all);
    train(restless(5).with("eval-every", 2).with("keep-best", true), &some);
    let (all, some) = (timeless(&all), timeless(&some));
    for (all, some) in all.iter().zip(&some) {
        let measured = [2, 4, 5].contains(&some.epoch);
        assert_eq!((some.test_accuracy.is_some(), some.validation_accuracy.is_some()), (measured, measured));
        let unmeasured = EpochMetrics {
            epoch: all.epoch,
            train_loss: all.train_loss.clone(),
            total: all.total.clone(),
            squared_error: all.squared_error.clone(),
            cross_entropy: all.cross_entropy.clone(),
            kl: all.kl.clone(),
            gradient_norm: all.gradient_norm.clone(),
            shared: all.shared.clone(),
            learning_rate: all.learning_rate,
            ..EpochMetrics::default()
        };
        assert_eq!(some, if measured { all } else { &unmeasured });
    }
    assert!([2, 4, 5].contains(&best_of(&some).unwrap().epoch));
}

/// Stops once so many epochs are done.
struct StopsAfter(usize, AtomicBool);

impl Observer for StopsAfter {
    fn epoch(&self, metrics: &EpochMetrics, _left: Duration) {
        self.1.store(metrics.epoch == self.0, Ordering::SeqCst);
    }

    fn stop(&self) -> bool {
        self.1.load(Ordering::SeqCst)
    }
}

#[test]
fn a_run_cut_short_is_measured_at_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let (short, cut) = (folder.path().join("short"), folder.path().join("cut"));
    let settings = |epochs| resolved(restless(epochs).with("eval-every", 2).with("keep-best", true));
    let summary = run::begin(settings(3), Path::new(DATA), &short).unwrap().train(&Silent).unwrap();
    let stops = StopsAfter(3, AtomicBool::new(false));
    run::begin(settings(6), Path::new(DATA), &cut).unwrap().train(&stops).unwrap_err();
    assert_eq!(metrics(&cut).last().unwrap().test_accuracy, None);
    let shorter = run::extend(&cut, Path::new(DATA), 3).unwrap().train(&Silent).unwrap();
    assert_eq!((shorter.epochs, shorter.test_accuracy), (3, summary.test_accuracy));
    assert_eq!(timeless(&cut), timeless(&short));
    assert!(model(&cut) == model(&short));
}

#[test]
fn a_run_that_has_nothing_to_be_judged_by_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run");
    for (setting, value) in [("keep-best", toml::Value::Boolean(true)), ("patience", toml::Value::Integer(3))]
    {
        let config = resolved(restless(2).without("validation").with(setting, value));
        let error = run::begin(config, Path::new(DATA), &path).err().unwrap();
        assert!(matches!(error, RunError::Config(ConfigError::NoValidation { .. })), "{error:?}");
        assert_eq!(error.to_string(), format!("{setting}: needs images for validation; none are held out"));
        assert!(!path.exists());
    }
    let config = resolved(restless(2).without("validation").with("keep-best", false));
    run::begin(config, Path::new(DATA), &path).unwrap();
}
