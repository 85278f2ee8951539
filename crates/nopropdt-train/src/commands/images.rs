//! The images of a run: opened, loaded, parted, and told of.

use super::UsageError;
use super::remedy::failure;
use crate::config::{Normalize, RunConfig};
use crate::home::at_home;
use anyhow::Result;
use nopropdt_data::{Dataset, DatasetSource, LoadOptions, Opened, Split, open};
use std::path::Path;

/// Seed of the validation split: the same images whatever the run's seed, so that runs can be compared.
const VALIDATION_SEED: u64 = 0;
/// Names of classes told in one line.
const MOST_NAMES: usize = 5;

/// The dataset with `~` in a folder's path replaced by the home folder.
pub(super) fn with_home(source: &DatasetSource) -> DatasetSource {
    match source {
        DatasetSource::Folder(path) => DatasetSource::Folder(
            at_home(Path::new(path)).into_os_string().into_string().unwrap_or(path.clone()),
        ),
        other => other.clone(),
    }
}

/// Looks through a dataset.
pub(super) fn opened(source: &DatasetSource, options: &LoadOptions) -> Result<Opened> {
    open(&with_home(source), options).map_err(|error| failure(source, error))
}

/// Refuses a folder of pictures that is no longer where it was; `remedy` says what to do.
pub(super) fn must_be_there(source: &DatasetSource, remedy: &str) -> Result<(), UsageError> {
    match (source, with_home(source)) {
        (DatasetSource::Folder(path), DatasetSource::Folder(found)) if !Path::new(&found).exists() => {
            let seen = if Path::new(&found).is_relative() { ", seen from the current folder" } else { "" };
            Err(UsageError(format!("{path}: the pictures are not there{seen}; {remedy}")))
        }
        _ => Ok(()),
    }
}

/// Looks through the dataset of a run, and fails for all that is wrong with it before its images are read. Also the number of
/// parameters of its network.
pub(super) fn opened_for(config: &RunConfig, data_dir: &Path) -> Result<(Opened, usize)> {
    let opened = opened(&config.dataset, &config.load_options(data_dir))?;
    if let Some([name]) = opened.class_names() {
        return Err(UsageError(format!(
            "{source}: must hold pictures of at least two classes; found one class, {name}; if the classes are the folders in it, take {source}/{name}",
            source = config.dataset
        ))
        .into());
    }
    // Of a size that pooling leaves nothing of, no other picture needs to be read, nor looked at for colour.
    let network = config.network(opened.first_shape(), opened.classes())?;
    let parameters = network.facts().parameters;
    Ok((opened, parameters))
}

/// Reads the images of a run: the dataset without the images for validation, and these.
pub(super) fn load_splits(config: &RunConfig, opened: Opened) -> Result<(Dataset, Option<Split>)> {
    let mut dataset = opened.load().map_err(|error| failure(&config.dataset, error))?;
    dataset.test = dataset.test.limited(config.limit_test);
    let train = dataset.train.limited(config.limit_train);
    let (train, validation) = match config.validation {
        0 => (train, None),
        count => {
            let (train, validation) = train
                .split_validation(count, VALIDATION_SEED)
                .map_err(|error| failure(&config.dataset, error))?;
            (train, Some(validation))
        }
    };
    if train.len() < 2 {
        let left = train.len();
        let rule = "training wants at least 2 images";
        return Err(UsageError(format!(
            "{rule}; {left} are left by --split, --limit-train and --validation"
        ))
        .into());
    }
    dataset.train = train;
    match config.normalize {
        Some(Normalize::Standard) => normalised(dataset, validation),
        Some(Normalize::None) | None => Ok((dataset, validation)),
    }
}

/// The same images, all normalised by the moments of the training images.
fn normalised(mut dataset: Dataset, validation: Option<Split>) -> Result<(Dataset, Option<Split>)> {
    let moments = dataset.train.statistics();
    dataset.train = dataset.train.with_normalisation(moments.clone())?;
    dataset.test = dataset.test.with_normalisation(moments.clone())?;
    let validation = validation.map(|split| split.with_normalisation(moments)).transpose()?;
    Ok((dataset, validation))
}

/// What a user should know of a run's images before it begins, line by line.
pub(super) fn introduction(config: &RunConfig, data: &Dataset) -> Vec<String> {
    // Those of a known dataset are known, too.
    let names = match config.dataset {
        DatasetSource::Folder(_) => format!(": {}", first_names(&data.class_names)),
        DatasetSource::Known(_) | DatasetSource::Own(_) => String::new(),
    };
    let first = format!(
        "{}: {} training and {} test images of {}, {} classes{names}",
        data.name,
        data.train.len(),
        data.test.len(),
        data.shape(),
        data.classes(),
    );
    let notes = data.notes.iter().map(ToString::to_string);
    [first].into_iter().chain(notes).chain(warnings(config, data)).collect()
}

/// Classes of which a share or a limit left no images.
fn warnings(config: &RunConfig, data: &Dataset) -> Vec<String> {
    let flags = |flags: &[(&str, bool)]| {
        let given: Vec<&str> = flags.iter().filter(|(_, given)| *given).map(|(flag, _)| *flag).collect();
        if given.is_empty() { String::new() } else { format!(" (with {})", given.join(", ")) }
    };
    let split = ("--split", config.split.is_some());
    let of_training =
        [("--limit-train", config.limit_train.is_some()), ("--validation", config.validation > 0), split];
    let of_tests = [("--limit-test", config.limit_test.is_some()), split];
    let parts = [("training", &data.train, flags(&of_training)), ("test", &data.test, flags(&of_tests))];
    let warning = |(part, images, flags): (&str, &Split, String)| {
        let missing = images.missing_classes(data.classes());
        let names: Vec<String> = missing.iter().map(|&class| data.class_names[class].clone()).collect();
        let line = format!(
            "warning: no {part} images of {} of the {} classes{flags}: {}",
            names.len(),
            data.classes(),
            first_names(&names)
        );
        (!names.is_empty()).then_some(line)
    };
    parts.into_iter().filter_map(warning).collect()
}

/// The first few names: `cat, cow, dog, …`.
fn first_names(names: &[String]) -> String {
    let is_plain = |name: &str| name.trim() == name && !name.is_empty() && !name.contains(", ");
    let shown = names.iter().take(MOST_NAMES).map(|name| match is_plain(name) {
        true => name.clone(),
        false => format!("{name:?}"),
    });
    let mut shown: Vec<String> = shown.collect();
    if names.len() > MOST_NAMES {
        shown.push("…".into());
    }
    shown.join(", ")
}
