//! One training and its measurements.

use super::measure::Measure;
use super::outcome::Outcome;
use super::record::{read_record, write_record};
use super::result_file::ResultFile;
use crate::config::{Overrides, RunConfig, Value};
use crate::files::WriteError;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// One training, and how it is measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    /// Its folder's and its file's name: `mnist-dt-one-hot-seed0`.
    pub name: String,
    /// Every setting of the training. A folder of pictures is named, and not placed: where it lies decides nothing.
    pub config: RunConfig,
    /// How it is measured.
    pub measure: Measure,
    /// Expected work, in any unit, for the time that is left.
    pub work: f64,
}

/// What a folder of work trains: every setting as it was resolved, so that what was begun with others is not taken up, be it that the
/// cell's settings are others now, a preset's or a default.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Asked {
    settings: String,
    /// Those that follow from the images.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    open: Vec<String>,
}

impl Asked {
    /// Whether this is the question of a cell: the same settings, however files spelled them then.
    fn is_of(&self, cell: &Cell) -> bool {
        let registry = &cell.config.registry;
        let settings = Overrides::from_text_in(&self.settings, registry).ok();
        settings.is_some_and(|settings| cell.has_settings(settings, &self.open))
    }
}

/// The file of what was asked.
const ASKED: &str = "cell.json";

impl Cell {
    /// The seed of its training.
    pub fn seed(&self) -> u64 {
        self.config.training.seed
    }

    /// Its folder below that of all work.
    pub fn folder(&self, work: &Path) -> PathBuf {
        work.join(&self.name)
    }

    /// Where it is trained.
    pub fn run_folder(&self, work: &Path) -> PathBuf {
        self.folder(work).join("run")
    }

    /// The file that says what is trained there.
    pub(super) fn asked_file(&self, work: &Path) -> PathBuf {
        self.folder(work).join(ASKED)
    }

    /// The file of its result, among those of all cells.
    pub fn result_file(&self, cells: &Path) -> PathBuf {
        cells.join(format!("{}.json", self.name))
    }

    pub(super) fn asked(&self) -> Asked {
        Asked { settings: self.config.to_toml(), open: self.open() }
    }

    /// Settings that follow from the images, by section and key: no file names them.
    fn open(&self) -> Vec<String> {
        self.config.open().iter().map(|&setting| setting.to_owned()).collect()
    }

    /// Whether settings, of which those of `open` follow from the images, mean what this cell's do, but for the place of a folder or file of
    /// images. A file that is older than a setting does not name it, and means its default.
    pub(super) fn has_settings(&self, settings: Overrides, open: &[String]) -> bool {
        if open != self.open() {
            return false;
        }
        let meant = |config: &RunConfig| {
            let mut meant = config.without_place().meant_settings();
            meant.retain(|setting, _| !open.contains(setting));
            meant
        };
        let config = settings.resolve_written_in(&self.config.registry);
        config.is_ok_and(|config| meant(&config) == meant(&self.config))
    }

    /// Whether the folder of work is of this very training.
    pub(super) fn is_begun(&self, work: &Path) -> bool {
        read_record::<Asked>(&self.asked_file(work)).is_some_and(|asked| asked.is_of(self))
    }

    /// The result, if it is among those in `cells` and was made with these settings and measured so.
    pub fn finished(&self, cells: &Path) -> Option<Outcome> {
        let found: ResultFile = read_record(&self.result_file(cells))?;
        let settings = Overrides::from_value(found.settings, &self.config.registry).ok()?;
        (found.measure == self.measure && self.has_settings(settings, &found.open)).then_some(found.outcome)
    }

    /// Keeps a result among those in `cells`.
    ///
    /// # Errors
    /// When the file can't be written.
    pub fn keep(&self, cells: &Path, outcome: &Outcome) -> Result<(), WriteError> {
        let result = ResultFile {
            cell: self.name.clone(),
            settings: Value::of(&self.config.without_place()),
            open: self.open(),
            seed: self.seed(),
            measure: self.measure.clone(),
            outcome: outcome.clone(),
        };
        write_record(&self.result_file(cells), &result)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Overrides, Preset};

    fn cell(settings: Overrides, preset: Option<Preset>) -> Cell {
        let measure = Measure { runs: 2, averaged: Some(5), steps: None };
        Cell { name: "a".into(), config: settings.resolve(preset).unwrap(), measure, work: 1.0 }
    }

    /// Of a preset that leaves settings open, whatever the dataset and the method.
    #[test]
    fn what_follows_from_the_images_is_asked_for_as_such() {
        let cells = tempfile::tempdir().unwrap();
        let outcome = Outcome::example(0.9);
        let settings = Overrides::default().with("method", "committee");
        let best = cell(settings.clone(), Some(Preset::Best));
        best.keep(cells.path(), &outcome).unwrap();
        assert_eq!(best.finished(cells.path()), Some(outcome));
        for other in [settings.clone().with("epochs", 20), settings.with("validation", 0)] {
            assert_eq!(cell(other, Some(Preset::Best)).finished(cells.path()), None);
        }
    }

    #[test]
    fn a_result_of_other_settings_is_none() {
        let cells = tempfile::tempdir().unwrap();
        let settings = Overrides::default().with("lr", 1.0);
        let first = cell(settings.clone(), None);
        assert_eq!(first.finished(cells.path()), None);
        let outcome = Outcome::example(0.9);
        first.keep(cells.path(), &outcome).unwrap();
        assert_eq!(first.finished(cells.path()), Some(outcome.clone()));
        // The same settings in other words.
        let said = settings.clone().with("epochs", 20);
        assert_eq!(cell(said.clone(), None).finished(cells.path()), Some(outcome));
        assert_eq!(cell(said, Some(Preset::Paper)).finished(cells.path()), None);
        assert_eq!(cell(settings.with("lr", 0.5), None).finished(cells.path()), None);
        for measure in [Measure { runs: 3, ..first.measure.clone() }, Measure::NONE] {
            assert_eq!(Cell { measure, ..first.clone() }.finished(cells.path()), None);
        }
    }

    /// Whatever numbers a result has, they come back as they were.
    #[test]
    fn a_result_is_rounded_nowhere() {
        let cells = tempfile::tempdir().unwrap();
        let settings = Overrides::default().with("lr", 0.1 + 0.2).with("weight-decay", 1.0 / 3.0);
        let cell = cell(settings, None);
        let mut outcome = Outcome::example(1.0 / 3.0);
        outcome.seconds = 0.1 + 0.2;
        cell.keep(cells.path(), &outcome).unwrap();
        assert_eq!(cell.finished(cells.path()), Some(outcome));
    }

    /// Where pictures lie decides nothing, and is not told.
    #[test]
    fn a_result_of_a_folder_names_it_only() {
        let cells = tempfile::tempdir().unwrap();
        let at = |place: &str| cell(Overrides::default().with("dataset", place), None);
        at("folder:one/pictures").keep(cells.path(), &Outcome::example(0.9)).unwrap();
        let text = std::fs::read_to_string(at("folder:pictures").result_file(cells.path())).unwrap();
        assert!(text.contains("\"dataset\": \"folder:pictures\"") && !text.contains("one/"), "{text}");
        assert!(at("folder:other/pictures").finished(cells.path()).is_some());
        assert!(at("folder:other/paintings").finished(cells.path()).is_none());
    }

    /// A file that another cell left under this name, or one of an older form.
    #[test]
    fn a_file_of_another_form_is_no_result() {
        let (cells, cell) = (tempfile::tempdir().unwrap(), cell(Overrides::default(), None));
        cell.keep(cells.path(), &Outcome::example(0.9)).unwrap();
        let file = cell.result_file(cells.path());
        let text = std::fs::read_to_string(&file).unwrap();
        for (from, to) in [
            ("\"settings\"", "\"flags\""),
            ("\"lr\": ", "\"rate\": "),
            ("\"draws\"", "\"chain\""),
            ("\"averaged\": 5", "\"averaged\": true"),
            ("0.89", "null"),
        ] {
            assert!(text.contains(from), "{from}: {text}");
            std::fs::write(&file, text.replacen(from, to, 1)).unwrap();
            assert_eq!(cell.finished(cells.path()), None, "{from}");
        }
        std::fs::write(&file, &text).unwrap();
        assert!(cell.finished(cells.path()).is_some());
    }

    /// A preset names every setting; a result that was made before there was one does not.
    #[test]
    fn a_result_outlives_new_settings() {
        let cells = tempfile::tempdir().unwrap();
        let cell = cell(Overrides::default().with("dataset", "mnist"), Some(Preset::Paper));
        cell.keep(cells.path(), &Outcome::example(0.9)).unwrap();
        let path = cell.result_file(cells.path());
        let text = std::fs::read_to_string(&path).unwrap();
        let mut file: serde_json::Value = serde_json::from_str(&text).unwrap();
        let data = file["settings"]["data"].as_object_mut().unwrap();
        assert!(data.remove("cutout").is_some() && data.remove("crop-edges").is_some());
        let training = file["settings"]["training"].as_object_mut().unwrap();
        assert!(training.remove("label-smoothing").is_some());
        std::fs::write(&path, file.to_string()).unwrap();
        assert_eq!(cell.finished(cells.path()), Some(Outcome::example(0.9)));
        file["settings"]["training"]["label-smoothing"] = 0.1.into();
        std::fs::write(&path, file.to_string()).unwrap();
        assert_eq!(cell.finished(cells.path()), None);
    }

    /// Trainings that were begun lie in folders whose file has these forms: with a measurement, and without sections at first.
    #[test]
    fn a_training_that_was_begun_is_the_same() {
        let (work, cell) = (tempfile::tempdir().unwrap(), cell(Overrides::default(), None));
        std::fs::create_dir_all(cell.folder(work.path())).unwrap();
        let begun = |settings: &str| {
            let asked = serde_json::json!({
                "settings": settings, "measure": {"runs": 1, "averaged": false, "steps": null}
            });
            std::fs::write(cell.asked_file(work.path()), asked.to_string()).unwrap();
            cell.is_begun(work.path())
        };
        let old = "dataset = \"digits\"\nvalidation = 0\nmethod = \"dt\"\nsteps = 10\nschedule = \"cosine\"\neta = 0.1\n\
                   objective = \"paper\"\nembedding = \"one-hot\"\nembedding-dim = 20\nembedding-start = \"orthogonal\"\n\
                   block = \"paper\"\ndecoder = false\ndropout = 0.2\nepochs = 20\nbatch-size = 64\noptimizer = \"adamw\"\n\
                   lr = 0.001\nlr-schedule = \"cosine\"\nwarmup-epochs = 0\nweight-decay = 0.001\nclip-norm = 0.0\nseed = 0\n\
                   order = \"interleaved\"\nprecision = \"auto\"\n";
        assert!(begun(old) && begun(&cell.config.to_toml()));
        assert!(!begun(&old.replace("steps = 10", "steps = 11")) && !begun("settings = 1"));
        // As it was before settings were kept: nobody knows which defaults it had.
        std::fs::write(cell.asked_file(work.path()), r#"{"flags": []}"#).unwrap();
        assert!(!cell.is_begun(work.path()));
        write_record(&cell.asked_file(work.path()), &cell.asked()).unwrap();
        assert!(cell.is_begun(work.path()));
    }
}
