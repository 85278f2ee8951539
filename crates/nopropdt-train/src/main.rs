//! The `nopropdt-train` command; everything it does is in the library.

#![forbid(unsafe_code)]

use nopropdt_train::registry::Registry;
use std::process::ExitCode;

fn main() -> ExitCode {
    nopropdt_train::cli::run(Registry::builtin())
}
