//! One training and its measurements.

use super::outcome::Outcome;
use super::record::read_record;
use crate::config::{Overrides, RunConfig};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// One training, and how it is measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    /// Its folder's name: `mnist-dt-one-hot-seed0`.
    pub name: String,
    /// Every setting of the training. A folder of pictures is named, and not placed: where it lies decides nothing.
    pub config: RunConfig,
    /// How it is measured.
    pub measure: Measure,
    /// Expected work, in any unit, for the time that is left.
    pub work: f64,
}

/// How a trained cell is measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measure {
    /// Runs, each with noise of its own.
    pub runs: usize,
    /// Whether answers of five averaged draws are measured too.
    pub averaged: bool,
    /// Steps of an answer, where they are not those of the training.
    pub steps: Option<usize>,
}

/// What was asked for, kept beside what came of it: every setting as it was resolved, so that a result of other settings is none, be
/// it that the cell's settings are others now, a preset's or a default.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Asked {
    settings: String,
    measure: Measure,
}

impl Asked {
    /// Whether this is the question of a cell: the same settings, however files spelled them then.
    fn is_of(&self, cell: &Cell) -> bool {
        let registry = &cell.config.registry;
        let settings = Overrides::from_text_in(&self.settings, registry).ok();
        let settings = settings.and_then(|settings| settings.resolve_in(registry, None).ok());
        settings.is_some_and(|settings| settings == cell.config) && self.measure == cell.measure
    }
}

/// The file of what was asked.
const ASKED: &str = "cell.json";
/// The file of what came of it.
const OUTCOME: &str = "outcome.json";

impl Cell {
    /// Its folder below that of all cells.
    pub fn folder(&self, root: &Path) -> PathBuf {
        root.join(&self.name)
    }

    /// Where it is trained.
    pub fn run_folder(&self, root: &Path) -> PathBuf {
        self.folder(root).join("run")
    }

    /// The file that says what was asked for.
    pub fn asked_file(&self, root: &Path) -> PathBuf {
        self.folder(root).join(ASKED)
    }

    /// The file of its result.
    pub fn outcome_file(&self, root: &Path) -> PathBuf {
        self.folder(root).join(OUTCOME)
    }

    /// What is asked for, as its file has it.
    pub fn asked(&self) -> impl Serialize + use<> {
        self.question()
    }

    pub(super) fn question(&self) -> Asked {
        Asked { settings: self.config.to_toml(), measure: self.measure.clone() }
    }

    /// Whether the folder is of this very question.
    pub(super) fn is_begun(&self, root: &Path) -> bool {
        read_record::<Asked>(&self.asked_file(root)).is_some_and(|asked| asked.is_of(self))
    }

    /// The result, if it is there and was made with these settings.
    pub fn finished(&self, root: &Path) -> Option<Outcome> {
        self.is_begun(root).then(|| read_record(&self.outcome_file(root))).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::super::record::write_record;
    use super::*;
    use crate::config::{Overrides, Preset};

    fn cell(settings: Overrides, preset: Option<Preset>) -> Cell {
        let measure = Measure { runs: 1, averaged: false, steps: None };
        Cell { name: "a".into(), config: settings.resolve(preset).unwrap(), measure, work: 1.0 }
    }

    #[test]
    fn a_result_of_other_settings_is_none() {
        let root = tempfile::tempdir().unwrap();
        let settings = Overrides::default().with("lr", 1.0);
        let first = cell(settings.clone(), None);
        assert_eq!(first.finished(root.path()), None);
        std::fs::create_dir_all(first.folder(root.path())).unwrap();
        write_record(&first.asked_file(root.path()), &first.asked()).unwrap();
        assert_eq!(first.finished(root.path()), None, "trained, and not yet measured");
        let outcome = Outcome::example(0.9);
        write_record(&first.outcome_file(root.path()), &outcome).unwrap();
        assert_eq!(first.finished(root.path()), Some(outcome.clone()));
        // The same settings in other words.
        let said = settings.clone().with("epochs", 20);
        assert_eq!(cell(said.clone(), None).finished(root.path()), Some(outcome));
        assert_eq!(cell(said, Some(Preset::Paper)).finished(root.path()), None);
        assert_eq!(cell(settings.with("lr", 0.5), None).finished(root.path()), None);
        let measure = Measure { runs: 2, ..first.measure.clone() };
        assert_eq!(Cell { measure, ..first }.finished(root.path()), None);
    }

    /// As it was before settings were kept: nobody knows which defaults it had.
    #[test]
    fn a_result_whose_settings_are_unknown_is_none() {
        let (root, cell) = (tempfile::tempdir().unwrap(), cell(Overrides::default(), None));
        std::fs::create_dir_all(cell.folder(root.path())).unwrap();
        let old = r#"{"flags": [], "measure": {"runs": 1, "averaged": false, "steps": null}}"#;
        std::fs::write(cell.asked_file(root.path()), old).unwrap();
        write_record(&cell.outcome_file(root.path()), &Outcome::example(0.9)).unwrap();
        assert_eq!(cell.finished(root.path()), None);
    }

    /// Results that were made lie in files of these forms: without sections at first. Other settings would run them all again.
    #[test]
    fn a_question_of_before_is_the_same() {
        let (root, cell) = (tempfile::tempdir().unwrap(), cell(Overrides::default(), None));
        std::fs::create_dir_all(cell.folder(root.path())).unwrap();
        write_record(&cell.outcome_file(root.path()), &Outcome::example(0.9)).unwrap();
        let asked = |settings: &str| {
            let measure = Measure { runs: 1, averaged: false, steps: None };
            write_record(&cell.asked_file(root.path()), &Asked { settings: settings.into(), measure })
                .unwrap();
            cell.finished(root.path()).is_some()
        };
        let old = "dataset = \"digits\"\nvalidation = 0\nmethod = \"dt\"\nsteps = 10\nschedule = \"cosine\"\neta = 0.1\n\
                   objective = \"paper\"\nembedding = \"one-hot\"\nembedding-dim = 20\nembedding-start = \"orthogonal\"\n\
                   block = \"paper\"\ndecoder = false\ndropout = 0.2\nepochs = 20\nbatch-size = 64\noptimizer = \"adamw\"\n\
                   lr = 0.001\nlr-schedule = \"cosine\"\nwarmup-epochs = 0\nweight-decay = 0.001\nclip-norm = 0.0\nseed = 0\n\
                   order = \"interleaved\"\nprecision = \"auto\"\n";
        assert!(asked(old) && asked(&cell.config.to_toml()));
        assert!(!asked(&old.replace("steps = 10", "steps = 11")) && !asked("settings = 1"));
    }
}
