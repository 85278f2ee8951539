//! From a finished run to what its report shows.

use super::data::{ChainPicture, Picture, ReportData, Words};
use super::numbers;
use crate::class_balance::is_unequal;
use crate::config::{EmbeddingKind, RunConfig};
use crate::diagnostics::Diagnostics;
use crate::evaluate::{Answer, Inspection, chain_of, inspect};
use crate::metrics::{EpochMetrics, Summary};
use crate::pixels::Pixels;
use nopropdt_blocks::{Method, Weights};
use nopropdt_data::{Dataset, Examples, ImageShape, Split};

/// Test images shown.
const PICTURES: usize = 60;
/// How many of them may be wrongly answered ones, so that some right ones are always seen.
const WRONG: usize = 40;
/// Images whose way through the blocks is shown: this many wrong ones and this many right ones.
const CHAINS: usize = 3;

/// A finished run.
pub struct Parts<'a> {
    /// Its configuration.
    pub config: &'a RunConfig,
    /// Its network.
    pub network: &'a dyn Method,
    /// What was learned.
    pub weights: &'a Weights,
    /// What it was learned from.
    pub dataset: &'a Dataset,
    /// Every epoch.
    pub metrics: &'a [EpochMetrics],
    /// The result.
    pub summary: &'a Summary,
    /// What its blocks do, if that was measured.
    pub diagnostics: Option<&'a Diagnostics>,
}

/// Gathers the report's numbers and pictures; answers every test image once.
pub fn collect(parts: &Parts<'_>) -> ReportData {
    let test = &parts.dataset.test;
    let readout = parts.summary.readout.unwrap_or_else(|| parts.network.readout());
    let Inspection { answers, chain: of_chain, consensus: of_consensus } =
        inspect(parts.network, parts.weights, test, parts.config.training.seed, readout);
    let (right, mut wrong): (Vec<Answer>, Vec<Answer>) =
        answers.into_iter().partition(|answer| answer.prediction == test.label(answer.index));
    // The worst mistakes first: those the network was surest of.
    wrong.sort_by(|one, other| other.confidence.total_cmp(&one.confidence));
    let shown_wrong = wrong.len().min(WRONG);
    let grid = wrong.iter().take(shown_wrong).chain(right.iter().take(PICTURES - shown_wrong));
    let chain = |answer: &Answer| ChainPicture {
        picture: picture(test, answer),
        probabilities: chain_of(parts.network, parts.weights, test, parts.config.training.seed, answer.index),
    };
    let (network, alpha_bar) = (parts.network.facts(), parts.network.alpha_bar(parts.weights));
    ReportData {
        title: format!("{} on {}", network.name, parts.dataset.name),
        facts: facts(parts),
        words: Words { readout: network.readout_name(), loss: network.shown.name() },
        epochs: parts.metrics.to_vec(),
        summary: parts.summary.clone(),
        snr_weight: if network.one_network { Vec::new() } else { snr_weights(&alpha_bar) },
        alpha_bar,
        class_names: parts.dataset.class_names.clone(),
        readout,
        prototypes: prototypes(parts),
        chain: of_chain,
        consensus: of_consensus,
        diagnostics: parts.diagnostics.cloned(),
        pictures: grid.map(|answer| picture(test, answer)).collect(),
        chains: wrong.iter().take(CHAINS).chain(right.iter().take(CHAINS)).map(chain).collect(),
    }
}

/// The embedding of each class as a picture, where embeddings are pictures.
fn prototypes(parts: &Parts<'_>) -> Vec<Pixels> {
    let shape = parts.dataset.shape().image().filter(|shape| [1, 3].contains(&shape.channels));
    let is_picture = parts.config.embedding.kind == EmbeddingKind::Prototype;
    let Some(shape) = shape.filter(|_| is_picture) else { return Vec::new() };
    let (matrix, normalisation) =
        (parts.network.embedding_matrix(parts.weights), parts.dataset.train.normalisation());
    matrix.data().chunks_exact(shape.len()).map(|row| Pixels::seen(shape, row, normalisation)).collect()
}

/// Which epoch the model is of, where that is not the last, and whether the run ended early.
fn model_facts(summary: &Summary) -> Vec<(String, String)> {
    let best = summary
        .best_epoch
        .map(|best| ("model", format!("of epoch {best}, the best on the validation images")));
    let stopped = summary.stopped_early.map(|early| {
        let said = if early { "yes, none was better on the validation images" } else { "no" };
        ("stopped early", said.to_owned())
    });
    best.into_iter().chain(stopped).map(|(label, value)| (label.to_owned(), value)).collect()
}

/// SNR(t) − SNR(t−1) of each step.
fn snr_weights(alpha_bar: &[f64]) -> Vec<f64> {
    let snr = |alpha_bar: f64| alpha_bar / (1.0 - alpha_bar);
    alpha_bar.windows(2).map(|pair| snr(pair[1]) - snr(pair[0])).collect()
}

fn picture(test: &Split, answer: &Answer) -> Picture {
    let pixels = test.picture(answer.index).map(|(shape, values)| {
        let ImageShape { height, width, channels } = shape;
        Pixels { height, width, channels, values }
    });
    Picture {
        pixels,
        label: test.label(answer.index),
        prediction: answer.prediction,
        confidence: answer.confidence,
    }
}

/// The settings of the run by name, and the data and machine it met.
fn facts(parts: &Parts<'_>) -> Vec<(String, String)> {
    let (data, noun) = (parts.dataset, parts.dataset.shape().noun());
    let mut facts = vec![
        (format!("training {noun}"), data.train.len().to_string()),
        (format!("test {noun}"), data.test.len().to_string()),
        ("shape".to_owned(), data.shape().to_string()),
    ];
    // A fixed embedding has no settings of its own.
    let fixed = parts.config.embedding.kind == EmbeddingKind::OneHot;
    let settings = parts.config.named_settings().into_iter();
    let settings = settings.filter(|(name, _)| !(fixed && name.starts_with("embedding-")));
    facts.extend(settings.map(|(name, value)| {
        (name.replace(['-', '.'], " "), value.to_string().trim_matches('"').to_owned())
    }));
    let Summary { test_balanced_accuracy, test_balanced_accuracy_consensus, .. } = parts.summary;
    if is_unequal(&data.test.class_counts(data.classes())) {
        let balanced = [("chain", test_balanced_accuracy), ("consensus", test_balanced_accuracy_consensus)];
        let balanced = balanced.into_iter().filter_map(|(name, share)| {
            let share = numbers::percent((*share)?, 2);
            Some((format!("{name}, mean over classes"), share))
        });
        facts.extend(balanced);
    }
    facts.extend(model_facts(parts.summary));
    facts.push(("kernels".into(), parts.summary.isa.clone()));
    facts.push(("threads".into(), parts.summary.threads.to_string()));
    facts
}
