//! Cells, each trained and measured once.

use super::cell::Cell;
use super::error::ExperimentError;
use super::measure::Measure;
use super::origin::Origin;
use super::outcome::{EpochAccuracy, Fate, Outcome, Validation};
use super::program::{Place, Program};
use super::record::{read_record, write_record};
use super::watch::Watch;
use crate::evaluation::RunAccuracy;
use crate::metrics_file::{read_metrics, read_summary};
use crate::run_folder::{DIAGNOSTICS, METRICS, SUMMARY};
use std::fs;
use std::path::{Path, PathBuf};

/// Trains cells below a folder of work, and keeps their results in another.
#[derive(Debug)]
pub struct Runner {
    program: Program,
    work: PathBuf,
    cells: PathBuf,
    origin: Origin,
    threads: Option<usize>,
}

/// What one step gives, or the last line that the program said when it failed.
type Told<T> = Result<Result<T, String>, ExperimentError>;

impl Runner {
    /// Trains below the folder `work` by `program`, which is of this origin, and keeps a file a result in the folder `cells`.
    ///
    /// # Errors
    /// When a folder can't be made.
    pub fn new(program: Program, work: &Path, cells: &Path, origin: Origin) -> Result<Self, ExperimentError> {
        for folder in [work, cells] {
            fs::create_dir_all(folder).map_err(ExperimentError::io(folder))?;
        }
        Ok(Self { program, work: work.to_owned(), cells: cells.to_owned(), origin, threads: None })
    }

    /// The same, on so many threads instead of all.
    #[must_use]
    pub fn with_threads(self, threads: Option<usize>) -> Self {
        Self { threads, ..self }
    }

    /// The folder of all work.
    pub fn work(&self) -> &Path {
        &self.work
    }

    /// The folder of all results.
    pub fn cells(&self) -> &Path {
        &self.cells
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
                _ if cell.finished(&self.cells).is_some() => Fate::AlreadyDone,
                Err(why) => Fate::Absent(why.clone()),
                Ok(place) => {
                    watch.begin(index, cell, &cell.run_folder(&self.work));
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
        if cell.finished(&self.cells).is_some() {
            return Ok(Fate::AlreadyDone);
        }
        self.make_room(cell)?;
        Ok(match self.trained_and_measured(cell, place, tick)? {
            Err(line) => Fate::Failed(line),
            Ok(outcome) => {
                cell.keep(&self.cells, &outcome)?;
                Fate::Done(Box::new(outcome))
            }
        })
    }

    /// The cell's folder, with what is asked for in it and nothing of other settings.
    fn make_room(&self, cell: &Cell) -> Result<(), ExperimentError> {
        if cell.is_begun(&self.work) {
            return Ok(());
        }
        let folder = cell.folder(&self.work);
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(ExperimentError::io(&folder))?;
        }
        fs::create_dir_all(&folder).map_err(ExperimentError::io(&folder))?;
        Ok(write_record(&cell.asked_file(&self.work), &cell.asked())?)
    }

    fn trained_and_measured(&self, cell: &Cell, place: &Place, tick: &dyn Fn()) -> Told<Outcome> {
        let run = cell.run_folder(&self.work);
        if let Err(line) = self.program.train(&cell.config, &run, place, self.threads, tick)? {
            return Ok(Err(line));
        }
        let Measure { runs, averaged, steps } = cell.measure;
        let measured = |draws: usize| -> Told<Vec<RunAccuracy>> {
            let reading = (runs, draws, steps);
            let found = self.program.evaluate(&cell.config, &run, place, reading, self.threads, tick)?;
            Ok(found.map(|evaluation| evaluation.by_run))
        };
        let plain = if cell.measure.tests() { measured(1)? } else { Ok(Vec::new()) };
        let averaged = averaged.map(measured).transpose()?.transpose();
        Ok(plain.and_then(|draws| self.outcome(cell, draws, averaged?)))
    }

    /// What came of a training that has ended.
    fn outcome(
        &self,
        cell: &Cell,
        draws: Vec<RunAccuracy>,
        averaged_draws: Option<Vec<RunAccuracy>>,
    ) -> Result<Outcome, String> {
        let run = cell.run_folder(&self.work);
        let summary = read_summary(&run.join(SUMMARY)).map_err(|error| error.to_string())?;
        let epochs = read_metrics(&run.join(METRICS)).map_err(|error| error.to_string())?;
        let validation = Validation::of(&epochs, summary.best_epoch);
        if !cell.measure.tests() && validation.is_none() {
            return Err("validation: must be above 0 where the test set is not measured".to_owned());
        }
        Ok(Outcome {
            draws,
            averaged_draws,
            validation,
            diagnostics: read_record(&run.join(DIAGNOSTICS)),
            epochs: epochs.iter().map(|epoch| EpochAccuracy::of(epoch, cell.measure.tests())).collect(),
            seconds: summary.train_seconds,
            precision: summary.precision,
            isa: summary.isa,
            threads: summary.threads,
            origin: self.origin.now(),
        })
    }

    /// Trains a finished cell again and compares the models: whether they are the same, to the byte. The inner error says why there
    /// is no second model.
    ///
    /// # Errors
    /// As [`Runner::run_all`].
    pub fn gives_the_same_model_twice(&self, cell: &Cell, place: &Place) -> Told<bool> {
        let again = tempfile::tempdir_in(&self.work).map_err(ExperimentError::io(&self.work))?;
        let run = again.path().join("run");
        if let Err(line) = self.program.train(&cell.config, &run, place, self.threads, &|| ())? {
            return Ok(Err(line));
        }
        let model = |run: &Path| {
            let path = run.join("model.safetensors");
            fs::read(&path).map_err(ExperimentError::io(&path))
        };
        Ok(Ok(model(&cell.run_folder(&self.work))? == model(&run)?))
    }
}
