//! Running other programs, with what they print left visible.

use anyhow::{Context, Result, bail};
use std::process::Command;

/// Runs a program in the workspace's root and fails unless it succeeds.
pub fn run(program: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Result<()> {
    let line = format!("{program} {}", arguments.join(" "));
    // Beside what the program itself says, and out of what this one prints as its result.
    eprintln!("$ {line}");
    let status = Command::new(program)
        .args(arguments)
        .envs(environment.iter().copied())
        .current_dir(crate::root())
        .status()
        .with_context(|| format!("{line}: can't be started"))?;
    if !status.success() {
        bail!("{line}: {status}");
    }
    Ok(())
}
