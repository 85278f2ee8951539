//! Tests of the whole page.

use super::*;
use crate::calibration::Calibration;
use crate::confusion::Confusion;
use crate::diagnostics::{BlockDiagnosis, Denoising, Diagnostics, HeldOut, SharedSets, Similarity};
use crate::evaluate::Counts;
use crate::metrics::{EpochMetrics, Summary};
use crate::pixels::Pixels;
use nopropdt_blocks::Readout;

fn picture(channels: usize, prediction: usize) -> Picture {
    let values = vec![128; 4 * 4 * channels];
    let pixels = Some(Pixels { height: 4, width: 4, channels, values });
    Picture { pixels, label: 0, prediction, confidence: 0.75 }
}

fn epoch(number: usize, blocks: usize) -> EpochMetrics {
    let fade = 1.0 / number as f64;
    EpochMetrics {
        epoch: number,
        seconds: 10.0,
        train_loss: (1..=blocks).map(|block| 0.08 * fade / block as f64).collect(),
        total: vec![0.5 * fade; blocks],
        squared_error: (1..=blocks).map(|block| 0.08 * fade / block as f64).collect(),
        cross_entropy: vec![0.4 * fade; blocks],
        kl: vec![0.0; blocks],
        gradient_norm: vec![2.0 * fade; blocks],
        block_seconds: vec![1.25; blocks],
        shared: None,
        learning_rate: 1e-3,
        validation_accuracy: Some(1.0 - 0.04 * fade),
        validation_accuracy_consensus: None,
        test_accuracy: Some(1.0 - 0.05 * fade),
        test_accuracy_per_block: vec![1.0 - 0.05 * fade; blocks],
        test_accuracy_consensus: Some(1.0 - 0.03 * fade),
        test_balanced_accuracy: None,
        test_balanced_accuracy_consensus: None,
        readout: None,
        answer_accuracy: None,
        images_per_second: 6000.0,
    }
}

/// Answers to two classes, three right ones and a wrong one.
fn counts() -> Counts {
    let (mut confusion, mut calibration) = (Confusion::none(2), Calibration::none());
    for (label, answer, probability) in [(0, 0, 0.9), (0, 1, 0.6), (1, 1, 0.97), (1, 1, 0.8)] {
        confusion.add(label, answer);
        calibration.add(probability, label == answer);
    }
    Counts { confusion, calibration }
}

fn sample(epochs: usize, blocks: usize) -> ReportData {
    ReportData {
        title: "NoProp-DT on digits".to_owned(),
        facts: vec![("dataset".to_owned(), "digits".to_owned()), ("method".to_owned(), "dt".to_owned())],
        epochs: (1..=epochs).map(|number| epoch(number, blocks)).collect(),
        summary: Summary {
            test_accuracy: 0.9512,
            test_accuracy_consensus: 0.9734,
            test_balanced_accuracy: None,
            test_balanced_accuracy_consensus: None,
            readout: None,
            answer_accuracy: None,
            test_accuracy_per_block: vec![0.96; blocks],
            epochs,
            extended_after: vec![],
            best_epoch: None,
            stopped_early: None,
            parameters: 1_234_567,
            seconds: 75.0,
            train_seconds: 61.0,
            peak_rss_bytes: 123_000_000,
            train_rss_bytes: Some(100_000_000),
            precision: "f32".to_owned(),
            isa: "avx2".to_owned(),
            threads: 2,
            seed: 0,
        },
        words: Words { readout: "block", loss: "squared error" },
        alpha_bar: (0..=blocks).map(|t| t as f64 / blocks.max(1) as f64).collect(),
        snr_weight: (1..=blocks).map(|t| 10f64.powi(t as i32 - 2)).collect(),
        class_names: vec!["cat".to_owned(), "dog".to_owned()],
        readout: Readout::Consensus,
        chain: counts(),
        consensus: counts(),
        diagnostics: None,
        prototypes: vec![picture(1, 0).pixels.unwrap(), picture(1, 0).pixels.unwrap()],
        pictures: vec![picture(1, 1), picture(3, 0)],
        chains: vec![ChainPicture {
            picture: picture(1, 1),
            probabilities: vec![vec![0.3, 0.7]; blocks.max(1)],
        }],
    }
}

/// What three blocks do; the last answers as the second does.
fn diagnostics(denoises: bool) -> Diagnostics {
    let denoising = |block: usize| Denoising {
        alpha_bar: 0.3 * block as f64,
        accuracy_on_truth: 0.99,
        squared_error_on_truth: 0.01 / (block + 1) as f64,
        squared_error_in_chain: 0.0125,
        accuracy_with_other_latent: 0.5,
        use_of_latent: 0.45,
    };
    let block = |block: usize| BlockDiagnosis {
        accuracy: 0.95,
        calibration_error: 0.0321,
        denoising: denoises.then(|| denoising(block)),
    };
    Diagnostics {
        on: HeldOut::Validation,
        inputs: 1234,
        seed: 1,
        blocks: (0..3).map(block).collect(),
        compared: vec![1, 2, 3],
        agreement: vec![vec![1.0, 0.9, 0.9], vec![0.9, 1.0, 1.0], vec![0.9, 1.0, 1.0]],
        similarity: Some(Similarity {
            inputs: 1000,
            cka: vec![vec![1.0, 0.4, 0.5], vec![0.4, 1.0, 0.6], vec![0.5, 0.6, 1.0]],
        }),
        shared: SharedSets { embedding_norm: None, smallest_distance: Some(1.25), head_norm: Some(3.5) },
    }
}

#[test]
fn what_each_block_does_has_charts_and_squares() {
    let mut data = sample(2, 3);
    data.diagnostics = Some(diagnostics(true));
    let page = render(&data).unwrap();
    assert_sound(&page);
    let section =
        page.split_once("<section id=\"diagnostics\"").unwrap().1.split_once("</section>").unwrap().0;
    assert!(section.contains("What each block does") && section.contains("1\u{202f}234 validation inputs"));
    assert_eq!((section.matches("<svg").count(), section.matches("<figcaption>").count()), (4, 6));
    assert_eq!(section.matches("% same answers</title>").count(), 9);
    assert!(section.contains("<title>1 and 3: 50.0\u{a0}% linear CKA</title>"));
    assert!(section.contains("<td>3.21</td>") && section.contains("<td>0.0125</td>"));
    assert!(section.contains("<dd>1.25</dd>") && !section.contains("norm of the embedding"));
}

#[test]
fn blocks_that_do_not_denoise_have_squares_alone() {
    let mut data = sample(2, 3);
    data.diagnostics = Some(Diagnostics { similarity: None, ..diagnostics(false) });
    let page = render(&data).unwrap();
    assert_sound(&page);
    let section =
        page.split_once("<section id=\"diagnostics\"").unwrap().1.split_once("</section>").unwrap().0;
    assert_eq!((section.matches("<svg").count(), section.matches("<figcaption>").count()), (1, 3));
    assert!(!section.contains("truth %"), "{section}");
}

/// Fails where an element is left open, closed twice, or a number did not survive.
fn assert_sound(page: &str) {
    for tag in [
        "html", "body", "main", "section", "figure", "svg", "table", "tr", "td", "th", "div", "dl", "text",
        "title",
    ] {
        let opened = page.matches(&format!("<{tag} ")).count() + page.matches(&format!("<{tag}>")).count();
        assert_eq!(opened, page.matches(&format!("</{tag}>")).count(), "<{tag}>");
    }
    for broken in ["NaN", "inf\"", "inf<", ">inf"] {
        assert!(!page.contains(broken), "the page holds {broken}");
    }
}

#[test]
fn a_full_report_has_every_section_and_number() {
    let page = render(&sample(5, 4)).unwrap();
    assert_sound(&page);
    let ids = [
        "headline",
        "run",
        "training",
        "blocks",
        "losses",
        "schedule",
        "classes",
        "calibration",
        "prototypes",
    ];
    for id in ids.into_iter().chain(["pictures", "chains"]) {
        assert!(page.contains(&format!("<section id=\"{id}\"")), "{id}");
    }
    for text in ["95.12\u{a0}%", "97.34\u{a0}%", "1\u{a0}min 01\u{a0}s", "117\u{a0}MiB"] {
        assert!(page.contains(text), "{text}");
    }
    assert!(page.contains("1\u{202f}234\u{202f}567") && page.contains("6\u{202f}000"));
    assert_eq!(page.matches("<svg").count(), 8);
    assert_eq!(page.matches("<figcaption>").count(), 14);
    assert_eq!(page.matches("data:image/png;base64,").count(), 5);
    assert!(page.contains("validation (chain)"));
    // One tile has the answer.
    assert_eq!(page.matches("class=\"tile answer\"").count(), 1);
    assert!(page.contains("<div class=\"tile answer\"><span>consensus accuracy"));
    assert!(!page.contains("cannot be shown") && !page.contains("class=\"empty"));
}

#[test]
fn the_page_loads_nothing_and_runs_nothing() {
    let page = render(&sample(3, 4)).unwrap();
    for outside in ["http:", "https:", "<script", "<link", "<iframe", "@import", "url("] {
        assert!(!page.contains(outside), "{outside}");
    }
    for (start, _) in page.match_indices("src=") {
        assert!(page[start..].starts_with("src=\"data:image/png;base64,"));
    }
    assert!(!page.contains("href="));
}

#[test]
fn text_from_outside_stays_text() {
    let mut data = sample(1, 2);
    data.title = "<script>alert(1)</script>".to_owned();
    data.facts.push(("a<b".to_owned(), "\"x\" & 'y' <img src=q>".to_owned()));
    data.class_names[0] = "\"><script>".to_owned();
    let page = render(&data).unwrap();
    assert_sound(&page);
    assert!(!page.contains("<script") && !page.contains("<img src=q"));
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    assert!(page.contains("<dt>a&lt;b</dt><dd>&quot;x&quot; &amp; &#39;y&#39; &lt;img src=q&gt;</dd>"));
}

#[test]
fn small_and_large_runs_draw_every_chart() {
    for (epochs, blocks) in [(1, 1), (1, 10), (300, 1), (2, 40)] {
        let page = render(&sample(epochs, blocks)).unwrap();
        assert_sound(&page);
        assert_eq!(page.matches("<svg").count(), 8, "{epochs} epochs, {blocks} blocks");
        assert!(!page.contains("cannot be shown"), "{epochs} epochs, {blocks} blocks");
    }
    assert!(render(&sample(1, 1)).unwrap().contains("<small>1 epoch</small>"));
}

#[test]
fn parts_without_data_say_so() {
    let mut data = sample(0, 0);
    (data.alpha_bar, data.pictures, data.chains) = (vec![], vec![], vec![]);
    let none = Counts { confusion: Confusion::none(2), calibration: Calibration::none() };
    (data.chain, data.consensus) = (none.clone(), none);
    let page = render(&data).unwrap();
    assert_sound(&page);
    assert_eq!(page.matches("<svg").count(), 0);
    assert_eq!(page.matches("class=\"empty").count(), 8);
}

#[test]
fn negative_and_infinite_weights_are_shown_or_counted() {
    let mut data = sample(2, 4);
    data.snr_weight = vec![-300.0, -0.02, 5.0, f64::NEG_INFINITY];
    let page = render(&data).unwrap();
    assert_sound(&page);
    let chart = page.split_once("Loss weight of each block").unwrap().1;
    let chart = chart.split_once("</figure>").unwrap().0;
    assert_eq!(chart.matches("<circle").count(), 3);
    assert_eq!(chart.matches("<circle").count() - chart.matches("fill=\"#3B7DD8\"").count(), 2);
    assert!(chart.contains("−100") && chart.contains("1 value cannot be shown"), "{chart}");
}

#[test]
fn a_bad_picture_is_an_error() {
    let mut data = sample(1, 1);
    data.pictures[1].pixels.as_mut().unwrap().values.pop();
    let message = render(&data).unwrap_err().to_string();
    assert_eq!(message, "picture 2: pixels must be height × width × channels = 4 × 4 × 3; found 47");
    let mut data = sample(1, 1);
    data.chains[0].picture.label = 5;
    assert!(render(&data).unwrap_err().to_string().starts_with("chain 1: label must be below"));
}
