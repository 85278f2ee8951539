//! The file of a cell's result: what was asked, and what came of it, whole enough to be read without the program.

use super::measure::Measure;
use super::outcome::Outcome;
use crate::config::Value;
use serde::{Deserialize, Serialize};

/// A result as its file has it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ResultFile {
    /// The cell's name.
    pub(super) cell: String,
    /// Every setting by section; of a folder or file of images the name alone.
    pub(super) settings: Value,
    /// Those that followed from the images, by section and key, which `settings` does not have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) open: Vec<String>,
    /// The seed, which is one of the settings too.
    pub(super) seed: u64,
    pub(super) measure: Measure,
    #[serde(flatten)]
    pub(super) outcome: Outcome,
}
