//! Small JSON files of what was asked and found.

use crate::files::{WriteError, replace_file};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::path::Path;

/// What a record says. An unreadable one is as good as none: what it tells of is run again.
pub fn read_record<T: DeserializeOwned>(path: &Path) -> Option<T> {
    serde_json::from_slice(&std::fs::read(path).ok()?).ok()
}

/// Replaces a record whole.
///
/// # Errors
/// When the file can't be written.
///
/// # Panics
/// When `value` has no JSON form, as a map whose keys are no text.
pub fn write_record(path: &Path, value: &impl Serialize) -> Result<(), WriteError> {
    let mut text = serde_json::to_string_pretty(value).expect("records have a JSON form");
    text.push('\n');
    replace_file(path, text.as_bytes())
}
