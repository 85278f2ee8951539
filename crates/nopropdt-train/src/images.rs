//! The images of a run: opened, loaded and parted as its settings say.

use crate::config::{ConfigError, Images, Normalize, RunConfig};
use crate::home::at_home;
use crate::memory_limit::NetworkSize;
use crate::model_file::ModelMetadata;
use crate::registry::Registry;
use nopropdt_data::{
    Augmentation, Channels, DataError, Dataset, DatasetSource, InputShape, LoadOptions, Note, Opened, Split,
    load_test, open,
};
use std::path::Path;

/// Seed of the validation split: the same images whatever the run's seed, so that runs can be compared.
const VALIDATION_SEED: u64 = 0;

/// Why a run can't have its images.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImagesError {
    /// The dataset can't be read, or not as asked.
    #[error("{error}")]
    Data {
        /// The dataset.
        dataset: DatasetSource,
        /// What is wrong.
        error: Box<DataError>,
    },
    /// There is nothing to tell apart.
    #[error("{dataset}: must hold pictures of at least two classes; found one class, {class}")]
    OneClass {
        /// The dataset.
        dataset: DatasetSource,
        /// Its only class.
        class: String,
    },
    /// A value of an input that a program makes is NaN or infinite.
    #[error("{dataset}: values must be finite; {part} input {index} has one that is not")]
    NotFinite {
        /// The dataset.
        dataset: DatasetSource,
        /// `training`, `test` or `validation`.
        part: &'static str,
        /// Which input of the part, from 0.
        index: usize,
    },
    /// Too few images are left to train on.
    #[error("training: must have at least 2 images; found {left}")]
    TooFew {
        /// Training images left.
        left: usize,
    },
    /// A model takes inputs of another shape.
    #[error("wants {} of {wants}; {} has {found}", wants.noun(), dataset.short_name())]
    Shape {
        /// The dataset.
        dataset: DatasetSource,
        /// What the model takes.
        wants: InputShape,
        /// What the dataset has: a shape, or images.
        found: String,
    },
    /// The network can't take images of this shape.
    #[error(transparent)]
    Network(#[from] ConfigError),
}

/// The dataset with `~` in its path replaced by the home folder.
pub(crate) fn with_home(source: &DatasetSource) -> DatasetSource {
    let found = source.place().and_then(|path| at_home(Path::new(path)).into_os_string().into_string().ok());
    found.map_or_else(|| source.clone(), |path| source.with_place(path))
}

/// Looks through a dataset.
///
/// # Errors
/// [`ImagesError::Data`].
pub fn opened(
    source: &DatasetSource,
    options: &LoadOptions,
    registry: &Registry,
) -> Result<Opened, ImagesError> {
    let own = match source {
        DatasetSource::Own(name) => registry.own_dataset(name, options),
        _ => None,
    };
    let opened = own.map_or_else(|| open(&with_home(source), options), |read| read.map(Opened::from));
    opened.map_err(|error| ImagesError::Data { dataset: source.clone(), error: Box::new(error) })
}

/// The settings of a run on a dataset that was looked through, those that follow from the number of its images among them.
pub fn settled(config: RunConfig, opened: &Opened) -> RunConfig {
    let (train, _) = opened.counts();
    let count = train.min(config.data.limit_train.unwrap_or(train));
    config.for_images(&Images {
        count,
        shape: &opened.first_shape(),
        has_validation: opened.has_validation(),
    })
}

/// Looks through the dataset of a run, and fails for all that is wrong with it before its images are read. Also its settings, now
/// that its images are counted, and how large its network is.
///
/// # Errors
/// [`ImagesError`].
pub fn opened_for(
    config: RunConfig,
    data_dir: &Path,
) -> Result<(RunConfig, Opened, NetworkSize), ImagesError> {
    let mut opened = opened(&config.data.dataset, &config.data.load_options(data_dir), &config.registry)?;
    let config = settled(config, &opened);
    if config.data.validation > 0 {
        opened = opened.without_validation();
    }
    if let Some([class]) = opened.class_names() {
        return Err(ImagesError::OneClass { dataset: config.data.dataset.clone(), class: class.clone() });
    }
    let shape = opened.first_shape();
    refuse_augmentation(&config, &shape)?;
    // Of a size that pooling leaves nothing of, no other picture needs to be read, nor looked at for colour.
    let network = config.network(shape.sizes(), opened.classes())?;
    let facts = network.facts();
    let size = NetworkSize { parameters: facts.parameters, blocks: facts.blocks };
    Ok((config, opened, size))
}

/// Only images can be shifted and mirrored.
fn refuse_augmentation(config: &RunConfig, shape: &InputShape) -> Result<(), ConfigError> {
    let Augmentation { crop_scale, crop_padding, flip, cutout, .. } = config.data.augmentation();
    let test_flip = config.data.test_flip == Some(true);
    let wrong = |setting: &str, found: String| {
        let rule = format!("left out for inputs of {shape}, which are no images");
        Err(ConfigError::Range { setting: setting.into(), rule, found })
    };
    let said = [
        ("crop-scale", crop_scale > 0.0, crop_scale.to_string()),
        ("crop-padding", crop_padding > 0, crop_padding.to_string()),
        ("flip", flip, flip.to_string()),
        ("cutout", cutout > 0, cutout.to_string()),
        ("test-flip", test_flip, test_flip.to_string()),
    ];
    match said.into_iter().find(|(_, is_set, _)| *is_set && shape.image().is_none()) {
        Some((setting, _, found)) => wrong(setting, found),
        None => Ok(()),
    }
}

/// Reads the images of a run: the dataset without the images for validation, and these. They are held out of the training images where
/// the settings say so, else those that the dataset comes with.
///
/// # Errors
/// [`ImagesError::Data`], [`ImagesError::NotFinite`] and [`ImagesError::TooFew`].
pub fn load_splits(config: &RunConfig, opened: Opened) -> Result<(Dataset, Option<Split>), ImagesError> {
    let failed = |error| ImagesError::Data { dataset: config.data.dataset.clone(), error: Box::new(error) };
    let mut dataset = opened.load().map_err(failed)?;
    dataset.test = dataset.test.limited(config.data.limit_test);
    let train = dataset.train.limited(config.data.limit_train);
    let (train, validation) = match config.data.validation {
        0 => (train, dataset.validation.take().map(|split| split.limited(config.data.limit_test))),
        count => {
            let (train, validation) = train.split_validation(count, VALIDATION_SEED).map_err(failed)?;
            (train, Some(validation))
        }
    };
    if train.len() < 2 {
        return Err(ImagesError::TooFew { left: train.len() });
    }
    let parts =
        [("training", Some(&train)), ("test", Some(&dataset.test)), ("validation", validation.as_ref())];
    for (part, images) in parts {
        if let Some(index) = images.and_then(Split::first_not_finite) {
            return Err(ImagesError::NotFinite { dataset: config.data.dataset.clone(), part, index });
        }
    }
    dataset.train = train;
    dataset.validation = None;
    match config.data.normalize {
        Some(Normalize::Standard) => normalised(dataset, validation).map_err(failed),
        Some(Normalize::None) | None => Ok((dataset, validation)),
    }
}

/// Reads the test images of a dataset as a model takes them: of its classes and its shape, normalised as its training images were. Also
/// what the user should know of how they were read.
///
/// # Errors
/// [`ImagesError::Data`] and [`ImagesError::Shape`].
pub fn load_test_images(
    source: &DatasetSource,
    options: &LoadOptions,
    model: &ModelMetadata,
) -> Result<(Split, Vec<Note>), ImagesError> {
    let failed = |error| ImagesError::Data { dataset: source.clone(), error: Box::new(error) };
    let other_shape = |found: String| {
        Err(ImagesError::Shape { dataset: source.clone(), wants: model.input.clone(), found })
    };
    if model.input.image().is_none() && !matches!(source, DatasetSource::Own(_)) {
        return other_shape("images".to_owned());
    }
    let options = &options_for(model, source, options);
    let own = match source {
        DatasetSource::Own(name) => model.config.registry.own_dataset(name, options),
        _ => None,
    };
    let read = match own {
        Some(dataset) => dataset.and_then(|dataset| dataset.into_test(&model.class_names)),
        None => load_test(&with_home(source), options, &model.class_names),
    };
    let (test, notes) = read.map_err(failed)?;
    if &model.input != test.shape() {
        return other_shape(test.shape().to_string());
    }
    let test = match &model.normalisation {
        Some(normalisation) => test.with_normalisation(normalisation.clone()).map_err(failed)?,
        None => test,
    };
    Ok((test, notes))
}

/// Pictures of a folder are read as the model takes them, whatever their size.
fn options_for(model: &ModelMetadata, source: &DatasetSource, options: &LoadOptions) -> LoadOptions {
    let image = model.input.image().filter(|_| matches!(source, DatasetSource::Folder(_)));
    let Some(image) = image else { return options.clone() };
    let channels = if image.channels == 1 { Channels::Grey } else { Channels::Rgb };
    LoadOptions { image_size: Some((image.height, image.width)), channels, ..options.clone() }
}

/// The same images, all normalised by the moments of the training images.
fn normalised(
    mut dataset: Dataset,
    validation: Option<Split>,
) -> Result<(Dataset, Option<Split>), DataError> {
    let moments = dataset.train.statistics();
    dataset.train = dataset.train.with_normalisation(moments.clone())?;
    dataset.test = dataset.test.with_normalisation(moments.clone())?;
    let validation = validation.map(|split| split.with_normalisation(moments)).transpose()?;
    Ok((dataset, validation))
}
