//! Table 2: memory of training.

use super::super::data::Data;
use super::super::memory::{Memory, mebibytes};
use super::super::paper;
use super::write_origins;
use nopropdt_train::experiments::Origin;
use std::fmt::{Result, Write};

const EXPLANATION: &str = "*Ours*, in MiB: how much resident memory training adds, at most, to a process that has read its images. It trains on 512 images in batches of 128, on one thread. For each further thread, DT needs one block's activations more. Adjoint, CT and FM train one network of the same size, one slice of a batch after the other, so gradients decide their memory. CT and FM add each piece of a gradient to the batch's sum as soon as it is final. The adjoint method first collects a slice's gradient over all steps of the solver; it keeps nothing of its forward pass. *Paper*, in GB: measured on a GPU.";

pub(super) fn section(text: &mut String, memory: &[Memory]) -> Result {
    writeln!(text, "## Table 2: memory of training\n\n{EXPLANATION}\n")?;
    if memory.is_empty() {
        return writeln!(text, "Not measured.\n");
    }
    let origins: Vec<Origin> = memory.iter().map(|memory| memory.origin.clone()).collect();
    write_origins(text, "measurements", &origins)?;
    writeln!(text, "| dataset | method | paper, GB | ours, MiB |\n| --- | --- | --- | --- |")?;
    for Memory { dataset, method, bytes, .. } in memory {
        let data = Data::ALL.into_iter().find(|data| data.title() == dataset);
        let column = data.and_then(paper::column);
        let of_paper = paper::TABLE_2.iter().find(|row| row.0 == method).zip(column);
        let of_paper = of_paper.map_or("–".to_owned(), |(row, column)| format!("{:.2}", row.1[column]));
        writeln!(text, "| {dataset} | {method} | {of_paper} | {:.1} |", mebibytes(*bytes))?;
    }
    writeln!(text)
}
