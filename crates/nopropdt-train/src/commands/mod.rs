//! The commands of the `nopropdt-train` program.

mod arguments;
mod eval;
mod images;
mod info;
mod output;
mod progress;
mod train;

pub use arguments::{Cli, Command, EvalArguments, InfoArguments, Readout, TrainArguments};
pub use info::cpu_name;
pub use output::complain;

use crate::config::ConfigError;
use crate::run_folder::RunFolderError;
use crate::trainer::TrainError;
use std::process::ExitCode;

/// Wrong use of the program, found after the flags were parsed: exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct UsageError(pub String);

/// Runs a parsed command line.
pub fn run(cli: Cli) -> anyhow::Result<()> {
    match cli.command {
        None => train::run(&cli.train),
        Some(Command::Train(arguments)) => train::run(&arguments),
        Some(Command::Eval(arguments)) => eval::run(&arguments),
        Some(Command::Info(arguments)) => info::run(&arguments),
    }
}

/// 2 for wrong use, 130 when interrupted (as shells have it), 1 for everything else.
pub fn exit_code(error: &anyhow::Error) -> ExitCode {
    let wrong_use = error.is::<UsageError>()
        || error.is::<ConfigError>()
        || matches!(error.downcast_ref(), Some(RunFolderError::Taken { .. } | RunFolderError::NoRun { .. }));
    match error.downcast_ref::<train::Stopped>() {
        Some(train::Stopped { error: TrainError::Interrupted { .. }, .. }) => ExitCode::from(130),
        _ if wrong_use => ExitCode::from(2),
        _ => ExitCode::FAILURE,
    }
}

/// More threads than any machine has cores: a slip of the finger, which could exhaust the system's.
const MOST_THREADS: usize = 1024;

/// A pool of `threads` threads, all of the machine's when None.
fn thread_pool(threads: Option<usize>) -> anyhow::Result<rayon::ThreadPool> {
    if let Some(found) = threads.filter(|threads| !(1..=MOST_THREADS).contains(threads)) {
        return Err(UsageError(format!("--threads: must be from 1 to {MOST_THREADS}; found {found}")).into());
    }
    Ok(rayon::ThreadPoolBuilder::new().num_threads(threads.unwrap_or(0)).build()?)
}

/// "98.76 %" of a fraction.
fn percent(fraction: f64) -> String {
    format!("{:.2} %", 100.0 * fraction)
}
