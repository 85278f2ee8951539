//! The `nopropdt-train` command; everything it does is in the library.

#![forbid(unsafe_code)]

use clap::Parser;
use nopropdt_train::commands::{Cli, complain, exit_code, run};
use std::process::ExitCode;

fn main() -> ExitCode {
    nopropdt_tensor::kernels::keep_freed_memory();
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("error: {error:#}"));
            exit_code(&error)
        }
    }
}
