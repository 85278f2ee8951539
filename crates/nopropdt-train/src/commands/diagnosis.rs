//! What each block does, as tables for people.

use super::percent;
use crate::diagnostics::{BlockDiagnosis, Diagnostics};

/// A line a block, a square of agreement, one of likeness, and what the blocks share. `block` is what a block is called, `inputs` what was looked
/// at.
pub(super) fn tables(diagnostics: &Diagnostics, block: &str, inputs: &str) -> String {
    let mut text =
        format!("\nwhat each {block} does, on {} {} {inputs}\n", diagnostics.inputs, diagnostics.on);
    text.push_str(&lines(diagnostics, block));
    let blocks = &diagnostics.compared;
    if blocks.len() > 1 {
        text.push_str(&format!("\nsame answers of two {block}s along the chain, percent\n"));
        text.push_str(&square(blocks, &diagnostics.agreement));
    }
    if let Some(similarity) = &diagnostics.similarity {
        let count = similarity.inputs;
        text.push_str(&format!("\nlinear CKA of image features, of {count} {inputs}, in hundredths\n"));
        text.push_str(&square(blocks, &similarity.cka));
    }
    let shared = &diagnostics.shared;
    let named = [
        ("norm of the embedding", shared.embedding_norm),
        ("smallest distance of two classes", shared.smallest_distance),
        ("norm of the head's weight", shared.head_norm),
    ];
    let mut said = named.iter().filter_map(|(name, value)| Some((name, (*value)?))).peekable();
    if said.peek().is_some() {
        text.push('\n');
    }
    said.for_each(|(name, value)| text.push_str(&format!("{name:<33} {value:.4}\n")));
    text
}

fn lines(diagnostics: &Diagnostics, block: &str) -> String {
    let denoises = diagnostics.blocks.iter().any(|block| block.denoising.is_some());
    let mut head = vec![block, "in chain", "calibration error"];
    if denoises {
        head.extend(["on truth", "other latent", "use of latent", "error on truth", "error in chain"]);
    }
    let head: Vec<String> = head.into_iter().map(str::to_owned).collect();
    let row = |(index, block): (usize, &BlockDiagnosis)| {
        let mut row =
            vec![(index + 1).to_string(), percent(block.accuracy), percent(block.calibration_error)];
        if let Some(denoising) = &block.denoising {
            row.extend([
                percent(denoising.accuracy_on_truth),
                percent(denoising.accuracy_with_other_latent),
                percent(denoising.use_of_latent),
                format!("{:.4}", denoising.squared_error_on_truth),
                format!("{:.4}", denoising.squared_error_in_chain),
            ]);
        }
        row
    };
    aligned(std::iter::once(head).chain(diagnostics.blocks.iter().enumerate().map(row)).collect())
}

/// Shares of each two blocks, in whole percent.
fn square(blocks: &[usize], values: &[Vec<f64>]) -> String {
    let head = std::iter::once(String::new()).chain(blocks.iter().map(usize::to_string)).collect();
    let row = |(block, values): (&usize, &Vec<f64>)| {
        let cells = values.iter().map(|value| format!("{:.0}", 100.0 * value));
        std::iter::once(block.to_string()).chain(cells).collect()
    };
    aligned(std::iter::once(head).chain(blocks.iter().zip(values).map(row)).collect())
}

/// Columns that end at one place each.
fn aligned(rows: Vec<Vec<String>>) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells: Vec<String> =
            row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:>width$}")).collect();
        cells.join("  ") + "\n"
    };
    rows.iter().map(line).collect()
}
