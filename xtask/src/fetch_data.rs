//! `cargo xtask fetch-data`: `nopropdt-train fetch` by another name.

use anyhow::Result;
use nopropdt_train::commands::{FetchArguments, fetch};

/// Fetches into the project's data folder, wherever in the project the command was given, unless another is named.
///
/// # Errors
/// Those of `nopropdt-train fetch`.
pub fn run(arguments: FetchArguments) -> Result<()> {
    let data_dir = Some(crate::data_dir(arguments.data_dir.as_deref()));
    fetch(FetchArguments { data_dir, ..arguments })
}
