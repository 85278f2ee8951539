//! model.safetensors: a network that other programs can open (docs/formats.md).

use crate::config::RunConfig;
use crate::metrics::replace_file;
use nopropdt_blocks::{ImageShape, Method, NoPropDt, Weights};
use nopropdt_tensor::Parameters;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::path::Path;

/// Version of names, shapes and metadata.
const FORMAT_VERSION: u32 = 1;
/// The metadata's only key: one key keeps the header, and so the file, the same from run to run.
const METADATA_KEY: &str = "nopropdt";

/// Why a model file can't be used.
#[derive(Debug, thiserror::Error)]
#[error("{file}: {problem}")]
pub struct ModelFileError {
    /// The file.
    pub file: String,
    /// What is wrong.
    pub problem: String,
}

/// What the file says of itself beside the tensors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelMetadata {
    /// Version of the format.
    pub format_version: u32,
    /// How the network was made and trained.
    pub config: RunConfig,
    /// Size of the images.
    pub image: ImageShape,
    /// Class names, label k the k-th.
    pub class_names: Vec<String>,
    /// ᾱ_0 .. ᾱ_T.
    pub alpha_bar: Vec<f64>,
}

/// A network read from a file.
pub struct Model {
    /// What the file says of itself.
    pub metadata: ModelMetadata,
    /// The network.
    pub network: NoPropDt,
    /// Its weights.
    pub weights: Weights,
}

impl ModelMetadata {
    /// The metadata of a network trained with `config`.
    pub fn new(config: &RunConfig, network: &NoPropDt, class_names: &[String]) -> Self {
        Self {
            format_version: FORMAT_VERSION,
            config: config.clone(),
            image: network.config().image,
            class_names: class_names.to_vec(),
            alpha_bar: network.schedule().alpha_bar().to_vec(),
        }
    }
}

/// Every parameter set with the prefix of its tensors' names in the file.
fn prefixed(weights: &Weights) -> impl Iterator<Item = (String, &Parameters)> {
    let blocks = weights.blocks.iter().enumerate().map(|(index, set)| (format!("blocks.{}.", index + 1), set));
    blocks.chain(weights.shared.iter().map(|set| (String::new(), set)))
}

/// Writes the network, replacing the file whole.
///
/// A fixed embedding is written too, so that the file explains itself.
///
/// # Errors
/// When the file can't be written.
pub fn save(
    path: &Path,
    metadata: &ModelMetadata,
    network: &NoPropDt,
    weights: &Weights,
) -> Result<(), ModelFileError> {
    let mut tensors: Vec<(String, Vec<usize>, Vec<u8>)> = Vec::new();
    let bytes = |values: &[f32]| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
    for (prefix, set) in prefixed(weights) {
        for entry in set.entries() {
            let values = set.export(&entry.name).expect("the name was just listed");
            tensors.push((format!("{prefix}{}", entry.name), entry.shape.clone(), bytes(&values)));
        }
    }
    if !tensors.iter().any(|(name, ..)| name == EMBEDDING) {
        let matrix = network.embedding_matrix(weights);
        tensors.push((EMBEDDING.into(), matrix.shape().to_vec(), bytes(matrix.data())));
    }
    let views = tensors.iter().map(|(name, shape, bytes)| {
        let view = TensorView::new(Dtype::F32, shape.clone(), bytes);
        (name.as_str(), view.expect("the bytes are of the shape's length"))
    });
    let json = serde_json::to_string(metadata).map_err(|error| failed(path, error.to_string()))?;
    let header = HashMap::from([(METADATA_KEY.to_owned(), json)]);
    let file = safetensors::serialize(views, Some(header)).map_err(|error| failed(path, error.to_string()))?;
    replace_file(path, &file).map_err(|error| failed(path, error.to_string()))
}

/// The embedding's name in the file, learned or not.
const EMBEDDING: &str = "embedding.weight";

/// Reads a network.
///
/// # Errors
/// When the file can't be read, is no safetensors file, carries no metadata of ours, or lacks, misshapes or adds a tensor.
pub fn load(path: &Path) -> Result<Model, ModelFileError> {
    let bytes = std::fs::read(path).map_err(|error| failed(path, error.to_string()))?;
    parse(&bytes).map_err(|problem| failed(path, problem))
}

fn parse(bytes: &[u8]) -> Result<Model, String> {
    let broken = |error| format!("is not a whole safetensors file: {error}");
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(broken)?;
    let tensors = SafeTensors::deserialize(bytes).map_err(broken)?;
    let json = header.metadata().as_ref().and_then(|map| map.get(METADATA_KEY));
    let json = json.ok_or("was not written by nopropdt-train: its metadata has no entry `nopropdt`")?;
    let metadata: ModelMetadata =
        serde_json::from_str(json).map_err(|error| format!("metadata `{METADATA_KEY}`: {error}"))?;
    if metadata.format_version != FORMAT_VERSION {
        return Err(format!("format version must be {FORMAT_VERSION}; found {}", metadata.format_version));
    }
    metadata.config.validate().map_err(|error| format!("metadata: {error}"))?;
    let network = metadata.config.network(metadata.image, metadata.class_names.len());
    let network = network.map_err(|error| format!("metadata: {error}"))?;
    let weights = fill(&network, &tensors)?;
    Ok(Model { metadata, network, weights })
}

/// Fresh weights overwritten by the file's tensors, each of which must find its place.
fn fill(network: &NoPropDt, tensors: &SafeTensors<'_>) -> Result<Weights, String> {
    let mut weights = network.init(0);
    let wanted: Vec<(String, Vec<(String, Vec<usize>)>)> = prefixed(&weights)
        .map(|(prefix, set)| (prefix, set.entries().map(|e| (e.name.clone(), e.shape.clone())).collect()))
        .collect();
    let mut used = 0;
    for ((prefix, entries), set) in wanted.iter().zip(weights.blocks.iter_mut().chain(&mut weights.shared)) {
        for (name, shape) in entries {
            let full = format!("{prefix}{name}");
            let tensor = tensors.tensor(&full).map_err(|_| format!("tensor {full} is missing"))?;
            let (found, kind) = (tensor.shape(), tensor.dtype());
            if found != shape.as_slice() || kind != Dtype::F32 {
                return Err(format!("tensor {full}: wants F32 {shape:?}; found {kind:?} {found:?}"));
            }
            let bytes = tensor.data().chunks_exact(4);
            let values: Vec<f32> =
                bytes.map(|four| f32::from_le_bytes(four.try_into().expect("chunks of four"))).collect();
            assert!(set.import(name, &values), "the name and the length were just checked");
            used += 1;
        }
    }
    let names = tensors.names();
    let fixed_embedding = !wanted.iter().any(|(_, entries)| entries.iter().any(|(name, _)| name == EMBEDDING));
    let written_for_readers = usize::from(fixed_embedding && names.contains(&EMBEDDING));
    if names.len() != used + written_for_readers {
        return Err(format!("wants {used} tensors; found {}", names.len() - written_for_readers));
    }
    Ok(weights)
}

fn failed(path: &Path, problem: String) -> ModelFileError {
    ModelFileError { file: path.display().to_string(), problem }
}

#[cfg(test)]
mod tests;
