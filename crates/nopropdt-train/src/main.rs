//! The `nopropdt-train` command; everything it does is in the library.

#![forbid(unsafe_code)]

use anyhow::Context;
use clap::Parser;
use nopropdt_train::commands::{Cli, complain, exit_code, run};
use nopropdt_train::signals::outlive_file_size_limits;
use std::panic;
use std::process::ExitCode;

fn main() -> ExitCode {
    // A decoder's panic becomes an error about the picture, which is one line.
    let print = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        if !nopropdt_data::is_decoding() {
            print(panic);
        }
    }));
    nopropdt_kernels::keep_freed_memory();
    let result =
        outlive_file_size_limits().context("can't listen for signals").and_then(|()| run(Cli::parse()));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("error: {error:#}"));
            exit_code(&error)
        }
    }
}
