//! `export`: a trained network as files of other programs.

use super::sampled::sampled_as_asked;
use super::{ExportArguments, ExportFormat, UsageError, must_exist, output};
use crate::config::PrecisionKind;
use crate::export::pytorch::About;
use crate::export::{CONSENSUS, ExportError, PROBABILITIES, example, graph_of, onnx, pytorch};
use crate::files::replace_file;
use crate::model_file::{Model, load_in};
use crate::registry::Registry;
use anyhow::{Context, Result};
use indicatif::ProgressBar;
use nopropdt_blocks::Readout;
use nopropdt_tensor::graph::Graph;
use nopropdt_tensor::{Isa, Precision};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Exported {
    files: Vec<PathBuf>,
    inputs: Vec<Described>,
    outputs: Vec<Described>,
    classes: usize,
    nodes: usize,
    /// Whether the network was trained in bf16, so that answers here are rounded otherwise.
    trained_in_bf16: bool,
}

/// A name and its shape, `batch` for the first axis.
#[derive(Debug, Serialize)]
struct Described {
    name: String,
    shape: Vec<String>,
}

pub(super) fn run(arguments: &ExportArguments, registry: &Registry) -> Result<()> {
    must_exist("--model", Some(&arguments.model))?;
    Isa::selected().map_err(|error| UsageError(error.to_string()))?;
    let targets = targets(arguments)?;
    let mut model = load_in(&arguments.model, registry)?;
    let trained_in_bf16 = model.network.facts().precision == Precision::Bf16;
    // What is exported is in f32, and so is what it is held against.
    model.metadata.config.training.precision = PrecisionKind::F32;
    model.network = sampled_as_asked(&model, arguments.steps, arguments.sampler, "")?;
    let of_model = || arguments.model.display().to_string();
    let graph = laid(&model).with_context(of_model)?;
    let mut contents = contents(arguments.to, &model, &graph, &targets).with_context(of_model)?;
    if arguments.example.is_some() {
        contents.push(example(&model, model.metadata.config.training.seed));
    }
    for (path, bytes) in targets.iter().zip(&contents) {
        replace_file(path, bytes)?;
    }
    let exported = Exported {
        files: targets,
        inputs: graph.inputs.iter().map(|input| described(&input.name, &input.shape)).collect(),
        outputs: graph.outputs.iter().map(|(name, value)| described(name, graph.shape(*value))).collect(),
        classes: model.metadata.class_names.len(),
        nodes: graph.nodes.len(),
        trained_in_bf16,
    };
    output::print(&if arguments.json { serde_json::to_string(&exported)? } else { describe(&exported) })
}

/// The graph of an answer, with a sign of life: a thousand steps of a large network take some seconds.
fn laid(model: &Model) -> Result<Graph, ExportError> {
    let message = format!("laying an answer of {} steps", model.network.facts().steps);
    let sign = ProgressBar::new_spinner().with_message(message);
    sign.enable_steady_tick(Duration::from_millis(100));
    let graph = graph_of(model);
    sign.finish_and_clear();
    graph
}

/// The files to write, those of the format first, then that of the example.
fn targets(arguments: &ExportArguments) -> Result<Vec<PathBuf>, UsageError> {
    let ExportArguments { model, to, out, example, .. } = arguments;
    let mut targets = vec![out.clone()];
    match to {
        ExportFormat::Onnx => {}
        ExportFormat::Pytorch => targets.push(out.with_extension("weights.safetensors")),
    }
    targets.extend(example.clone());
    for (index, target) in targets.iter().enumerate() {
        let others = targets[..index].iter().chain([model]);
        if others.into_iter().any(|other| place(other) == place(target)) {
            let found = target.display();
            return Err(UsageError(format!(
                "{found}: must be another file than the model and what else is written; choose another --out or --example"
            )));
        }
    }
    Ok(targets)
}

/// Where a path leads, also that of a file that is not there yet.
fn place(path: &Path) -> PathBuf {
    let of_folder = || {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = std::fs::canonicalize(folder.unwrap_or(Path::new("."))).ok()?;
        Some(folder.join(path.file_name()?))
    };
    std::fs::canonicalize(path).ok().or_else(of_folder).unwrap_or_else(|| path.to_owned())
}

/// What the files of the format hold.
fn contents(to: ExportFormat, model: &Model, graph: &Graph, targets: &[PathBuf]) -> Result<Vec<Vec<u8>>> {
    match to {
        ExportFormat::Onnx => Ok(vec![onnx::encoded(graph, &metadata(model)?)?]),
        ExportFormat::Pytorch => {
            let name = targets[1].file_name().unwrap_or_default().to_string_lossy();
            let about = About {
                method: model.network.facts().name,
                class_names: &model.metadata.class_names,
                weights: &name,
                answer: match model.readout() {
                    Readout::Chain => PROBABILITIES,
                    Readout::Consensus => CONSENSUS,
                },
            };
            let (python, weights) = pytorch::written(graph, &about);
            Ok(vec![python.into_bytes(), weights])
        }
    }
}

/// What an ONNX file says of the network.
fn metadata(model: &Model) -> Result<Vec<(&'static str, String)>> {
    let (facts, metadata) = (model.network.facts(), &model.metadata);
    Ok(vec![
        ("class_names", serde_json::to_string(&metadata.class_names)?),
        ("method", facts.name.to_owned()),
        ("steps", facts.steps.to_string()),
        ("readout", model.readout().to_string()),
        ("input", serde_json::to_string(&metadata.input)?),
        ("nopropdt", serde_json::to_string(&metadata.config)?),
    ])
}

fn described(name: &str, shape: &[usize]) -> Described {
    let rest = shape.iter().skip(1).map(usize::to_string);
    Described { name: name.to_owned(), shape: ["batch".to_owned()].into_iter().chain(rest).collect() }
}

fn describe(exported: &Exported) -> String {
    let mut lines: Vec<String> =
        exported.files.iter().map(|file| format!("wrote {}", file.display())).collect();
    let each = |what: &str, all: &[Described]| {
        let all: Vec<String> =
            all.iter().map(|one| format!("{} [{}]", one.name, one.shape.join(", "))).collect();
        format!("{what:<8} {}", all.join(", "))
    };
    lines.push(each("inputs", &exported.inputs));
    lines.push(each("outputs", &exported.outputs));
    if exported.trained_in_bf16 {
        lines.push("trained in bf16, exported in f32: answers may differ in the third digit".into());
    }
    lines.join("\n")
}
