//! The program `nopropdt-train`, run as a process of its own for each training and each measurement.

use super::error::ExperimentError;
use super::process;
use crate::config::RunConfig;
use crate::evaluation::Evaluation;
use crate::files::replace_file;
use nopropdt_data::DatasetSource;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Where images lie, which decides nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// The folder of fetched datasets; the program's own choice when absent.
    pub data_dir: Option<PathBuf>,
    /// The folder or file of images that a cell's dataset names.
    pub images: Option<PathBuf>,
}

impl Place {
    fn data_dir(&self) -> impl Iterator<Item = String> {
        self.data_dir.iter().map(|folder| format!("--data-dir={}", folder.display()))
    }

    /// The flag that names the dataset where it lies.
    fn dataset(&self, named: &DatasetSource) -> String {
        match &self.images {
            Some(path) => format!("--dataset={}", named.with_place(path.display().to_string())),
            None => format!("--dataset={named}"),
        }
    }
}

/// The program, and the flag that stops it.
#[derive(Debug, Clone)]
pub struct Program {
    path: PathBuf,
    /// Set when the user wants to stop.
    stop: Arc<AtomicBool>,
}

impl Program {
    /// The program at `path`; a process of it ends when `stop` is set.
    pub fn new(path: PathBuf, stop: Arc<AtomicBool>) -> Self {
        Self { path, stop }
    }

    /// Trains into the folder `run`, or goes on there, on so many threads or all; log and settings go beside it. Calls `tick` again
    /// and again meanwhile. The inner result is the last line of a failure.
    ///
    /// # Errors
    /// [`ExperimentError::Interrupted`], or when the program can't be run.
    pub fn train(
        &self,
        config: &RunConfig,
        run: &Path,
        place: &Place,
        threads: Option<usize>,
        tick: &dyn Fn(),
    ) -> Result<Result<(), String>, ExperimentError> {
        let mut arguments = vec!["train".to_owned(), "--no-progress".into(), "--json".into()];
        if run.join("config.toml").exists() {
            // A resumed run knows its data, but not where the fetched ones lie.
            arguments.push(format!("--resume={}", run.display()));
        } else {
            let settings = run.with_file_name("settings.toml");
            replace_file(&settings, config.to_toml().as_bytes())?;
            arguments.push(format!("--out={}", run.display()));
            arguments.push(format!("--config={}", settings.display()));
            arguments.push(place.dataset(&config.data.dataset));
            // The file names all but what follows from the images.
            if !config.open().is_empty() {
                arguments.push("--preset=best".into());
            }
        }
        arguments.extend(place.data_dir());
        arguments.extend(threads.map(|threads| format!("--threads={threads}")));
        Ok(self.call(&arguments, run, tick)?.map(drop))
    }

    /// Measures the model of a finished run, on the test images that its settings leave: so many runs of so many averaged draws, in the model's own steps or others, on so many
    /// threads or all. The inner
    /// result is the last line of a failure.
    ///
    /// # Errors
    /// As [`Program::train`].
    pub fn evaluate(
        &self,
        config: &RunConfig,
        run: &Path,
        place: &Place,
        (runs, draws, steps): (usize, usize, Option<usize>),
        threads: Option<usize>,
        tick: &dyn Fn(),
    ) -> Result<Result<Evaluation, String>, ExperimentError> {
        let mut arguments = vec!["eval".to_owned(), "--json".into()];
        arguments.push(format!("--model={}", run.join("model.safetensors").display()));
        arguments.push(format!("--runs={runs}"));
        arguments.push(format!("--draws={draws}"));
        arguments.extend(steps.map(|steps| format!("--steps={steps}")));
        arguments.extend(config.data.limit_test.map(|count| format!("--limit-test={count}")));
        arguments.push(place.dataset(&config.data.dataset));
        arguments.extend(place.data_dir());
        arguments.extend(threads.map(|threads| format!("--threads={threads}")));
        let printed = self.call(&arguments, run, tick)?;
        Ok(printed.and_then(|printed| {
            serde_json::from_str(&printed).map_err(|error| format!("eval: can't be read: {error}"))
        }))
    }

    fn call(
        &self,
        arguments: &[String],
        run: &Path,
        tick: &dyn Fn(),
    ) -> Result<Result<String, String>, ExperimentError> {
        process::call(&self.path, arguments, &run.with_file_name("log.txt"), &self.stop, tick)
    }
}
