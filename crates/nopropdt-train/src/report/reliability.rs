//! Whether probabilities mean what they say.

use super::axis::Axis;
use super::data::{ReportData, ReportError};
use super::figures::{figure, swatch};
use super::frame::pair;
use super::numbers;
use super::palette;
use super::plot::{Layer, Plot, Points};
use crate::calibration::{BINS, Calibration};
use nopropdt_blocks::Readout;
use plotters::style::RGBColor;

/// The diagram, and how many answers it is made of.
pub(super) fn section(data: &ReportData) -> Result<String, ReportError> {
    let of = |readout| (&data.counts(readout).calibration, colour(readout));
    let both = Readout::ALL.map(of);
    let has_answers = both.iter().any(|(calibration, _)| !calibration.reliability().is_empty());
    let legend: String = Readout::ALL
        .iter()
        .zip(&both)
        .map(|(readout, (calibration, color))| {
            let error = numbers::percent(calibration.expected_error(), 2);
            swatch(&format!("{readout}: error {error}"), *color)
        })
        .collect();
    let perfect: Points = vec![(0.0, 0.0), (100.0, 100.0)];
    let mut layers = vec![Layer::Line { points: perfect, color: palette::PERFECT }];
    layers.extend(
        both.iter().map(|(calibration, color)| Layer::Line { points: points(calibration), color: *color }),
    );
    let plot = Plot {
        name: "reliability",
        description: "Share of right answers by their probability".to_owned(),
        x: percents("probability of the answer (%)"),
        y: percents("right (%)"),
        layers,
    };
    let caption = "Of answers given with 80 % four of five should be right: points below the grey line are answers that promise \
                   too much, points above it are too modest. The error is the mean distance from the line (expected calibration error).";
    let diagram = figure("Reliability", &legend, has_answers.then_some(plot), caption)?;
    Ok(pair(&diagram, &answers(&both, has_answers)?))
}

/// How many answers have which probability.
fn answers(both: &[(&Calibration, RGBColor); 2], has_answers: bool) -> Result<String, ReportError> {
    let legend: String =
        Readout::ALL.iter().zip(both).map(|(readout, (_, color))| swatch(readout.name(), *color)).collect();
    let shares = |calibration: &Calibration| {
        let bins = calibration.reliability();
        let all: u64 = bins.iter().map(|bin| bin.answers).sum();
        let point = |(from, answers)| {
            (100.0 * (from + 0.5 / BINS as f64), 100.0 * answers as f64 / all.max(1) as f64)
        };
        bins.iter().map(|bin| point((bin.from, bin.answers))).collect::<Points>()
    };
    let series = both.map(|(calibration, color)| (shares(calibration), color));
    let plot = Plot {
        name: "probabilities",
        description: "Share of the answers by their probability".to_owned(),
        x: percents("probability of the answer (%)"),
        y: Axis::linear(
            "answers (%)",
            series.iter().flat_map(|(points, _)| points).map(|point| point.1),
            1.0,
            (0.0, 100.0),
        ),
        layers: series.into_iter().map(|(points, color)| Layer::Line { points, color }).collect(),
    };
    let caption = "How sure the answers are: most of a good network's stand at the right. Few answers make a point of the \
                   diagram uncertain.";
    figure("How sure the answers are", &legend, has_answers.then_some(plot), caption)
}

fn points(calibration: &Calibration) -> Points {
    let bins = calibration.reliability();
    bins.iter().map(|bin| (100.0 * bin.confidence, 100.0 * bin.accuracy)).collect()
}

fn percents(label: &'static str) -> Axis {
    Axis::linear(label, [0.0, 100.0].into_iter(), 1.0, (0.0, 100.0))
}

fn colour(readout: Readout) -> RGBColor {
    match readout {
        Readout::Chain => palette::CHAIN,
        Readout::Consensus => palette::CONSENSUS,
    }
}
