//! `cargo xtask check`: what CI checks of the source, cheapest first.

use crate::command::run as run_command;
use anyhow::Result;
use clap::Args;

/// Arguments of `check`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Leave out the tests
    #[arg(long)]
    no_tests: bool,
}

pub fn run(arguments: Arguments) -> Result<()> {
    let cargo =
        |arguments: &[&str], environment: &[(&str, &str)]| run_command("cargo", arguments, environment);
    cargo(&["fmt", "--all", "--check"], &[])?;
    // Projects beside the workspace, whose lock files a new dependency of ours must reach.
    for project in ["fuzz/Cargo.toml", "examples/outside/Cargo.toml"] {
        cargo(&["fetch", "--locked", "--manifest-path", project], &[])?;
    }
    cargo(&["clippy", "--workspace", "--all-targets", "--locked", "--", "--deny", "warnings"], &[])?;
    cargo(&["doc", "--workspace", "--no-deps", "--locked"], &[("RUSTDOCFLAGS", "--deny warnings")])?;
    if !arguments.no_tests {
        cargo(&["test", "--workspace", "--locked"], &[])?;
    }
    Ok(())
}
