//! Paths as typed.

use crate::home::at_home;
use clap::builder::{PathBufValueParser, TypedValueParser};
use std::path::PathBuf;

/// What is said of every `--data-dir`.
pub const DATA_DIR_HELP: &str = "Where datasets are [default: $NOPROPDT_DATA_DIR, else data if it is here, else nopropdt in your cache folder]";

/// A path in which a `~` that the shell left is the home folder.
pub fn typed_path() -> impl TypedValueParser<Value = PathBuf> {
    PathBufValueParser::new().map(|path| at_home(&path))
}
