//! `cargo xtask golden`: makes the golden files again with PyTorch, or checks that they would come out the same.

use crate::command::run as run_command;
use anyhow::Result;
use clap::Args;

/// Where the Python packages go.
const ENVIRONMENT: &str = "target/golden-venv";

/// Arguments of `golden`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Write nothing; fail when a file would differ
    #[arg(long)]
    check: bool,
    /// Python to make the environment with
    #[arg(long, value_name = "PROGRAM", default_value = "python3")]
    python: String,
}

pub fn run(arguments: Arguments) -> Result<()> {
    let python = format!("{ENVIRONMENT}/bin/python");
    if !crate::root().join(&python).exists() {
        run_command(&arguments.python, &["-m", "venv", ENVIRONMENT], &[])?;
    }
    // The list is complete, and PyTorch's own would add gigabytes that nothing here uses.
    let packages = ["-m", "pip", "install", "--quiet", "--no-deps", "-r", "xtask/golden/requirements.txt"];
    run_command(&python, &packages, &[])?;
    let check: &[&str] = if arguments.check { &["--check"] } else { &[] };
    run_command(&python, &[&["xtask/golden/generate.py"], check].concat(), &[])
}
