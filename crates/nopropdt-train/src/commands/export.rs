//! `export`: a trained network as files of other programs.

use super::sampled::sampled_as_asked;
use super::{ExportArguments, ExportFormat, must_exist, output};
use crate::export::pytorch::About;
use crate::export::{example, graph_of, onnx, pytorch};
use crate::files::replace_file;
use crate::model_file::{Model, load_in};
use crate::registry::Registry;
use anyhow::{Context, Result};
use nopropdt_tensor::Precision;
use nopropdt_tensor::graph::Graph;
use serde::Serialize;
use std::path::PathBuf;

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
    let mut model = load_in(&arguments.model, registry)?;
    model.network = sampled_as_asked(&model, arguments.steps, arguments.sampler, "")?;
    let of_model = || arguments.model.display().to_string();
    let graph = graph_of(&model).with_context(of_model)?;
    let mut files = write(arguments, &model, &graph).with_context(of_model)?;
    if let Some(path) = &arguments.example {
        replace_file(path, &example(&model, model.metadata.config.training.seed))?;
        files.push(path.clone());
    }
    let exported = Exported {
        files,
        inputs: graph.inputs.iter().map(|input| described(&input.name, &input.shape)).collect(),
        outputs: graph.outputs.iter().map(|(name, value)| described(name, graph.shape(*value))).collect(),
        classes: model.metadata.class_names.len(),
        nodes: graph.nodes.len(),
        trained_in_bf16: model.network.facts().precision == Precision::Bf16,
    };
    output::print(&if arguments.json { serde_json::to_string(&exported)? } else { describe(&exported) })
}

/// Writes the files of the format; which they are.
fn write(arguments: &ExportArguments, model: &Model, graph: &Graph) -> Result<Vec<PathBuf>> {
    match arguments.to {
        ExportFormat::Onnx => {
            let bytes = onnx::encoded(graph, &metadata(model)?)?;
            replace_file(&arguments.out, &bytes)?;
            Ok(vec![arguments.out.clone()])
        }
        ExportFormat::Pytorch => {
            let weights = arguments.out.with_extension("weights.safetensors");
            let name = weights.file_name().unwrap_or_default().to_string_lossy();
            let about = About {
                method: model.network.facts().name,
                class_names: &model.metadata.class_names,
                weights: &name,
            };
            let (python, bytes) = pytorch::written(graph, &about);
            replace_file(&weights, &bytes)?;
            replace_file(&arguments.out, python.as_bytes())?;
            Ok(vec![arguments.out.clone(), weights])
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
