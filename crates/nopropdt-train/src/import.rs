//! Networks that the reference repository's program trained, as models of ours.
//!
//! Its `NoPropDT` is what `--preset reference` builds: a state dict has the same tensors under other names. What a state dict does not say, the
//! size of the images and the names of their classes, is that of the dataset.

use crate::config::{Normalize, Overrides, PrecisionKind, Preset};
use crate::model_file::{Model, ModelMetadata, shaped, values};
use crate::one_line::one_line;
use nopropdt_blocks::{Method, Weights};
use nopropdt_data::{DatasetName, Normalisation};
use nopropdt_tensor::Entry;
use safetensors::tensor::SafeTensors;
use std::collections::HashSet;

/// What the program's loader of colour images takes from each channel, and divides it by.
const COLOUR: ([f32; 3], [f32; 3]) = ([0.4914, 0.4822, 0.4465], [0.2470, 0.2435, 0.2616]);

/// Layers of a block: our name, then the reference's.
const LAYERS: [(&str, &str); 17] = [
    ("image.conv1", "conv_path.0"),
    ("image.conv2", "conv_path.4"),
    ("image.conv3", "conv_path.8"),
    ("image.fc", "conv_path.14"),
    ("image.bn", "conv_path.15"),
    ("label.fc1", "fc_z1"),
    ("label.bn1", "bn_z1"),
    ("label.fc2", "fc_z2"),
    ("label.bn2", "bn_z2"),
    ("label.fc3", "fc_z3"),
    ("label.bn3", "bn_z3"),
    ("join.fc1", "fc_f1"),
    ("join.bn1", "bn_f1"),
    ("join.fc2", "fc_f2"),
    ("join.bn2", "bn_f2"),
    ("join.out", "fc_out"),
    ("decoder.fc", "decoder.0"),
];

/// Tensors that follow from others, or that answers do not depend on.
fn is_left_out(name: &str) -> bool {
    ["alpha_bar", "snr_diff"].contains(&name) || name.ends_with(".num_batches_tracked")
}

/// The model in a state dict of the reference repository's `NoPropDT`, saved as safetensors. It was trained on `dataset`: unless that is given,
/// MNIST where images are grey and CIFAR-10 where they are in colour, as its two programs have it. Colour images are normalised as there.
///
/// # Errors
/// What is wrong with the file, or does not fit the dataset.
pub fn reference_model(bytes: &[u8], dataset: Option<DatasetName>) -> Result<Model, String> {
    read(bytes, dataset).map_err(|problem| one_line(&problem))
}

fn read(bytes: &[u8], dataset: Option<DatasetName>) -> Result<Model, String> {
    let tensors = SafeTensors::deserialize(bytes)
        .map_err(|error| format!("is not a whole safetensors file: {error}"))?;
    let found = Found::new(&tensors)?;
    let dataset = found.dataset(dataset)?;
    let names =
        dataset.class_names().ok_or_else(|| format!("names of the classes of {dataset} are not known"))?;
    let mut settings = Overrides::default()
        .with("dataset", dataset.as_str())
        .with("steps", found.blocks)
        .with("embedding-dim", found.dim)
        .with("decoder", found.has_decoder)
        .with("precision", PrecisionKind::F32);
    let normalisation = (found.channels == 3).then(|| {
        let (mean, deviation) = COLOUR;
        Normalisation { mean: mean.to_vec(), deviation: deviation.to_vec() }
    });
    if normalisation.is_some() {
        settings = settings.with("normalize", Normalize::Standard);
    }
    let config = settings.resolve(Some(Preset::Reference)).map_err(|error| error.to_string())?;
    let shape = dataset.image_shape();
    let network = config.network(&shape.sizes(), found.classes).map_err(|error| error.to_string())?;
    let weights = fill(network.as_ref(), &tensors)?;
    let alpha_bar = network.alpha_bar(&weights);
    check_schedule(&alpha_bar, &tensors)?;
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    let metadata = ModelMetadata {
        normalisation,
        ..ModelMetadata::new(&config.without_place(), shape, alpha_bar, &names)
    };
    Ok(Model { metadata, network, weights })
}

/// What the shapes of a state dict say of the network.
struct Found {
    blocks: usize,
    channels: usize,
    classes: usize,
    dim: usize,
    has_decoder: bool,
}

impl Found {
    fn new(tensors: &SafeTensors<'_>) -> Result<Self, String> {
        let shape =
            |name: &str| tensors.tensor(name).map(|tensor| tensor.shape().to_vec()).unwrap_or_default();
        let has = |name: &str| tensors.tensor(name).is_ok();
        let blocks = (0..tensors.len()).take_while(|t| has(&format!("blocks.{t}.fc_out.weight"))).count();
        match (&shape("blocks.0.conv_path.0.weight")[..], &shape("W_embed")[..]) {
            (&[_, channels, _, _], &[classes, dim]) if blocks > 0 => {
                Ok(Self { blocks, channels, classes, dim, has_decoder: has("blocks.0.decoder.0.weight") })
            }
            _ => {
                Err("is no state dict of the reference repository's NoPropDT: it must have tensors W_embed, \
                      blocks.0.conv_path.0.weight and blocks.0.fc_out.weight"
                    .into())
            }
        }
    }

    /// The dataset it was trained on: one of such images and classes.
    fn dataset(&self, given: Option<DatasetName>) -> Result<DatasetName, String> {
        let dataset = match (given, self.channels) {
            (Some(dataset), _) => dataset,
            (None, 1) => DatasetName::Mnist,
            (None, _) => DatasetName::Cifar10,
        };
        let (channels, classes) = (dataset.image_shape().channels, dataset.classes());
        if (channels, classes) != (self.channels, self.classes) {
            let (its, theirs) = (self.channels, self.classes);
            return Err(format!(
                "the network is for images of {its} channels and {theirs} classes; {dataset} has {channels} and {classes}"
            ));
        }
        Ok(dataset)
    }
}

/// The state dict has ᾱ_1 .. ᾱ_T, if it has any, as our schedule of the same name has them.
fn check_schedule(ours: &[f64], tensors: &SafeTensors<'_>) -> Result<(), String> {
    if tensors.tensor("alpha_bar").is_err() {
        return Ok(());
    }
    let theirs = values(tensors, "alpha_bar", &[ours.len() - 1])?;
    let mut pairs = ours[1..].iter().zip(&theirs).enumerate();
    match pairs.find(|(_, (ours, theirs))| (*ours - f64::from(**theirs)).abs() >= 1e-4) {
        Some((t, (ours, theirs))) => Err(format!(
            "tensor alpha_bar: must be the reference repository's schedule; value {t} is {theirs}, not {ours}"
        )),
        None => Ok(()),
    }
}

/// What a tensor of ours is called there.
fn name_there(prefix: &str, name: &str) -> Option<String> {
    match name {
        "embedding.weight" => return Some("W_embed".into()),
        "head.weight" => return Some("classifier.weight".into()),
        "head.bias" => return Some("classifier.bias".into()),
        _ => {}
    }
    let (layer, tensor) = name.rsplit_once('.')?;
    let (_, there) = LAYERS.iter().find(|(ours, _)| *ours == layer)?;
    Some(format!("{prefix}{there}.{tensor}"))
}

/// The weights of the state dict, each tensor of which must find its place.
fn fill(network: &dyn Method, tensors: &SafeTensors<'_>) -> Result<Weights, String> {
    let wanted = network.tensors();
    let shared = wanted.shared.values().flatten().map(|entry| (String::new(), entry.clone()));
    let own = (0..wanted.blocks)
        .flat_map(|block| wanted.own.iter().map(move |entry| (format!("blocks.{block}."), entry.clone())));
    let all: Vec<(String, Entry)> = own.chain(shared).collect();
    let mut used = HashSet::new();
    let mut named = Vec::with_capacity(all.len());
    for (prefix, entry) in all {
        let there = name_there(&prefix, &entry.name)
            .ok_or_else(|| format!("tensor {prefix}{}: has no name in a state dict", entry.name))?;
        // All shapes before memory is taken for the network.
        shaped(tensors, &there, &entry.shape)?;
        used.insert(there.clone());
        named.push((there, entry));
    }
    let mut names = tensors.names();
    names.sort_unstable();
    if let Some(name) = names.into_iter().find(|&name| !used.contains(name) && !is_left_out(name)) {
        return Err(format!("tensor {name} has no place in this network"));
    }
    let mut weights = network.init(0);
    let mut named = named.into_iter();
    for set in weights.sets_mut() {
        for entry in set.entries().cloned().collect::<Vec<_>>() {
            let (there, wanted) = named.next().expect("the network has the tensors that it promised");
            assert_eq!(wanted.name, entry.name, "the network has the tensors that it promised");
            let values = values(tensors, &there, &entry.shape)?;
            assert!(set.import(&entry.name, &values), "the name and the length were just checked");
        }
    }
    Ok(weights)
}

#[cfg(test)]
mod tests;
