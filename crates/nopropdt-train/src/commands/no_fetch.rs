//! `fetch` in a program built without the feature of that name.

use anyhow::{Result, bail};
use clap::Args;
use std::ffi::OsString;

/// What brings a dataset: nothing in this program.
pub(super) const COMMAND: &str = "cargo xtask fetch-data";

/// Arguments of `fetch`: any, since none of them can help.
#[derive(Debug, Args)]
pub struct FetchArguments {
    /// Whatever is given
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    rest: Vec<OsString>,
}

/// Says how to get a program that fetches.
///
/// # Errors
/// Always.
pub fn fetch(_: FetchArguments) -> Result<()> {
    bail!(
        "fetch: this program was built without downloads; in a checkout run `{COMMAND}`, or build the program with `--features fetch`"
    )
}
