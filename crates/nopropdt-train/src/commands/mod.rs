//! The commands of the `nopropdt-train` program.

mod arguments;
mod eval;
mod images;
mod info;
mod numbers;
mod output;
mod progress;
mod remedies;
mod threads;
mod train;

use arguments::DATA_DIR;
pub use arguments::{Cli, Command, EvalArguments, InfoArguments, Readout, TrainArguments, typed_path};
pub use output::{complain, print};

use std::path::Path;
use std::process::ExitCode;
use threads::thread_pool;

/// Wrong use of the program, found after the flags were parsed: exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct UsageError(pub String);

/// Runs a parsed command line.
pub fn run(cli: Cli) -> anyhow::Result<()> {
    let done = match cli.command {
        None => train::run(&cli.train),
        Some(Command::Train(arguments)) => train::run(&arguments),
        Some(Command::Eval(arguments)) => eval::run(&arguments),
        Some(Command::Info(arguments)) => info::run(&arguments),
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

/// Refuses a folder of datasets that is not there; the default one need not be.
fn must_hold_data(data_dir: &Path) -> Result<(), UsageError> {
    match data_dir == Path::new(DATA_DIR) || data_dir.is_dir() {
        true => Ok(()),
        false => Err(UsageError(format!("--data-dir {}: there is no such folder", data_dir.display()))),
    }
}

/// "98.76 %" of a fraction.
fn percent(fraction: f64) -> String {
    format!("{:.2} %", 100.0 * fraction)
}
