//! What each block does: alone and in the chain, with its latent and with another's, and how blocks resemble each other.

use super::axis::Axis;
use super::data::{ReportData, ReportError};
use super::figures::{MOST_NAMED_BLOCKS, figure, in_percent, numbered, percent_axis, swatch};
use super::frame::pair;
use super::heat_map::HeatMap;
use super::numbers;
use super::palette;
use super::plot::{Layer, Plot};
use crate::diagnostics::{Denoising, Diagnostics, SharedSets};

/// All cards.
pub(super) fn section(diagnostics: &Diagnostics, data: &ReportData) -> Result<String, ReportError> {
    let readout = data.words.readout;
    let of_blocks: Option<Vec<&Denoising>> =
        diagnostics.blocks.iter().map(|block| block.denoising.as_ref()).collect();
    let mut body = String::new();
    if let Some(of_blocks) = of_blocks.filter(|blocks| !blocks.is_empty()) {
        body.push_str(&pair(&errors(&of_blocks, readout)?, &accuracies(diagnostics, &of_blocks, readout)?));
    }
    body.push_str(&pair(&table(diagnostics, readout), &shared(diagnostics)));
    let maps = [agreement(diagnostics), similarity(diagnostics)];
    if let [Some(agreement), similarity] = maps {
        body.push_str(&pair(&agreement, &similarity.unwrap_or_default()));
    }
    body.push_str(&format!("<p class=\"caption\">{}</p>", inputs(diagnostics)));
    Ok(body)
}

/// Which inputs were looked at.
fn inputs(diagnostics: &Diagnostics) -> String {
    let Diagnostics { on, inputs, .. } = diagnostics;
    format!(
        "Measured on {} {on} inputs, spread evenly over all of them, in one draw of the noise.",
        numbers::count(*inputs as u64)
    )
}

/// Mean error of each block on noised truth and in the chain.
fn errors(blocks: &[&Denoising], readout: &'static str) -> Result<String, ReportError> {
    let on_truth: Vec<f64> = blocks.iter().map(|block| block.squared_error_on_truth).collect();
    let in_chain: Vec<f64> = blocks.iter().map(|block| block.squared_error_in_chain).collect();
    let plot = Plot {
        name: "error on noised truth and in the chain",
        description: format!(
            "Mean squared error of each {readout} on noised truth and in the chain, on a logarithmic scale"
        ),
        x: Axis::counting(readout, 1, blocks.len()),
        y: Axis::log("‖û − u‖²", on_truth.iter().chain(&in_chain).copied()),
        layers: vec![
            Layer::Line { points: numbered(&on_truth, 1), color: palette::VALIDATION },
            Layer::Line { points: numbered(&in_chain, 1), color: palette::CHAIN },
        ],
    };
    let legend =
        [swatch("on noised truth", palette::VALIDATION), swatch("in the chain", palette::CHAIN)].concat();
    let caption = "Noised truth is what blocks are trained on: the true class's embedding with noise. Where the line of the chain lies \
                   above it, the gap is what the mistakes of earlier blocks cost this one.";
    figure("Error alone and in the chain", &legend, Some(plot), caption)
}

/// Accuracy of each block with its latent and with that of another input.
fn accuracies(
    diagnostics: &Diagnostics,
    blocks: &[&Denoising],
    readout: &'static str,
) -> Result<String, ReportError> {
    let own: Vec<f64> = diagnostics.blocks.iter().map(|block| block.accuracy).collect();
    let other: Vec<f64> = blocks.iter().map(|block| block.accuracy_with_other_latent).collect();
    let [own, other] = [own, other].map(|values| in_percent(numbered(&values, 1)));
    let mut layers = vec![
        Layer::Line { points: other.clone(), color: palette::CONSENSUS },
        Layer::Line { points: own.clone(), color: palette::CHAIN },
    ];
    if own.len() <= MOST_NAMED_BLOCKS {
        let texts = own.iter().map(|point| format!("{:.1}", point.1)).collect();
        layers.push(Layer::Texts { points: own.clone(), texts });
    }
    let plot = Plot {
        name: "accuracy with the latent of another input",
        description: format!("Accuracy of each {readout} with its own latent and with that of another input"),
        x: Axis::counting(readout, 1, blocks.len()),
        y: percent_axis(own.iter().chain(&other)),
        layers,
    };
    let legend =
        [swatch("own latent", palette::CHAIN), swatch("latent of another input", palette::CONSENSUS)]
            .concat();
    let caption = "Each input gets the latent that the chain made for another. A block whose accuracy stays answers by the image \
                   alone; one whose accuracy falls repeats what its latent says.";
    figure("What blocks use of their latent", &legend, Some(plot), caption)
}

fn table(diagnostics: &Diagnostics, readout: &str) -> String {
    let denoises = diagnostics.blocks.iter().any(|block| block.denoising.is_some());
    let head = if denoises {
        "<th>ᾱ</th><th>truth %</th><th>other z %</th><th>error, truth</th><th>error, chain</th>"
    } else {
        ""
    };
    let share = |value: f64| format!("<td>{:.2}</td>", 100.0 * value);
    let row = |(index, block): (usize, &crate::diagnostics::BlockDiagnosis)| {
        let rest = block.denoising.as_ref().map(|block| {
            let number = |value: f64| format!("<td>{}</td>", numbers::significant(value));
            [
                number(block.alpha_bar),
                share(block.accuracy_on_truth),
                share(block.accuracy_with_other_latent),
                number(block.squared_error_on_truth),
                number(block.squared_error_in_chain),
            ]
            .concat()
        });
        let (own, calibration) = (share(block.accuracy), share(block.calibration_error));
        format!("<tr><td>{}</td>{own}{calibration}{}</tr>", index + 1, rest.unwrap_or_default())
    };
    let rows: String = diagnostics.blocks.iter().enumerate().map(row).collect();
    format!(
        "<figure class=\"card\"><h3>In numbers</h3><div class=\"scroll tall\"><table class=\"numbers\"><thead><tr><th>{readout}</th>\
         <th>chain %</th><th>calib. %</th>{head}</tr></thead><tbody>{rows}</tbody></table></div><figcaption>Accuracy along the chain, \
         calibration error of the block's own probabilities there, and the numbers behind the charts. A late block with a small error on \
         truth and a large one in the chain trusts latents that are wrong.</figcaption></figure>"
    )
}

/// How often each two blocks answer alike; nothing of a single one.
fn agreement(diagnostics: &Diagnostics) -> Option<String> {
    let caption = "A share is that of inputs to which two blocks give the same answer along the chain. A full square in the lower right \
                   corner is late blocks that repeat each other; a faint row is a block that answers on its own.";
    let map = HeatMap {
        title: "Agreement of blocks",
        what: "same answers",
        blocks: &diagnostics.compared,
        values: &diagnostics.agreement,
        caption,
    };
    (diagnostics.compared.len() > 1).then(|| map.card())
}

/// How alike their image features are, where each has its own.
fn similarity(diagnostics: &Diagnostics) -> Option<String> {
    let similarity = diagnostics.similarity.as_ref()?;
    let caption = "Linear CKA of the image features of two blocks: 100 is the same up to rotation and scale. Blocks learn alone, so a full \
                   square means that they found the same features without being told of each other.";
    let map = HeatMap {
        title: "Likeness of image features",
        what: "linear CKA",
        blocks: &diagnostics.compared,
        values: &similarity.cka,
        caption,
    };
    Some(map.card())
}

/// Norms and distances of what the blocks share.
fn shared(diagnostics: &Diagnostics) -> String {
    let SharedSets { embedding_norm, smallest_distance, head_norm } = &diagnostics.shared;
    let rows = [
        ("norm of the embedding", embedding_norm),
        ("smallest distance of two classes", smallest_distance),
        ("norm of the head's weight", head_norm),
    ];
    let row = |(name, value): &(&str, &Option<f64>)| {
        value.map(|value| format!("<div><dt>{name}</dt><dd>{}</dd></div>", numbers::significant(value)))
    };
    let rows: String = rows.iter().filter_map(row).collect();
    format!(
        "<figure class=\"card\"><h3>What blocks share</h3><dl class=\"facts\">{rows}</dl><figcaption>An embedding that is fixed is left out. Classes whose \
         distance shrinks towards 0 can no longer be told apart; metrics.jsonl has these numbers after every epoch.</figcaption></figure>"
    )
}
