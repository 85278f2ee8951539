//! The `nopropdt-serve` command; everything it does is in the library.

#![forbid(unsafe_code)]

use clap::Parser;
use nopropdt_serve::{Options, ServeError};
use nopropdt_train::registry::Registry;
use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    nopropdt_kernels::one_heap();
    let Err(error) = nopropdt_serve::run(Registry::builtin(), &Options::parse()) else {
        return ExitCode::SUCCESS;
    };
    // Nobody is left to tell of a closed error output.
    drop(writeln!(std::io::stderr(), "error: {error}"));
    match error {
        ServeError::Usage(_) => ExitCode::from(2),
        _ => ExitCode::FAILURE,
    }
}
