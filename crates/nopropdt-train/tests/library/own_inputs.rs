//! Datasets that a program makes, by name.

use nopropdt_data::{Dataset, Examples, Split};
use nopropdt_train::config::Overrides;
use nopropdt_train::registry::Registry;
use nopropdt_train::run::{self, Prepared, ResumeError, Run, RunError, Saved, Silent};
use std::path::Path;

/// Grey images of 8×8 pixels, a class for each brightness; one of them may hold a value that is none.
struct Bright {
    count: usize,
    /// What a class is brighter than the one before.
    step: f32,
    wrong: Option<usize>,
}

impl Examples for Bright {
    fn len(&self) -> usize {
        self.count
    }

    fn shape(&self) -> Vec<usize> {
        vec![8, 8, 1]
    }

    fn label(&self, index: usize) -> usize {
        index % 3
    }

    fn fill(&self, index: usize, input: &mut [f32]) {
        input.fill(self.step * self.label(index) as f32);
        if self.wrong == Some(index) {
            input[7] = f32::NAN;
        }
    }
}

fn registry(step: f32, wrong: Option<usize>) -> Registry {
    let names = || ["dark", "grey", "bright"].map(str::to_owned).to_vec();
    let split = move |count, wrong| Split::of(Bright { count, step, wrong });
    Registry::builtin().dataset("shades", "three shades of grey", move |_| {
        Dataset::new("shades", names(), split(60, None)?, split(30, wrong)?)
    })
}

fn settings() -> Overrides {
    let small = Overrides::default().with("dataset", "shades").with("steps", 2).with("epochs", 8);
    small.with("batch-size", 6).with("class-weights", "balanced").with("validation", 6)
}

#[test]
fn a_run_on_a_programs_own_inputs_learns_and_is_known_by_its_values() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run");
    let config = settings().resolve_in(&registry(0.5, None), None).unwrap();
    let run = run::begin(config.clone(), Path::new("data"), &path).unwrap();
    assert!(run.train(&Silent).unwrap().test_accuracy_consensus > 0.9);
    let model = std::fs::read(path.join("model.safetensors")).unwrap();
    let again = folder.path().join("again");
    run::begin(config, Path::new("data"), &again).unwrap().train(&Silent).unwrap();
    assert!(model == std::fs::read(again.join("model.safetensors")).unwrap());
    // It goes on with these values alone.
    let resumed = |step: f32| {
        let saved = Saved::open_in(&path, None, &registry(step, None)).unwrap();
        let loaded = Prepared::open(saved.config, Path::new("data")).unwrap().load().unwrap();
        Run::resume(loaded, saved.folder).map(|run| run.finished())
    };
    assert_eq!(resumed(0.5).unwrap(), 8);
    let error = resumed(0.4).unwrap_err();
    assert!(matches!(error, RunError::Resume(ResumeError::OtherImages { .. })), "{error}");
}

#[test]
fn a_value_that_is_none_is_named_before_there_is_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run");
    let config = settings().resolve_in(&registry(0.5, Some(4)), None).unwrap();
    let error = run::begin(config, Path::new("data"), &path).err().expect("NaN is refused").to_string();
    assert_eq!(error, "own:shades: values must be finite; test input 4 has one that is not");
    assert!(!path.exists());
}
