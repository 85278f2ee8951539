//! The `nopropdt-serve` command; everything it does is in the library.

#![forbid(unsafe_code)]

use clap::Parser;
use nopropdt_serve::{CommandLine, ServeError};
use nopropdt_train::registry::Registry;
use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    nopropdt_kernels::one_heap();
    let line = CommandLine::parse();
    let result = match line.text() {
        Ok(Some(text)) => std::io::stdout().write_all(&text).map_err(ServeError::Output),
        Ok(None) => nopropdt_serve::run(Registry::builtin(), &line.options),
        Err(error) => Err(ServeError::Output(error)),
    };
    let Err(error) = result else { return ExitCode::SUCCESS };
    // Nobody is left to tell of a closed error output.
    drop(writeln!(std::io::stderr(), "error: {error}"));
    match error {
        ServeError::Usage(_) => ExitCode::from(2),
        _ => ExitCode::FAILURE,
    }
}
