//! Many trainings as a file tells of them: settings in common, what varies, named arms, seeds.

mod arm;
mod cross;
mod error;
mod fields;
mod name;
mod terms;
#[cfg(test)]
mod tests;
mod written;

pub use arm::Arm;
pub use error::GridError;

use super::cell::Cell;
use crate::registry::Registry;
use std::path::Path;
use written::Written;

/// Arms, each of cells that differ in their seed alone.
#[derive(Debug, Clone, PartialEq)]
pub struct Grid {
    about: Option<String>,
    test: bool,
    arms: Vec<Arm>,
}

impl Grid {
    /// Reads a TOML file, with the names of `registry`. Its form is in `docs/formats.md`.
    ///
    /// # Errors
    /// The first mistake, with file and line: an unknown key, a value of the wrong kind, an empty list, cells of the same name, settings
    /// that do not resolve.
    pub fn from_file_in(path: &Path, registry: &Registry) -> Result<Self, GridError> {
        let file = || Some(path.display().to_string());
        let text = std::fs::read_to_string(path).map_err(|error| GridError {
            file: file(),
            line: None,
            problem: format!("can't be read: {error}"),
        })?;
        Self::from_text_in(&text, registry).map_err(|error| GridError { file: file(), ..error })
    }

    /// As [`Grid::from_file_in`], of the text of a file.
    ///
    /// # Errors
    /// As `from_file_in`, without the file.
    pub fn from_text_in(text: &str, registry: &Registry) -> Result<Self, GridError> {
        let read = || {
            let written = Written::read(text, registry)?;
            let (about, test) = (written.about.clone(), written.test);
            Ok(Self { about, test, arms: cross::arms(written, registry)? })
        };
        read().map_err(|mistake: error::Mistake| mistake.in_text(text))
    }

    /// What the file says it is for.
    pub fn about(&self) -> Option<&str> {
        self.about.as_deref()
    }

    /// Whether the test set is measured; else cells have accuracies on validation images alone.
    pub fn tests(&self) -> bool {
        self.test
    }

    /// The arms: each `[[arm]]` with each combination of what varies, the last setting fastest.
    pub fn arms(&self) -> &[Arm] {
        &self.arms
    }

    /// Every cell, arm by arm and seed by seed.
    pub fn cells(&self) -> impl Iterator<Item = &Cell> {
        self.arms.iter().flat_map(Arm::cells)
    }

    /// The arm that `arm` is compared with; none of one that others are compared with.
    pub fn reference(&self, arm: &Arm) -> Option<&Arm> {
        self.arms.get(arm.against?)
    }
}
