//! The report of a run: one self-contained HTML page, readable without a network, a script or this program.
//!
//! [`render`] turns plain data into the page. The charts are drawn by plotters into inline SVG (`plot`, on the
//! axes of `axis`); their ink is `currentColor`, so that they follow the reader's light or dark scheme.

mod axis;
mod blocks;
mod chains;
mod classes;
mod collect;
mod comparison;
mod data;
mod diagnosis;
mod dots;
mod figures;
mod frame;
mod heat_map;
mod html;
mod numbers;
mod page;
mod palette;
mod pictures;
mod plot;
mod reliability;
mod sweep;
#[cfg(test)]
mod tests;

pub use crate::pixels::Pixels;
pub use collect::{Parts, collect};
pub use comparison::render_comparison;
pub use data::{ChainPicture, Picture, ReportData, ReportError, Words};
pub use sweep::render_sweep;

/// The report as one HTML page: no script and nothing to load.
///
/// A run of one epoch, of one block, or without pictures gives a page too; a part without data says so. Values
/// that an axis cannot show (zero on a logarithmic one, NaN, infinity) are counted under their chart.
///
/// # Errors
/// [`ReportError::Picture`] when a picture's fields disagree (size, channels, class numbers, probabilities);
/// [`ReportError::Chart`] when the drawing library fails.
pub fn render(data: &ReportData) -> Result<String, ReportError> {
    page::render(data)
}
