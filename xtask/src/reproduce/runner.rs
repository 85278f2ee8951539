//! Training and measuring cells by the program itself, each in a process of its own.

use super::cell::{Cell, Data};
use super::origin::Origin;
use super::outcome::{Measured, Outcome};
use super::{cifar, process};
use anyhow::{Context, Result};
use nopropdt_train::commands::complain;
use nopropdt_train::files::replace_file;
use nopropdt_train::signals::interruption_flag;
use serde::Deserialize;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// What became of a cell.
pub(super) enum Fate {
    Done(Outcome),
    AlreadyDone,
    /// Its dataset is not there.
    Absent(String),
    /// The last line it said.
    Failed(String),
}

/// Runs cells below one folder.
pub(super) struct Runner {
    program: PathBuf,
    folder: PathBuf,
    data_dir: PathBuf,
    cifar10_jpeg: Option<PathBuf>,
    /// Set when the user wants to stop.
    stop: Arc<AtomicBool>,
    origin: Origin,
}

/// What `eval --json` says.
#[derive(Deserialize)]
struct Evaluation {
    test_accuracy: Measured,
    test_accuracy_consensus: Measured,
}

/// What a run's summary says.
#[derive(Deserialize)]
pub(super) struct Summary {
    train_seconds: f64,
    precision: String,
    isa: String,
    pub(super) train_rss_bytes: Option<u64>,
}

impl Runner {
    /// Builds the program, and finds what it learns from.
    pub(super) fn new(folder: &Path, data_dir: &Path, cifar10_jpeg: Option<&Path>) -> Result<Self> {
        fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        let program = crate::command::trainer()?;
        let origin = Origin::here()?;
        let target = folder.parent().context("the runs' folder has a parent")?;
        let cifar10_jpeg = cifar::folder(cifar10_jpeg, target)?;
        let data_dir = std::path::absolute(data_dir)?;
        let stop = interruption_flag().context("can't listen for signals")?;
        Ok(Self { program, folder: folder.to_owned(), data_dir, cifar10_jpeg, stop, origin })
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The program that was built, and this machine.
    pub(super) fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Where a cell is trained.
    pub(super) fn run_folder(&self, cell: &Cell) -> PathBuf {
        cell.folder(&self.folder).join("run")
    }

    /// Trains and measures a cell, unless that was done before; takes up a training that was interrupted. Calls `watch` again and
    /// again meanwhile.
    pub(super) fn run(&self, cell: &Cell, watch: &dyn Fn()) -> Result<Fate> {
        if cell.finished(&self.folder).is_some() {
            return Ok(Fate::AlreadyDone);
        }
        let data = match self.data_flags(cell.dataset) {
            Ok(flags) => flags,
            Err(why) => return Ok(Fate::Absent(why)),
        };
        let folder = cell.folder(&self.folder);
        if super::cell::read(&folder.join("cell.json"))
            .is_none_or(|asked: super::cell::Asked| asked != cell.asked())
        {
            // Of other settings, or never begun.
            if folder.exists() {
                fs::remove_dir_all(&folder).with_context(|| folder.display().to_string())?;
            }
            fs::create_dir_all(&folder)?;
            write(&folder.join("cell.json"), &cell.asked())?;
        }
        let run = self.run_folder(cell);
        if let Err(line) = self.train_watched(cell, &run, &data, watch)? {
            return Ok(Fate::Failed(line));
        }
        let measured = |draws: usize| self.evaluate(cell, &run, &data, draws, watch);
        let plain = match measured(1)? {
            Ok(evaluation) => evaluation,
            Err(line) => return Ok(Fate::Failed(line)),
        };
        let averaged = match cell.measure.averaged.then(|| measured(5)).transpose()? {
            Some(Err(line)) => return Ok(Fate::Failed(line)),
            averaged => averaged.and_then(Result::ok),
        };
        let summary: Summary = self.summary(&run)?;
        let outcome = Outcome {
            runs: cell.measure.runs,
            chain: plain.test_accuracy,
            consensus: plain.test_accuracy_consensus,
            averaged: averaged.map(|of| [of.test_accuracy, of.test_accuracy_consensus]),
            train_seconds: summary.train_seconds,
            precision: summary.precision,
            isa: summary.isa,
            origin: Some(self.origin.now()),
        };
        write(&folder.join("outcome.json"), &outcome)?;
        Ok(Fate::Done(outcome))
    }

    pub(super) fn summary(&self, run: &Path) -> Result<Summary> {
        let path = run.join("summary.json");
        let text = fs::read(&path).with_context(|| path.display().to_string())?;
        serde_json::from_slice(&text).with_context(|| path.display().to_string())
    }

    /// The flags that name a dataset, or why it is not there.
    pub(super) fn data_flags(&self, data: Data) -> Result<Vec<String>, String> {
        let data_dir = format!("--data-dir={}", self.data_dir.display());
        match (data, &self.cifar10_jpeg) {
            (Data::Cifar10Jpeg, Some(folder)) => Ok(vec![format!("--dataset=folder:{}", folder.display())]),
            (Data::Cifar10Jpeg, None) => Err("say where it is with --cifar10-jpeg".into()),
            (Data::Digits, _) => Ok(vec!["--dataset=digits".into(), data_dir]),
            (known, _) if self.data_dir.join(known.key()).is_dir() => {
                Ok(vec![format!("--dataset={}", known.key()), data_dir])
            }
            (known, _) => Err(format!("fetch it with `cargo xtask fetch-data {}`", known.key())),
        }
    }

    /// Trains into `run`, or goes on there. The inner result is the last line of a failure.
    pub(super) fn train(&self, cell: &Cell, run: &Path, data: &[String]) -> Result<Result<(), String>> {
        self.train_watched(cell, run, data, &|| ())
    }

    fn train_watched(
        &self,
        cell: &Cell,
        run: &Path,
        data: &[String],
        watch: &dyn Fn(),
    ) -> Result<Result<(), String>> {
        let mut arguments = vec!["train".to_owned(), "--no-progress".into(), "--json".into()];
        if run.join("config.toml").exists() {
            arguments.push(format!("--resume={}", run.display()));
            // A resumed run knows its data, but not where that lies.
            arguments.extend(data.iter().filter(|flag| flag.starts_with("--data-dir")).cloned());
        } else {
            arguments.push(format!("--out={}", run.display()));
            arguments.extend(data.iter().chain(&cell.flags).cloned());
        }
        let log = run.with_file_name("log.txt");
        Ok(self.call(&arguments, &log, watch)?.map(|_| ()))
    }

    fn evaluate(
        &self,
        cell: &Cell,
        run: &Path,
        data: &[String],
        draws: usize,
        watch: &dyn Fn(),
    ) -> Result<Result<Evaluation, String>> {
        let mut arguments = vec!["eval".to_owned(), "--json".into()];
        arguments.push(format!("--model={}", run.join("model.safetensors").display()));
        arguments.push(format!("--runs={}", cell.measure.runs));
        arguments.push(format!("--draws={draws}"));
        arguments.extend(cell.measure.steps.map(|steps| format!("--steps={steps}")));
        arguments.extend(data.iter().cloned());
        let output = self.call(&arguments, &run.with_file_name("log.txt"), watch)?;
        Ok(output.and_then(|output| {
            serde_json::from_str(&output).map_err(|error| format!("eval: can't be read: {error}"))
        }))
    }

    fn call(&self, arguments: &[String], log: &Path, watch: &dyn Fn()) -> Result<Result<String, String>> {
        process::call(&self.program, arguments, log, &self.stop, watch)
    }

    /// Trains a finished cell again and compares the models byte by byte: what is wrong, if anything is.
    pub(super) fn check_determinism(&self, cell: &Cell) -> Result<Option<String>> {
        if cell.finished(&self.folder).is_none() {
            complain(&format!(
                "{}: not compared with a second training, since it is not done here",
                cell.name
            ));
            return Ok(None);
        }
        let again = tempfile::tempdir_in(&self.folder)?;
        let run = again.path().join("run");
        let data = self.data_flags(cell.dataset).map_err(anyhow::Error::msg)?;
        if let Err(line) = self.train(cell, &run, &data)? {
            return Ok(Some(format!("{}, again: {line}", cell.name)));
        }
        let model = |run: &Path| {
            let path = run.join("model.safetensors");
            fs::read(&path).with_context(|| path.display().to_string())
        };
        if model(&self.run_folder(cell))? != model(&run)? {
            return Ok(Some(format!("{}: must give the same model twice; the two differ", cell.name)));
        }
        complain(&format!("{}: the same model twice, to the byte", cell.name));
        Ok(None)
    }
}

/// Replaces a file whole.
pub(super) fn write(path: &Path, value: &impl serde::Serialize) -> Result<()> {
    let mut text = serde_json::to_string_pretty(value)?;
    text.push('\n');
    Ok(replace_file(path, text.as_bytes())?)
}

#[cfg(all(test, unix))]
mod tests;
