//! Cells that differ in their seed alone.

use crate::config::{RunConfig, Value};
use crate::experiments::cell::Cell;
use std::path::{Path, PathBuf};

/// Cells that differ in their seed alone.
#[derive(Debug, Clone, PartialEq)]
pub struct Arm {
    pub(super) name: String,
    pub(super) bundle: Option<String>,
    pub(super) varied: Vec<(String, Value)>,
    pub(super) images: Option<PathBuf>,
    pub(super) at_least: Option<f64>,
    pub(super) seconds: Option<f64>,
    /// Place among the arms of the one that it is compared with.
    pub(super) against: Option<usize>,
    /// One or more.
    pub(super) cells: Vec<Cell>,
}

impl Arm {
    /// Its name: that of its `[[arm]]`, and what varies.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name of its `[[arm]]`, if it is of one.
    pub fn bundle(&self) -> Option<&str> {
        self.bundle.as_deref()
    }

    /// What varies, by section and key, and its value here.
    pub fn varied(&self) -> &[(String, Value)] {
        &self.varied
    }

    /// Its cells, one a seed.
    pub fn cells(&self) -> &[Cell] {
        &self.cells
    }

    /// Its settings, with the first seed. A folder or file of images is named, and not placed.
    pub fn config(&self) -> &RunConfig {
        &self.cells[0].config
    }

    /// What its dataset is called in a few letters.
    pub fn dataset(&self) -> String {
        self.config().data.dataset.short_name()
    }

    /// The folder or file of its images, where the dataset is one, as the grid names it.
    pub fn images(&self) -> Option<&Path> {
        self.images.as_deref()
    }

    /// The least accuracy of the chain, a fraction, where one is promised.
    pub fn at_least(&self) -> Option<f64> {
        self.at_least
    }

    /// Expected seconds of a cell, where the grid says them.
    pub fn seconds(&self) -> Option<f64> {
        self.seconds
    }
}
