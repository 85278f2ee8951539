//! Many trainings and their measurements: cells that are each run once, in a process and a folder of their own, so that what is
//! finished stays finished, whatever becomes of the others.
//!
//! A [`Cell`] is a name, complete settings and a [`Measure`]; its [`Outcome`] is kept with them in one file, and counts for these settings
//! alone. A [`Grid`] reads many cells from a file, and [`Results`] has their figures over seeds.
//! A [`Runner`] trains and measures cells by the program `nopropdt-train`, which gets no share of this process's memory and can crash
//! without it; a [`Shard`] divides cells among machines; a [`Watch`] sees it all.

mod cell;
mod error;
mod grid;
mod measure;
mod origin;
mod outcome;
mod process;
mod program;
mod record;
mod result_file;
mod results;
mod runner;
#[cfg(all(test, unix))]
mod runner_tests;
mod shard;
mod watch;

pub use cell::Cell;
pub use error::ExperimentError;
pub use grid::{Arm, Grid, GridError};
pub use measure::Measure;
pub use origin::{Origin, summary};
pub use outcome::{EpochAccuracy, Fate, Outcome, Validation};
pub use program::{Place, Program};
pub use record::{read_record, write_record};
pub use results::{Against, ArmFigures, ArmResults, Figures, MeasuredOn, Results};
pub use runner::Runner;
pub use shard::Shard;
pub use watch::Watch;
