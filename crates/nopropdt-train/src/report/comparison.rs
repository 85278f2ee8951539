//! Several runs on one page: what they reached, in which settings they differ, and their curves.

use super::axis::Axis;
use super::data::ReportError;
use super::figures::{figure, swatch};
use super::frame::{page, pair, section};
use super::html::escape;
use super::numbers;
use super::palette;
use super::plot::{Layer, Plot, Points};
use crate::config::Value;
use crate::metrics::EpochMetrics;
use crate::runs::{Difference, RunRecord, differing_settings};

/// The page that compares runs, in the order given: no script and nothing to load. A run that has not ended is shown as far as it is.
///
/// # Errors
/// [`ReportError::Chart`] when the drawing library fails.
pub fn render_comparison(runs: &[RunRecord]) -> Result<String, ReportError> {
    let mut differing = differing_settings(runs);
    // The epochs have a column of their own.
    differing.retain(|setting| setting.key != "training.epochs");
    let title = match runs.len() {
        1 => "1 run".to_owned(),
        count => format!("{count} runs compared"),
    };
    let curves = [
        pair(&accuracy(runs, CHAIN)?, &accuracy(runs, CONSENSUS)?),
        pair(&errors(runs)?, &after_blocks(runs)?),
    ];
    let sections = [
        section("results", "Results", &results(runs, &differing)),
        section("curves", "Curves", &curves.join("")),
    ];
    Ok(page(&title, &sections.join("\n")))
}

/// A column of the table, and what a run has in it.
type Column<T> = (&'static str, fn(&RunRecord) -> T);

/// A table with a line a run; the best of each column is marked.
fn results(runs: &[RunRecord], differing: &[Difference]) -> String {
    let same =
        |value: &dyn Fn(&RunRecord) -> String| runs.windows(2).all(|two| value(&two[0]) == value(&two[1]));
    let named: [Column<String>; 3] = [
        ("method", |run| run.config.method.name.clone()),
        ("block", |run| run.config.block.name.clone()),
        ("dataset", RunRecord::dataset),
    ];
    let shown: Vec<_> = named.iter().filter(|(_, value)| !same(value)).collect();
    let accuracies: [Column<Option<f64>>; 3] =
        [("answer", RunRecord::accuracy), ("chain", RunRecord::chain), ("consensus", RunRecord::consensus)];
    let best = accuracies.map(|(_, of)| runs.iter().filter_map(of).fold(f64::NEG_INFINITY, f64::max));
    let head = ["run"].into_iter().chain(shown.iter().map(|(name, _)| *name));
    let head = head.chain(accuracies.iter().map(|(name, _)| *name)).chain(["epochs", "time", "parameters"]);
    let head = head.chain(differing.iter().map(|setting| setting.name.as_str()));
    let head: String = head.map(|name| format!("<th>{}</th>", escape(name))).collect();
    let row = |(index, run): (usize, &RunRecord)| {
        let color = palette::css(palette::run(index, runs.len()));
        let mut cells = format!("<th><i style=\"background:{color}\"></i>{}</th>", escape(&run.name));
        cells.extend(shown.iter().map(|(_, value)| format!("<td>{}</td>", escape(&value(run)))));
        for ((_, of), best) in accuracies.iter().zip(best) {
            cells += &accuracy_cell(of(run), best);
        }
        let epochs = match run.is_finished() {
            true => run.epochs().to_string(),
            false => format!("{} of {}", run.epochs(), run.config.training.epochs),
        };
        let parameters =
            run.summary.as_ref().map_or_else(|| "–".to_owned(), |end| numbers::count(end.parameters));
        cells +=
            &format!("<td>{epochs}</td><td>{}</td><td>{parameters}</td>", numbers::duration(run.seconds()));
        cells.extend(differing.iter().map(|setting| {
            format!(
                "<td>{}</td>",
                escape(&run.settings.get(&setting.key).map_or_else(|| "–".to_owned(), Value::plain))
            )
        }));
        format!("<tr>{cells}</tr>")
    };
    let rows: String = runs.iter().enumerate().map(row).collect();
    format!(
        "<figure class=\"card\"><div class=\"scroll\"><table class=\"numbers classes compared\"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody>\
         </table></div><figcaption>Test accuracies after the last epoch, or of the epoch that was kept: the best of each column is bold. \
         One run of each says little where they are close: another seed may turn the order round.</figcaption></figure>"
    )
}

fn accuracy_cell(accuracy: Option<f64>, best: f64) -> String {
    match accuracy {
        Some(share) if share == best => format!("<td><b>{}</b></td>", numbers::percent(share, 2)),
        Some(share) => format!("<td>{}</td>", numbers::percent(share, 2)),
        None => "<td>–</td>".to_owned(),
    }
}

/// A curve over the epochs, and what it is called.
struct Curve {
    title: &'static str,
    value: fn(&EpochMetrics) -> Option<f64>,
}

const CHAIN: Curve = Curve { title: "Chain", value: |epoch| epoch.test_accuracy };
const CONSENSUS: Curve = Curve { title: "Consensus", value: |epoch| epoch.test_accuracy_consensus };

fn accuracy(runs: &[RunRecord], curve: Curve) -> Result<String, ReportError> {
    let points = |run: &RunRecord| over_epochs(run, |epoch| (curve.value)(epoch).map(|share| 100.0 * share));
    let series: Vec<Points> = runs.iter().map(points).collect();
    let y = Axis::linear("accuracy (%)", values(&series), 1.0, (0.0, 100.0));
    let caption = "Test accuracy after each epoch. What counts is where a line levels off; one that still climbs would gain by more epochs.";
    drawn(
        runs,
        curve.title,
        "Test accuracy of each run after each epoch",
        epoch_axis(runs),
        y,
        series,
        caption,
    )
}

fn errors(runs: &[RunRecord]) -> Result<String, ReportError> {
    let mean = |epoch: &EpochMetrics| {
        let count = epoch.train_loss.len() as f64;
        Some(epoch.train_loss.iter().sum::<f64>() / count)
    };
    let series: Vec<Points> = runs.iter().map(|run| over_epochs(run, mean)).collect();
    let y = Axis::log("training error", values(&series));
    let caption = "Mean over the blocks, on a logarithmic scale. Of runs with other losses or embeddings it can't be compared.";
    drawn(
        runs,
        "Training error",
        "Training error of each run after each epoch",
        epoch_axis(runs),
        y,
        series,
        caption,
    )
}

/// Accuracy at each read-out after the last epoch, along the way from noise to answer: runs may differ in the number of read-outs.
fn after_blocks(runs: &[RunRecord]) -> Result<String, ReportError> {
    let points = |run: &RunRecord| {
        // Not every epoch is measured.
        let measured = run.metrics.iter().rev().find(|epoch| !epoch.test_accuracy_per_block.is_empty());
        let blocks = measured.map(|epoch| epoch.test_accuracy_per_block.clone()).unwrap_or_default();
        let count = blocks.len() as f64;
        let each = blocks.into_iter().enumerate();
        each.map(|(block, share)| (100.0 * (block + 1) as f64 / count, 100.0 * share)).collect::<Points>()
    };
    let series: Vec<Points> = runs.iter().map(points).collect();
    let x = Axis::linear("part of the way (%)", [0.0, 100.0].into_iter(), 1.0, (0.0, 100.0));
    let y = Axis::linear("accuracy (%)", values(&series), 1.0, (0.0, 100.0));
    let caption = "Test accuracy when the answer is read on the way, after the last epoch: at 100 % after the last block.";
    drawn(
        runs,
        "On the way",
        "Test accuracy of each run on the way from noise to answer",
        x,
        y,
        series,
        caption,
    )
}

fn drawn(
    runs: &[RunRecord],
    title: &str,
    description: &str,
    x: Axis,
    y: Axis,
    series: Vec<Points>,
    caption: &str,
) -> Result<String, ReportError> {
    let color = |index| palette::run(index, runs.len());
    let legend: String =
        runs.iter().enumerate().map(|(index, run)| swatch(&run.name, color(index))).collect();
    let any = series.iter().any(|points| !points.is_empty());
    let layers = series.into_iter().enumerate();
    let layers = layers.map(|(index, points)| Layer::Line { points, color: color(index) }).collect();
    let plot = Plot { name: "comparison", description: description.to_owned(), x, y, layers };
    figure(title, &legend, any.then_some(plot), caption)
}

fn over_epochs(run: &RunRecord, value: impl Fn(&EpochMetrics) -> Option<f64>) -> Points {
    run.metrics.iter().filter_map(|epoch| Some((epoch.epoch as f64, value(epoch)?))).collect()
}

fn values(series: &[Points]) -> impl Iterator<Item = f64> + Clone + '_ {
    series.iter().flatten().map(|point| point.1)
}

fn epoch_axis(runs: &[RunRecord]) -> Axis {
    let most = runs.iter().filter_map(|run| run.metrics.last()).map(|epoch| epoch.epoch).max();
    Axis::counting("epoch", 1, most.unwrap_or(1))
}
