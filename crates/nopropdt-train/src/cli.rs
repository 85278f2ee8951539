//! The program: `nopropdt-train` with whatever a registry holds.

use crate::commands::{Cli, complain, exit_code, run as run_command};
use crate::registry::Registry;
use crate::signals::outlive_file_size_limits;
use anyhow::Context;
use std::panic;
use std::process::ExitCode;

/// Runs the command line of this process with the methods, blocks, schedules, objectives and datasets of `registry`: everything that
/// `nopropdt-train` does, for things of one's own too.
pub fn run(registry: Registry) -> ExitCode {
    // A decoder's panic becomes an error about the picture, which is one line.
    let print = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        if !nopropdt_data::is_decoding() {
            print(panic);
        }
    }));
    nopropdt_kernels::keep_freed_memory();
    let result = outlive_file_size_limits()
        .context("can't listen for signals")
        .and_then(|()| run_command(Cli::parse_in(&registry), &registry));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("error: {error:#}"));
            exit_code(&error)
        }
    }
}
