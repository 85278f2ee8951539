//! The commands of the `nopropdt-train` program.

mod arguments;
mod columns;
mod completions;
mod counter;
mod dataset_remedies;
mod diagnosis;
mod estimate;
mod eval;
mod export;
#[cfg_attr(not(feature = "fetch"), path = "no_fetch.rs")]
mod fetch;
mod images;
mod import;
mod indices;
mod info;
mod man;
mod numbers;
mod output;
mod paths;
#[cfg_attr(not(feature = "pictures"), path = "no_predict.rs")]
mod predict;
mod progress;
mod remedies;
mod report;
mod runs;
mod sampled;
mod sweep;
mod threads;
mod tracked;
mod train;

pub use arguments::{
    Cli, Command, EvalArguments, ExportArguments, ExportFormat, ImportArguments, InfoArguments,
    PredictArguments, ReportArguments, TrainArguments,
};
pub use completions::CompletionsArguments;
pub use fetch::{FetchArguments, fetch};
pub use man::ManArguments;
pub use output::{complain, print};
pub use paths::typed_path;
pub use runs::RunsArguments;
pub use sweep::{SweepArguments, SweepProgress, duration};

use crate::data_folder::{ChosenBy, DataFolder};
use crate::registry::Registry;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use threads::thread_pool;

/// Wrong use of the program, found after the flags were parsed: exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct UsageError(pub String);

/// Runs a parsed command line with the names of `registry`.
pub fn run(cli: Cli, registry: &Registry) -> anyhow::Result<()> {
    let done = match cli.command {
        None => train::run(&cli.train, registry),
        Some(Command::Train(arguments)) => train::run(&arguments, registry),
        Some(Command::Eval(arguments)) => eval::run(&arguments, registry),
        Some(Command::Predict(arguments)) => predict::run(&arguments, registry),
        Some(Command::Export(arguments)) => export::run(&arguments, registry),
        Some(Command::Report(arguments)) => report::run(&arguments, registry),
        Some(Command::Fetch(arguments)) => fetch(arguments),
        Some(Command::Import(arguments)) => import::run(&arguments),
        Some(Command::Info(arguments)) => info::run(&arguments, registry),
        Some(Command::Runs(arguments)) => runs::run(&arguments, registry),
        Some(Command::Sweep(arguments)) => sweep::run(&arguments, registry),
        Some(Command::Completions(arguments)) => completions::run(&arguments, registry),
        Some(Command::Man(arguments)) => man::run(&arguments, registry),
    };
    done.map_err(remedies::with_remedy)
}

/// 2 for wrong use, 130 when interrupted (as shells have it), 1 for everything else.
pub fn exit_code(error: &anyhow::Error) -> ExitCode {
    match error.downcast_ref::<remedies::Stopped>() {
        Some(stopped) if stopped.interrupted => ExitCode::from(130),
        _ if error.is::<UsageError>() => ExitCode::from(2),
        _ => ExitCode::FAILURE,
    }
}

/// Refuses a file that a flag names and that is not there: a slip of the finger, not a file that can't be read.
fn must_exist(flag: &str, path: Option<&Path>) -> Result<(), UsageError> {
    match path {
        Some(path) if !path.exists() => {
            Err(UsageError(format!("{flag} {}: there is no such file", path.display())))
        }
        Some(path) if path.is_dir() => {
            Err(UsageError(format!("{flag} {}: must be a file; it is a folder", path.display())))
        }
        _ => Ok(()),
    }
}

/// The folder of datasets. One that somebody named must be there; another need not be.
fn data_folder(given: Option<&Path>) -> Result<PathBuf, UsageError> {
    let DataFolder { path, chosen_by } = DataFolder::find(given);
    let named = match chosen_by {
        ChosenBy::Caller => "--data-dir ",
        ChosenBy::Variable => "NOPROPDT_DATA_DIR=",
        ChosenBy::Place | ChosenBy::Default => return Ok(path),
    };
    match path.is_dir() {
        true => Ok(path),
        false => Err(UsageError(format!("{named}{}: there is no such folder", path.display()))),
    }
}

/// "98.76 %" of a fraction.
fn percent(fraction: f64) -> String {
    format!("{:.2} %", 100.0 * fraction)
}
