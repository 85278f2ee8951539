//! The charts of a report, each with a legend and a sentence that says what to look for.

use plotters::style::RGBColor;

use super::axis::Axis;
use super::data::{ReportData, ReportError};
use super::html::escape;
use super::numbers;
use super::palette;
use super::plot::{Layer, Plot, Points};
use crate::metrics::EpochMetrics;

/// Up to this many blocks get a value above their mark and a swatch of their own in the legend.
pub(super) const MOST_NAMED_BLOCKS: usize = 12;

/// Accuracy on the test images after each epoch.
pub(super) fn accuracy_over_epochs(epochs: &[EpochMetrics]) -> Result<String, ReportError> {
    let series: Vec<(&str, RGBColor, Points)> = [
        ("consensus", palette::CONSENSUS, over_epochs(epochs, |epoch| epoch.test_accuracy_consensus)),
        ("validation (chain)", palette::VALIDATION, over_epochs(epochs, |epoch| epoch.validation_accuracy)),
        ("chain", palette::CHAIN, over_epochs(epochs, |epoch| epoch.test_accuracy)),
    ]
    .into_iter()
    .map(|(name, color, points)| (name, color, in_percent(points)))
    .filter(|(_, _, points)| !points.is_empty())
    .collect();
    let legend: String = series.iter().rev().map(|(name, color, _)| swatch(name, *color)).collect();
    let plot = Plot {
        name: "accuracy",
        description: "Test accuracy after each epoch".to_owned(),
        x: epoch_axis(epochs),
        y: percent_axis(series.iter().flat_map(|(_, _, points)| points)),
        layers: series.into_iter().map(|(_, color, points)| Layer::Line { points, color }).collect(),
    };
    let caption = "Every line should climb and level off; lines that sink while the training error still falls mean \
                   that the run is learning its images by heart.";
    let is_measured = plot.layers.iter().any(|layer| matches!(layer, Layer::Line { .. }));
    figure("Test accuracy", &legend, is_measured.then_some(plot), caption)
}

/// What training is told by, of every loss over the epochs.
pub(super) fn loss_over_epochs(data: &ReportData) -> Result<String, ReportError> {
    let (epochs, loss) = (&data.epochs, data.words.loss);
    let blocks = epochs.iter().map(|epoch| epoch.train_loss.len()).max().unwrap_or(0);
    let series: Vec<Points> =
        (0..blocks).map(|block| over_epochs(epochs, |epoch| epoch.train_loss.get(block).copied())).collect();
    let legend = block_legend(blocks);
    let plot = Plot {
        name: "loss",
        description: format!("Mean {loss} of the training images after each epoch, on a logarithmic scale"),
        x: epoch_axis(epochs),
        y: Axis::log(loss, series.iter().flatten().map(|point| point.1)),
        layers: series
            .into_iter()
            .enumerate()
            .map(|(block, points)| Layer::Line { points, color: palette::ramp(block, blocks) })
            .collect(),
    };
    let (title, caption) = match blocks {
        0 | 1 => ("Training error", format!("Mean {loss} on a logarithmic scale: the line should fall.")),
        _ => (
            "Training error of each block",
            format!(
                "Mean {loss} ‖û − u‖² of each block on a logarithmic scale: every line should fall, and \
                 the cleaner the label that a block sees, the lower should its line lie."
            ),
        ),
    };
    figure(title, &legend, (blocks > 0).then_some(plot), &caption)
}

/// The colours of blocks, where there are several.
pub(super) fn block_legend(blocks: usize) -> String {
    if blocks <= 1 {
        return String::new();
    }
    if blocks <= MOST_NAMED_BLOCKS {
        let swatches =
            (0..blocks).map(|block| swatch(&(block + 1).to_string(), palette::ramp(block, blocks)));
        return format!("<span>block</span>{}", swatches.collect::<String>());
    }
    let gradient = palette::ramp_css();
    format!("<span>block 1</span><i class=\"ramp\" style=\"background:{gradient}\"></i><span>{blocks}</span>")
}

/// Accuracy on the test images when the answer is read after each block.
pub(super) fn accuracy_after_blocks(data: &ReportData) -> Result<String, ReportError> {
    let accuracies = &data.summary.test_accuracy_per_block;
    let points = in_percent(numbered(accuracies, 1));
    let consensus = 100.0 * data.summary.test_accuracy_consensus;
    let mut layers = vec![
        Layer::Level { value: consensus, color: palette::CONSENSUS },
        Layer::Line { points: points.clone(), color: palette::CHAIN },
    ];
    if points.len() <= MOST_NAMED_BLOCKS {
        let decimals = if points.len() <= 8 { 2 } else { 1 };
        let texts = points.iter().map(|point| format!("{:.decimals$}", point.1)).collect();
        layers.push(Layer::Texts { points: points.clone(), texts });
    }
    let readout = data.words.readout;
    let plot = Plot {
        name: "accuracy at each read-out",
        description: format!("Test accuracy when the answer is read after each {readout}"),
        x: Axis::counting(readout, 1, accuracies.len()),
        y: percent_axis(points.iter().chain([&(0.0, consensus)])),
        layers,
    };
    let legend = [
        swatch(&format!("read after this {readout}"), palette::CHAIN),
        swatch("consensus", palette::CONSENSUS),
    ]
    .concat();
    let caption = match readout {
        "block" => {
            "Every block answers on its own, so each point should lie far above chance; the chain's answer \
             is read by the output head after the last. Early mistakes that stay make late blocks a little lower than the middle."
        }
        _ => {
            "The network's own answer at evenly spaced steps on the way from noise, each of which should lie far above chance; the \
             headline is read from where the way ends."
        }
    };
    figure(
        &format!("Accuracy after each {readout}"),
        &legend,
        (!accuracies.is_empty()).then_some(plot),
        caption,
    )
}

/// The share of clean label at each step of the noise schedule.
pub(super) fn schedule(alpha_bar: &[f64]) -> Result<String, ReportError> {
    let points = numbered(alpha_bar, 0);
    let plot = Plot {
        name: "noise schedule",
        description: "Share of the label, the rest being noise, at each step".to_owned(),
        x: Axis::counting("step t", 0, alpha_bar.len().saturating_sub(1)),
        y: Axis::linear("ᾱ", [0.0, 1.0].into_iter(), 1.0, (0.0, 1.0)),
        layers: vec![Layer::Line { points, color: palette::CHAIN }],
    };
    let caption = "ᾱ is the share of the label, the rest being noise: it should rise from about 0, pure noise before \
                   the first block, to about 1, the answer after the last.";
    figure("Noise schedule", "", (!alpha_bar.is_empty()).then_some(plot), caption)
}

/// The weight of each block's error in the loss.
pub(super) fn weights(snr_weight: &[f64]) -> Result<String, ReportError> {
    let points = numbered(snr_weight, 1);
    let label = "SNR(t) − SNR(t−1)";
    let values = snr_weight.iter().copied().filter(|weight| weight.is_finite());
    // A weight of zero has no place on a plain logarithmic axis either.
    let all_positive = values.clone().all(|weight| weight > 0.0);
    let legend = if snr_weight.iter().any(|&weight| weight < 0.0) {
        [swatch("positive", palette::CHAIN), swatch("negative", palette::WRONG)].concat()
    } else {
        String::new()
    };
    let plot = Plot {
        name: "loss weights",
        description: "Weight of each block's error in the loss, on a logarithmic scale".to_owned(),
        x: Axis::counting("block t", 1, snr_weight.len()),
        y: if all_positive { Axis::log(label, values) } else { Axis::signed_log(label, values) },
        layers: vec![Layer::Stems { points }],
    };
    let caption = "How much each block's error counts in the loss, on a logarithmic scale: all should be positive \
                   and grow with t; a negative one, in red, rewards its block for a larger error.";
    figure("Loss weight of each block", &legend, (!snr_weight.is_empty()).then_some(plot), caption)
}

/// Every epoch in numbers, as a table that scrolls.
pub(super) fn epoch_table(epochs: &[EpochMetrics]) -> String {
    let validated = epochs.iter().any(|epoch| epoch.validation_accuracy.is_some());
    let rows: String = epochs.iter().map(|epoch| epoch_row(epoch, validated)).collect();
    let body = if epochs.is_empty() {
        "<p class=\"empty\">No epoch yet.</p>".to_owned()
    } else {
        let validation = if validated { "<th>valid. %</th>" } else { "" };
        format!(
            "<div class=\"scroll tall\"><table class=\"numbers\"><thead><tr><th>epoch</th><th>chain %</th>\
             <th>cons. %</th>{validation}<th>error</th><th>lr</th><th>time</th></tr></thead>\
             <tbody>{rows}</tbody></table></div>"
        )
    };
    format!(
        "<figure class=\"card\"><h3>Epoch by epoch</h3>{body}<figcaption>The numbers behind the curves, the error \
         as the mean over the blocks: the time should stay level, for a sudden rise means that the machine was \
         shared.</figcaption></figure>"
    )
}

fn epoch_row(epoch: &EpochMetrics, validated: bool) -> String {
    let losses = &epoch.train_loss;
    let mean = if losses.is_empty() { f64::NAN } else { losses.iter().sum::<f64>() / losses.len() as f64 };
    let cell = |accuracy: Option<f64>| match accuracy {
        Some(accuracy) => format!("<td>{:.2}</td>", 100.0 * accuracy),
        None => "<td>–</td>".to_owned(),
    };
    let validation = if validated { cell(epoch.validation_accuracy) } else { String::new() };
    format!(
        "<tr><td>{}</td>{}{}{validation}<td>{}</td><td>{}</td><td>{}</td></tr>",
        epoch.epoch,
        cell(epoch.test_accuracy),
        cell(epoch.test_accuracy_consensus),
        numbers::significant(mean),
        numbers::short(epoch.learning_rate),
        numbers::duration(epoch.seconds)
    )
}

/// A card with a chart; `None` says that there is nothing to draw yet.
pub(super) fn figure(
    title: &str,
    legend: &str,
    plot: Option<Plot>,
    caption: &str,
) -> Result<String, ReportError> {
    let body = match plot {
        None => "<p class=\"empty\">No data.</p>".to_owned(),
        Some(plot) => {
            let drawing = plot.draw()?;
            let note = match drawing.hidden {
                0 => String::new(),
                1 => "<p class=\"note\">1 value cannot be shown on this scale.</p>".to_owned(),
                more => format!("<p class=\"note\">{more} values cannot be shown on this scale.</p>"),
            };
            format!("<div class=\"legend\">{legend}</div>{}{note}", drawing.svg)
        }
    };
    Ok(format!(
        "<figure class=\"card\"><h3>{}</h3>{body}<figcaption>{}</figcaption></figure>",
        escape(title),
        escape(caption)
    ))
}

pub(super) fn swatch(name: &str, color: RGBColor) -> String {
    format!("<span><i style=\"background:{}\"></i>{}</span>", palette::css(color), escape(name))
}

pub(super) fn over_epochs(epochs: &[EpochMetrics], value: impl Fn(&EpochMetrics) -> Option<f64>) -> Points {
    epochs.iter().filter_map(|epoch| Some((epoch.epoch as f64, value(epoch)?))).collect()
}

/// Each value with its place in the list, counted from `first`.
pub(super) fn numbered(values: &[f64], first: usize) -> Points {
    values.iter().enumerate().map(|(index, &value)| ((first + index) as f64, value)).collect()
}

pub(super) fn in_percent(points: Points) -> Points {
    points.into_iter().map(|(x, fraction)| (x, 100.0 * fraction)).collect()
}

fn epoch_axis(epochs: &[EpochMetrics]) -> Axis {
    let numbers = || epochs.iter().map(|epoch| epoch.epoch);
    Axis::counting("epoch", numbers().min().unwrap_or(1), numbers().max().unwrap_or(1))
}

pub(super) fn percent_axis<'a>(points: impl Iterator<Item = &'a (f64, f64)>) -> Axis {
    Axis::linear("accuracy (%)", points.map(|point| point.1), 1.0, (0.0, 100.0))
}
