//! Project chores: `cargo xtask COMMAND`.
//!
//! Each command has its own file. Exit codes: 0 done, 1 failed, 2 wrong use (by clap).

mod fetch_data;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(name = "xtask", bin_name = "cargo xtask", about = "Project chores")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Fetch datasets and check them
    FetchData(fetch_data::Arguments),
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::FetchData(arguments) => fetch_data::run(arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
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
        for line in ["", "fetch", "fetch-data nothing", "fetch-data --mirror ftp://host"] {
            let error =
                Cli::try_parse_from(["xtask"].into_iter().chain(line.split_whitespace())).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{line}");
        }
    }
}
