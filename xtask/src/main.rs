//! Project chores: `cargo xtask COMMAND`.
//!
//! Each command has its own file. Exit codes: 0 done, 1 failed, 2 wrong use, 130 interrupted, 141 when a program that was run ended
//! because nobody reads its output any more.
//!
//! `println!` and `eprintln!` panic when their reader has gone away (`| head -1`): `print` and `complain` stand in for them.

#![forbid(unsafe_code)]
#![deny(clippy::print_stdout, clippy::print_stderr)]

mod bench;
mod check;
mod command;
mod dist;
#[cfg(test)]
mod documented;
mod fetch_data;
mod golden;
mod guide;
mod pictures;
mod reproduce;
mod stress;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use nopropdt_train::commands::complain;
use nopropdt_train::data_folder::{ChosenBy, DataFolder};
use nopropdt_train::signals::outlive_file_size_limits;

#[derive(Debug, Parser)]
#[command(name = "xtask", bin_name = "cargo xtask", about = "Project chores")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Fetch datasets and check them: `nopropdt-train fetch`, with the project's data folder in place of your cache folder
    FetchData(nopropdt_train::commands::FetchArguments),
    /// Check the source as CI does: format, lints, documentation, tests
    Check(check::Arguments),
    /// Measure training and inference, beside this processor's limits and other frameworks
    Bench(bench::Arguments),
    /// Run the paper's tables and figures, and write them down
    Reproduce(reproduce::Arguments),
    /// Kill runs at random moments, and start them at once, many times: bits must stay the same, and folders have one owner
    Stress(stress::Arguments),
    /// Build an archive to give away: release programs, completions, manual pages, licences, a checksum
    Dist(dist::Arguments),
    /// Make the book of the documentation by mdBook, or run the documentation's commands
    Guide(guide::Arguments),
    /// Make the golden test files again with PyTorch
    Golden(golden::Arguments),
    /// Make the documentation's pictures again: a diagram, and the report of a run by Chromium
    Pictures(pictures::Arguments),
}

/// Wrong use that the argument parser does not see.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct WrongUse(String);

/// The workspace's folder.
fn root() -> PathBuf {
    let manifest = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().map_or(manifest.clone(), PathBuf::from)
}

/// The folder of datasets: as training finds it, and before the user's cache folder the one of this project.
fn data_dir(given: Option<&Path>) -> PathBuf {
    match DataFolder::find(given) {
        DataFolder { chosen_by: ChosenBy::Default, .. } => root().join("data"),
        DataFolder { path, .. } => path,
    }
}

fn main() -> ExitCode {
    nopropdt_kernels::keep_freed_memory();
    if let Err(error) = outlive_file_size_limits() {
        complain(&format!("error: can't listen for signals: {error}"));
        return ExitCode::FAILURE;
    }
    let result = match Cli::parse().command {
        Command::FetchData(arguments) => fetch_data::run(arguments),
        Command::Check(arguments) => check::run(arguments),
        Command::Bench(arguments) => bench::run(arguments),
        Command::Reproduce(arguments) => reproduce::run(arguments),
        Command::Stress(arguments) => stress::run(arguments),
        Command::Dist(arguments) => dist::run(arguments),
        Command::Guide(arguments) => guide::run(arguments),
        Command::Golden(arguments) => golden::run(arguments),
        Command::Pictures(arguments) => pictures::run(arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is::<command::ReaderGone>() => ExitCode::from(141),
        Err(error) => {
            complain(&format!("error: {error:#}"));
            match () {
                () if error.is::<WrongUse>() => ExitCode::from(2),
                () if error.is::<reproduce::Interrupted>() => ExitCode::from(130),
                () => ExitCode::FAILURE,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn wrong_use_is_code_2() {
        for line in ["", "fetch", "fetch-data nothing", "fetch-data --mirror ftp://host", "bench --seconds 0"]
        {
            let error =
                Cli::try_parse_from(["xtask"].into_iter().chain(line.split_whitespace())).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{line}");
        }
    }
}
