//! Cells below one folder, each run once.

use super::cell::Cell;
use super::error::ExperimentError;
use super::origin::Origin;
use super::outcome::{Fate, Outcome};
use super::program::{Place, Program};
use super::record::write_record;
use super::watch::Watch;
use crate::metrics_file::read_summary;
use std::fs;
use std::path::{Path, PathBuf};

/// Runs cells below one folder.
#[derive(Debug)]
pub struct Runner {
    program: Program,
    folder: PathBuf,
    origin: Origin,
}

/// What one step gives, or the last line that the program said when it failed.
type Told<T> = Result<Result<T, String>, ExperimentError>;

impl Runner {
    /// Runs cells below `folder` by `program`, which is of this origin.
    ///
    /// # Errors
    /// When the folder can't be made.
    pub fn new(program: Program, folder: &Path, origin: Origin) -> Result<Self, ExperimentError> {
        fs::create_dir_all(folder).map_err(ExperimentError::io(folder))?;
        Ok(Self { program, folder: folder.to_owned(), origin })
    }

    /// The folder of all cells.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The program, and this machine.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// What trains and measures.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// Runs cells one after the other, each with the place where its images lie, or why they are not there. Gives a line for each
    /// cell that failed.
    ///
    /// # Errors
    /// [`ExperimentError::Interrupted`]; when the program can't be run or a file can't be written.
    pub fn run_all(
        &self,
        cells: &[(&Cell, Result<Place, String>)],
        watch: &dyn Watch,
    ) -> Result<Vec<String>, ExperimentError> {
        let mut failures = Vec::new();
        for (index, (cell, place)) in cells.iter().enumerate() {
            let fate = match place {
                _ if cell.finished(&self.folder).is_some() => Fate::AlreadyDone,
                Err(why) => Fate::Absent(why.clone()),
                Ok(place) => {
                    watch.begin(index, cell, &cell.run_folder(&self.folder));
                    self.run(cell, place, &|| watch.tick())?
                }
            };
            if let Fate::Failed(line) = &fate {
                failures.push(format!("{}: {line}", cell.name));
            }
            watch.end(index, cell, &fate);
        }
        Ok(failures)
    }

    /// Trains and measures a cell, unless that was done before; takes up a training that was interrupted. Calls `tick` again and
    /// again meanwhile.
    ///
    /// # Errors
    /// As [`Runner::run_all`].
    pub fn run(&self, cell: &Cell, place: &Place, tick: &dyn Fn()) -> Result<Fate, ExperimentError> {
        if cell.finished(&self.folder).is_some() {
            return Ok(Fate::AlreadyDone);
        }
        self.make_room(cell)?;
        Ok(match self.trained_and_measured(cell, place, tick)? {
            Err(line) => Fate::Failed(line),
            Ok(outcome) => {
                write_record(&cell.outcome_file(&self.folder), &outcome)?;
                Fate::Done(outcome)
            }
        })
    }

    /// The cell's folder, with what is asked for in it and nothing of other settings.
    fn make_room(&self, cell: &Cell) -> Result<(), ExperimentError> {
        if cell.is_begun(&self.folder) {
            return Ok(());
        }
        let folder = cell.folder(&self.folder);
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(ExperimentError::io(&folder))?;
        }
        fs::create_dir_all(&folder).map_err(ExperimentError::io(&folder))?;
        Ok(write_record(&cell.asked_file(&self.folder), &cell.asked())?)
    }

    fn trained_and_measured(&self, cell: &Cell, place: &Place, tick: &dyn Fn()) -> Told<Outcome> {
        let (run, measure) = (cell.run_folder(&self.folder), &cell.measure);
        if let Err(line) = self.program.train(&cell.config, &run, place, None, tick)? {
            return Ok(Err(line));
        }
        let measured = |draws: usize| {
            self.program.evaluate(&cell.config, &run, place, (measure.runs, draws, measure.steps), tick)
        };
        let plain = match measured(1)? {
            Ok(evaluation) => evaluation,
            Err(line) => return Ok(Err(line)),
        };
        let averaged = match measure.averaged.then(|| measured(5)).transpose()? {
            Some(Err(line)) => return Ok(Err(line)),
            averaged => averaged.and_then(Result::ok),
        };
        let summary = match read_summary(&run.join("summary.json")) {
            Ok(summary) => summary,
            Err(error) => return Ok(Err(error.to_string())),
        };
        Ok(Ok(Outcome {
            runs: measure.runs,
            chain: plain.test_accuracy,
            consensus: plain.test_accuracy_consensus,
            averaged: averaged.map(|of| [of.test_accuracy, of.test_accuracy_consensus]),
            train_seconds: summary.train_seconds,
            precision: summary.precision,
            isa: summary.isa,
            origin: Some(self.origin.now()),
        }))
    }

    /// Trains a finished cell again and compares the models: whether they are the same, to the byte. The inner error says why there
    /// is no second model.
    ///
    /// # Errors
    /// As [`Runner::run_all`].
    pub fn gives_the_same_model_twice(&self, cell: &Cell, place: &Place) -> Told<bool> {
        let again = tempfile::tempdir_in(&self.folder).map_err(ExperimentError::io(&self.folder))?;
        let run = again.path().join("run");
        if let Err(line) = self.program.train(&cell.config, &run, place, None, &|| ())? {
            return Ok(Err(line));
        }
        let model = |run: &Path| {
            let path = run.join("model.safetensors");
            fs::read(&path).map_err(ExperimentError::io(&path))
        };
        Ok(Ok(model(&cell.run_folder(&self.folder))? == model(&run)?))
    }
}
