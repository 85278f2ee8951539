//! model.safetensors: a network that other programs can open (docs/formats.md).

mod start;

pub use start::{NothingInCommon, Started, start_from};

use crate::config::{Overrides, RunConfig, Value};
use crate::files::replace_file;
use crate::one_line::one_line;
use crate::registry::Registry;
use nopropdt_blocks::{Method, Readout, Weights};
use nopropdt_data::{Brightness, InputShape, Normalisation};
use nopropdt_tensor::{Entry, Parameters, flat};
use rayon::prelude::*;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};
use std::path::Path;

/// Version of names, shapes and metadata. Version 1 had its settings without sections, and is still read.
const FORMAT_VERSION: u32 = 2;
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
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelMetadata {
    /// Version of the format.
    pub format_version: u32,
    /// How the network was made and trained.
    pub config: RunConfig,
    /// Shape of an input: of images, or of whatever else it was trained on.
    #[serde(rename = "image")]
    pub input: InputShape,
    /// Class names, label k the k-th.
    pub class_names: Vec<String>,
    /// ᾱ_0 .. ᾱ_T; empty for a method without noise levels.
    pub alpha_bar: Vec<f64>,
    /// What pixel values are normalised by, if they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub normalisation: Option<Normalisation>,
    /// How bright the training images were, before normalisation; none in files of before, and of inputs that are no images.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub brightness: Option<Brightness>,
    /// The read-out that was best on validation images, where there were some.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub readout: Option<Readout>,
}

/// [`ModelMetadata`] as a file has it, before its settings are read.
#[derive(Deserialize)]
struct Written {
    format_version: u32,
    config: Value,
    image: InputShape,
    class_names: Vec<String>,
    alpha_bar: Vec<f64>,
    #[serde(default)]
    normalisation: Option<Normalisation>,
    #[serde(default)]
    brightness: Option<Brightness>,
    #[serde(default)]
    readout: Option<Readout>,
}

impl Written {
    fn understood(self, registry: &Registry) -> Result<ModelMetadata, String> {
        let found = self.format_version;
        if !(1..=FORMAT_VERSION).contains(&found) {
            return Err(format!("format version must be from 1 to {FORMAT_VERSION}; found {found}"));
        }
        let settings =
            Overrides::from_value(self.config, registry).map_err(|error| format!("metadata: {error}"))?;
        let config = settings.resolve_written_in(registry).map_err(|error| format!("metadata: {error}"))?;
        let Self { format_version, image: input, class_names, alpha_bar, .. } = self;
        let (normalisation, brightness, readout) = (self.normalisation, self.brightness, self.readout);
        Ok(ModelMetadata {
            format_version,
            config,
            input,
            class_names,
            alpha_bar,
            normalisation,
            brightness,
            readout,
        })
    }
}

/// A network read from a file.
pub struct Model {
    /// What the file says of itself.
    pub metadata: ModelMetadata,
    /// The network.
    pub network: Box<dyn Method>,
    /// Its weights.
    pub weights: Weights,
}

impl ModelMetadata {
    /// The metadata of a network trained with `config`.
    pub fn new(
        config: &RunConfig,
        input: impl Into<InputShape>,
        alpha_bar: Vec<f64>,
        class_names: &[String],
    ) -> Self {
        Self {
            format_version: FORMAT_VERSION,
            config: config.clone(),
            input: input.into(),
            class_names: class_names.to_vec(),
            alpha_bar,
            normalisation: None,
            brightness: None,
            readout: None,
        }
    }
}

impl Model {
    /// Where its answer is read: as the file recommends, else as its method does.
    pub fn readout(&self) -> Readout {
        self.metadata.readout.unwrap_or_else(|| self.network.readout())
    }
}

/// Every parameter set with the prefix of its tensors' names in the file.
fn prefixed<'w>(
    network: &'w dyn Method,
    weights: &'w Weights,
) -> impl Iterator<Item = (String, &'w Parameters)> {
    let facts = network.facts();
    let blocks = weights.blocks.iter().enumerate().map(move |(index, set)| (facts.prefix(index), set));
    blocks.chain(weights.shared.values().map(|set| (String::new(), set)))
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
    network: &dyn Method,
    weights: &Weights,
) -> Result<(), ModelFileError> {
    let file = encoded(path, metadata, network, weights)?;
    replace_file(path, &file).map_err(|error| failed(path, error.problem()))
}

/// What [`save`] writes.
///
/// # Errors
/// When the metadata have no form; `path` is named in the message.
pub(crate) fn encoded(
    path: &Path,
    metadata: &ModelMetadata,
    network: &dyn Method,
    weights: &Weights,
) -> Result<Vec<u8>, ModelFileError> {
    bytes(metadata, network, weights).map_err(|problem| failed(path, problem))
}

fn bytes(metadata: &ModelMetadata, network: &dyn Method, weights: &Weights) -> Result<Vec<u8>, String> {
    let mut tensors: Vec<(String, Vec<usize>, Vec<u8>)> = Vec::new();
    let bytes = |values: &[f32]| {
        let mut bytes = vec![0; 4 * values.len()];
        flat::to_le_bytes(values, &mut bytes);
        bytes
    };
    for (prefix, set) in prefixed(network, weights) {
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
    let json = serde_json::to_string(metadata).map_err(|error| error.to_string())?;
    let header = HashMap::from([(METADATA_KEY.to_owned(), json)]);
    safetensors::serialize(views, Some(header)).map_err(|error| error.to_string())
}

/// The embedding's name in the file, learned or not.
pub(crate) const EMBEDDING: &str = "embedding.weight";

/// Reads a network.
///
/// # Errors
/// When the file can't be read, is no safetensors file, carries no metadata of ours, or lacks, misshapes or adds a tensor.
pub fn load(path: &Path) -> Result<Model, ModelFileError> {
    load_in(path, &Registry::builtin())
}

/// As [`load`], with the names of `registry`.
///
/// # Errors
/// As `load`.
pub fn load_in(path: &Path, registry: &Registry) -> Result<Model, ModelFileError> {
    let bytes = std::fs::read(path).map_err(|error| failed(path, format!("can't be read: {error}")))?;
    parse_in(&bytes, registry).map_err(|problem| failed(path, problem))
}

/// Reads a network from the bytes of a file.
///
/// # Errors
/// What is wrong with them, as [`load`] has it.
pub fn parse(bytes: &[u8]) -> Result<Model, String> {
    parse_in(bytes, &Registry::builtin())
}

/// As [`parse`], with the names of `registry`.
///
/// # Errors
/// What is wrong with them, as [`load`] has it.
pub fn parse_in(bytes: &[u8], registry: &Registry) -> Result<Model, String> {
    read(bytes, registry).map_err(|problem| one_line(&problem))
}

fn read(bytes: &[u8], registry: &Registry) -> Result<Model, String> {
    let broken = |error| format!("is not a whole safetensors file: {error}");
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(broken)?;
    let tensors = SafeTensors::deserialize(bytes).map_err(broken)?;
    let json = header.metadata().as_ref().and_then(|map| map.get(METADATA_KEY));
    let json = json.ok_or("was not written by nopropdt-train: its metadata has no entry `nopropdt`")?;
    let written: Written =
        serde_json::from_str(json).map_err(|error| format!("metadata `{METADATA_KEY}`: {error}"))?;
    let metadata = written.understood(registry)?;
    check_dataset(&metadata)?;
    if metadata.input.checked_len().is_none() {
        let found = &metadata.input;
        return Err(format!("metadata: image: sizes must be above 0 and fit memory; found {found}"));
    }
    let network = metadata.config.network(metadata.input.sizes(), metadata.class_names.len());
    let network = network.map_err(|error| format!("metadata: {error}"))?;
    check_shapes(network.as_ref(), &tensors)?;
    let weights = fill(network.as_ref(), &tensors)?;
    Ok(Model { metadata, network, weights })
}

/// A known dataset has images of one size, and so many classes.
fn check_dataset(metadata: &ModelMetadata) -> Result<(), String> {
    let Some(name) = metadata.config.data.dataset.known() else { return Ok(()) };
    let (input, shape) = (&metadata.input, name.image_shape());
    if *input != shape {
        return Err(format!("metadata: images of {name} must be {shape}; found {input}"));
    }
    let (wanted, found) = (name.classes(), metadata.class_names.len());
    match wanted == found {
        true => Ok(()),
        false => Err(format!("metadata: {name} must have {wanted} class names; found {found}")),
    }
}

/// Every tensor that the network has must be there, in its shape, before memory is taken for the network.
fn check_shapes(network: &dyn Method, tensors: &SafeTensors<'_>) -> Result<(), String> {
    let (facts, wanted) = (network.facts(), network.tensors());
    let check = |prefix: &str, entry: &Entry| {
        shaped(tensors, &format!("{prefix}{}", entry.name), &entry.shape).map(drop)
    };
    for block in 0..wanted.blocks {
        let prefix = facts.prefix(block);
        wanted.own.iter().try_for_each(|entry| check(&prefix, entry))?;
    }
    wanted.shared.values().flatten().try_for_each(|entry| check("", entry))
}

/// Weights of the file's tensors, each of which must find its place.
fn fill(network: &dyn Method, tensors: &SafeTensors<'_>) -> Result<Weights, String> {
    let mut weights = network.blank();
    let wanted: Vec<(String, Vec<Entry>)> =
        prefixed(network, &weights).map(|(prefix, set)| (prefix, set.entries().cloned().collect())).collect();
    // Sets side by side: they are most of the time that an answer takes.
    let sets: Vec<&mut Parameters> = weights.sets_mut().collect();
    let read: Vec<Result<(), String>> = sets
        .into_par_iter()
        .zip(&wanted)
        .map(|(set, (prefix, entries))| {
            entries.iter().try_for_each(|entry| {
                let values = values(tensors, &format!("{prefix}{}", entry.name), &entry.shape)?;
                assert!(set.import(&entry.name, &values), "the name and the length were just checked");
                Ok(())
            })
        })
        .collect();
    read.into_iter().collect::<Result<(), String>>()?;
    let names = wanted
        .iter()
        .flat_map(|(prefix, entries)| entries.iter().map(move |entry| format!("{prefix}{}", entry.name)));
    let mut used: HashSet<String> = names.collect();
    if !used.contains(EMBEDDING) {
        // A fixed embedding is written for readers alone, but must not lie to them.
        let matrix = network.embedding_matrix(&weights);
        if values(tensors, EMBEDDING, matrix.shape())? != matrix.data() {
            return Err(format!("tensor {EMBEDDING}: must be the identity of a one-hot embedding"));
        }
        used.insert(EMBEDDING.into());
    }
    let mut names = tensors.names();
    names.sort_unstable();
    match names.into_iter().find(|&name| !used.contains(name)) {
        Some(name) => Err(format!("tensor {name} has no place in this network")),
        None => Ok(weights),
    }
}

/// The values of the tensor called `name`, which must be F32 of the given shape, and numbers that a network can answer with: a NaN
/// would end as a wrong answer, not as an error.
pub(crate) fn values(tensors: &SafeTensors<'_>, name: &str, shape: &[usize]) -> Result<Vec<f32>, String> {
    let tensor = shaped(tensors, name, shape)?;
    let mut values = Vec::with_capacity(tensor.data().len() / 4);
    flat::extend_from_le_bytes(&mut values, tensor.data());
    let refuse = |rule: &str, wrong: Option<usize>| match wrong {
        Some(place) => Err(format!("tensor {name}: {rule}; value {place} is {}", values[place])),
        None => Ok(()),
    };
    refuse("values must be finite", flat::first_not_finite(&values))?;
    if name.ends_with(".running_var") {
        refuse("variances must be at least 0", values.iter().position(|&value| value < 0.0))?;
    }
    Ok(values)
}

/// The tensor called `name`, which must be F32 of the given shape.
pub(crate) fn shaped<'t>(
    tensors: &SafeTensors<'t>,
    name: &str,
    shape: &[usize],
) -> Result<TensorView<'t>, String> {
    let tensor = tensors.tensor(name).map_err(|_| format!("tensor {name} is missing"))?;
    let (found, kind) = (tensor.shape(), tensor.dtype());
    match found == shape && kind == Dtype::F32 {
        true => Ok(tensor),
        false => Err(format!("tensor {name}: wants F32 {shape:?}; found {kind:?} {found:?}")),
    }
}

fn failed(path: &Path, problem: String) -> ModelFileError {
    ModelFileError { file: path.display().to_string(), problem }
}

#[cfg(test)]
mod tests;
