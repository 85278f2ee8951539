//! The commit of the source that the program is built from.

use anyhow::{Context, Result, bail};
use std::process::Command;

/// The commit, and whether the source was changed since.
pub(super) fn commit() -> Result<String> {
    let id = git(&["rev-parse", "--short=12", "HEAD"])?;
    let changed = git(&["status", "--porcelain", "--", "crates", "xtask", "Cargo.toml", "Cargo.lock"])?;
    Ok(if changed.is_empty() { id } else { format!("{id} with changes") })
}

fn git(arguments: &[&str]) -> Result<String> {
    let what = || format!("git {}", arguments.join(" "));
    let output = Command::new("git").args(arguments).current_dir(crate::root()).output();
    let output = output.with_context(|| format!("{}: can't be started", what()))?;
    if !output.status.success() {
        bail!("{}: {}", what(), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
