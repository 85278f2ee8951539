//! `import`: a network of the reference repository's program as a model file.

use super::{ImportArguments, UsageError, must_exist, output};
use crate::files::create_file;
use crate::import::reference_model;
use crate::model_file::encoded;
use anyhow::{Context, Result, anyhow};
use nopropdt_data::InputShape;
use nopropdt_tensor::Isa;
use serde::Serialize;
use std::path::PathBuf;

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Imported {
    file: PathBuf,
    dataset: String,
    image: InputShape,
    classes: usize,
    blocks: usize,
    embedding_dim: usize,
    parameters: usize,
}

pub(super) fn run(arguments: &ImportArguments) -> Result<()> {
    let ImportArguments { file, out, dataset, json } = arguments;
    must_exist("FILE", Some(file))?;
    Isa::selected().map_err(|error| UsageError(error.to_string()))?;
    if out.exists() {
        return Err(
            UsageError(format!("--out {}: is there already; choose another file", out.display())).into()
        );
    }
    let dataset = match dataset {
        None => None,
        Some(source) => Some(source.known().ok_or_else(|| {
            UsageError(format!("--dataset: must be one with a name, such as mnist; found {source}"))
        })?),
    };
    let failed = |problem: String| anyhow!("{}: {problem}", file.display());
    let bytes = std::fs::read(file).map_err(|error| failed(format!("can't be read: {error}")))?;
    let model = reference_model(&bytes, dataset).map_err(failed)?;
    let bytes = encoded(out, &model.metadata, model.network.as_ref(), &model.weights)?;
    create_file(out, &bytes).context("the model can't be kept")?;
    let facts = model.network.facts();
    let imported = Imported {
        file: out.clone(),
        dataset: model.metadata.config.data.dataset.to_string(),
        image: model.metadata.input.clone(),
        classes: facts.classes,
        blocks: facts.blocks,
        embedding_dim: facts.embedding.dim(),
        parameters: model.weights.len(),
    };
    output::print(&if *json { serde_json::to_string(&imported)? } else { describe(&imported) })
}

fn describe(imported: &Imported) -> String {
    let Imported { file, dataset, image, classes, blocks, parameters, .. } = imported;
    let file = file.display();
    format!(
        "wrote {file}: {blocks} blocks for images of {image}, {classes} classes, {parameters} parameters\n\
         test it with: nopropdt-train eval --model {file} --dataset {dataset}"
    )
}
