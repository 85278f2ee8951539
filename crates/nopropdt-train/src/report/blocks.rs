//! Each block in training: its loss by terms, its gradient, its time.

use super::axis::Axis;
use super::data::{ReportData, ReportError};
use super::figures::{block_legend, figure, over_epochs};
use super::frame::pair;
use super::numbers;
use super::palette;
use super::plot::{Layer, Plot, Points};
use crate::metrics::EpochMetrics;

/// Both cards; nothing for a run of before, which did not keep this.
pub(super) fn section(data: &ReportData) -> Result<Option<String>, ReportError> {
    let Some(last) = data.epochs.last().filter(|last| !last.total.is_empty()) else { return Ok(None) };
    Ok(Some(pair(&gradients(data)?, &table(last, data.words.readout))))
}

/// Norm of each block's gradient after each epoch.
fn gradients(data: &ReportData) -> Result<String, ReportError> {
    let blocks = data.epochs.iter().map(|epoch| epoch.gradient_norm.len()).max().unwrap_or(0);
    let of_block = |block: usize| over_epochs(&data.epochs, |epoch| epoch.gradient_norm.get(block).copied());
    let series: Vec<Points> = (0..blocks).map(of_block).collect();
    let last = data.epochs.last().map_or(1, |epoch| epoch.epoch);
    let plot = Plot {
        name: "gradient norm",
        description: "Norm of the gradient of each block after each epoch, on a logarithmic scale".to_owned(),
        x: Axis::counting("epoch", 1, last),
        y: Axis::log("gradient norm", series.iter().flatten().map(|point| point.1)),
        layers: series
            .into_iter()
            .enumerate()
            .map(|(block, points)| Layer::Line { points, color: palette::ramp(block, blocks) })
            .collect(),
    };
    let caption = "Euclidean norm before clipping, a mean over every tenth batch: lines should fall or stay level; one that \
                   climbs without end asks for a lower rate or for clipping.";
    figure("Gradient of each block", &block_legend(blocks), (blocks > 0).then_some(plot), caption)
}

/// The last epoch in numbers.
fn table(last: &EpochMetrics, readout: &str) -> String {
    // A method's own terms: one that is nowhere is not one of them.
    let terms = [
        ("squared error", &last.squared_error),
        ("cross-entropy", &last.cross_entropy),
        ("KL", &last.kl),
        ("gradient", &last.gradient_norm),
    ];
    let terms: Vec<_> =
        terms.into_iter().filter(|(_, values)| values.iter().any(|&value| value != 0.0)).collect();
    let head: String = terms.iter().map(|(name, _)| format!("<th>{name}</th>")).collect();
    let number = |values: &[f64], block: usize| {
        values.get(block).map_or_else(|| "–".to_owned(), |&value| numbers::significant(value))
    };
    let row = |block: usize| {
        let cells = terms.iter().map(|(_, values)| format!("<td>{}</td>", number(values, block)));
        let seconds =
            last.block_seconds.get(block).map_or_else(|| "–".to_owned(), |&time| numbers::duration(time));
        format!(
            "<tr><td>{}</td><td>{}</td>{}<td>{seconds}</td></tr>",
            block + 1,
            number(&last.total, block),
            cells.collect::<String>()
        )
    };
    let rows: String = (0..last.total.len()).map(row).collect();
    let block = if last.total.len() == 1 { "all" } else { readout };
    format!(
        "<figure class=\"card\"><h3>Loss of each block</h3><div class=\"scroll tall\"><table class=\"numbers\"><thead><tr><th>{block}</th>\
         <th>loss</th>{head}<th>time</th></tr></thead><tbody>{rows}</tbody></table></div><figcaption>Terms of the loss in the last \
         epoch, means over its batches; the loss is their weighted sum. Times of blocks that learn side by side \
         overlap.</figcaption></figure>"
    )
}
