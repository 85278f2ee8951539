//! Somebody who watches cells being run.

use super::cell::Cell;
use super::outcome::Fate;
use std::path::Path;

/// What is told while cells are run, one after the other.
pub trait Watch {
    /// The cell at `index`, from 0, begins or goes on; its run is in the folder `run`.
    fn begin(&self, _index: usize, _cell: &Cell, _run: &Path) {}

    /// Called again and again while a cell is run.
    fn tick(&self) {}

    /// What became of the cell at `index`. It was begun before unless it was finished already or its dataset is not there.
    fn end(&self, _index: usize, _cell: &Cell, _fate: &Fate) {}
}
