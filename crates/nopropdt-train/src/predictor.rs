//! Answers of a trained network: a model file in, classes of images out.

mod prediction;
mod watched;

pub use prediction::{NamedAnswer, Prediction, RunnerUp};
pub use watched::{Draw, Said, Watched};

use crate::evaluate::{Reading, Seen, noise, over_features};
use crate::model_file::{Model, ModelFileError, load_in};
use crate::registry::Registry;
use nopropdt_blocks::{Features, Readout, Trace};
use nopropdt_data::{DataError, Examples, InputShape, Normalisation};
#[cfg(feature = "pictures")]
use nopropdt_data::{ImageFile, ImageShape, decode_picture, read_picture};
use nopropdt_tensor::{Tensor, flat};
use std::cell::RefCell;
use std::path::Path;
use std::sync::Arc;

/// A trained network that answers what an image shows.
///
/// The chain of an answer starts from noise. Here it is the same for every image, so an image has one answer, whatever stands beside it.
///
/// ```no_run
/// use nopropdt_train::predictor::Predictor;
/// use std::path::Path;
///
/// let predictor = Predictor::load(Path::new("runs/digits-dt/model.safetensors"))?;
/// let answer = predictor.predict(&[0.0; 64])?; // 8×8 grey values in 0..1
/// println!("{} ({:.1} %)", answer.name, 100.0 * answer.probability);
/// # Ok::<(), nopropdt_train::predictor::PredictError>(())
/// ```
///
/// A clone shares the network and its weights.
#[derive(Clone)]
pub struct Predictor {
    model: Arc<Model>,
    seed: u64,
    draws: u64,
    readout: Readout,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PredictError {
    /// The model file can't be used.
    #[error(transparent)]
    Model(#[from] ModelFileError),
    /// The parts of a model do not fit together.
    #[error("model: {rule}; {found}")]
    Parts {
        /// What must hold.
        rule: String,
        /// What was found.
        found: String,
    },
    /// A picture can't be read, or a normalisation is none for the network's images.
    #[error(transparent)]
    Data(#[from] DataError),
    /// An image has another number of values than the network takes.
    #[error("image {index}: must have {wanted} values, {shape}; found {found}")]
    Length {
        /// Its place in the list, from 0.
        index: usize,
        /// Values wanted.
        wanted: usize,
        /// Shape of the network's inputs: `8x8x1`.
        shape: String,
        /// Values found.
        found: usize,
    },
    /// An image has a value that is NaN or infinite.
    #[error("image {index}: values must be finite; value {place} is {found}")]
    NotFinite {
        /// Its place in the list, from 0.
        index: usize,
        /// The value's place in the image, from 0.
        place: usize,
        /// The value.
        found: f32,
    },
    /// A probability is NaN or infinite: the weights are too large for finite numbers.
    #[error(
        "image {index}: the network's probabilities must be finite; they are not, so its weights are too large"
    )]
    NoAnswer {
        /// The image's place in the list, from 0.
        index: usize,
    },
}

impl Predictor {
    /// The network of a model file.
    ///
    /// # Errors
    /// [`PredictError::Model`] as [`load`](crate::model_file::load) has it; [`PredictError::Data`] when the file's normalisation is none for
    /// its images.
    pub fn load(path: &Path) -> Result<Self, PredictError> {
        Self::load_in(path, &Registry::builtin())
    }

    /// As [`Predictor::load`], with the names of `registry`.
    ///
    /// # Errors
    /// As `load`.
    pub fn load_in(path: &Path, registry: &Registry) -> Result<Self, PredictError> {
        Self::from_model(load_in(path, registry)?)
    }

    /// A network that was read before. Its noise is that of the seed it was trained with, from one draw; its answer is read as the file
    /// recommends, else as its method does.
    ///
    /// # Errors
    /// [`PredictError::Parts`] when class names or weights are not of the network, or the network is not that of its settings and shape;
    /// [`PredictError::Data`] when the normalisation is not for its channels.
    pub fn from_model(model: Model) -> Result<Self, PredictError> {
        let (wanted, found) = (model.network.facts().classes, model.metadata.class_names.len());
        let fault = |rule: String, found: String| Err(PredictError::Parts { rule, found });
        if wanted != found {
            return fault(format!("must have {wanted} class names"), format!("found {found}"));
        }
        if model.network.tensors() != model.weights.tensors() {
            return fault("weights must be of the network".into(), "found those of another".into());
        }
        let described = model.metadata.config.network(model.metadata.input.sizes(), found);
        if !described.is_ok_and(|described| described.tensors() == model.network.tensors()) {
            return fault(
                "the network must be that of the settings and the shape".into(),
                "found another".into(),
            );
        }
        if let Some(normalisation) = &model.metadata.normalisation {
            normalisation.check(model.metadata.input.channels())?;
        }
        if let Some(brightness) = &model.metadata.brightness {
            brightness.check()?;
        }
        Ok(Self {
            seed: model.metadata.config.training.seed,
            draws: 1,
            readout: model.readout(),
            model: Arc::new(model),
        })
    }

    /// The same network with the noise of another seed.
    #[must_use]
    pub fn with_seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// The same network, whose answers are means of the probabilities of this many draws of the noise; 0 counts as 1.
    #[must_use]
    pub fn with_draws(self, draws: u64) -> Self {
        Self { draws: draws.max(1), ..self }
    }

    /// The same network, whose answers are read there.
    #[must_use]
    pub fn with_readout(self, readout: Readout) -> Self {
        Self { readout, ..self }
    }

    /// Where answers are read.
    pub fn readout(&self) -> Readout {
        self.readout
    }

    /// Draws of the noise that an answer is the mean of.
    pub fn draws(&self) -> u64 {
        self.draws
    }

    /// Whether an image of values in 0..1 looks inverted: dark on light where those trained on were light on dark, or the other way round.
    /// Never where the model file does not say how bright they were.
    pub fn looks_inverted(&self, image: &[f32]) -> bool {
        self.model.metadata.brightness.is_some_and(|brightness| brightness.looks_inverted(image))
    }

    /// The network, its weights, and what its file says of it.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// What the image shows.
    ///
    /// # Shapes
    /// `image` is one input of the model's shape, row-major, each value in 0..1: of an image, height, width, then channels. Where the
    /// model normalises, that is done here.
    ///
    /// # Errors
    /// [`PredictError::Length`], [`PredictError::NotFinite`] and [`PredictError::NoAnswer`].
    pub fn predict(&self, image: &[f32]) -> Result<Prediction, PredictError> {
        Ok(self.predict_all(&[image])?.remove(0))
    }

    /// What each of the images shows, in their order: what [`Predictor::predict`] says of each alone. They are denoised in batches, on the
    /// threads of the pool this is called in.
    ///
    /// # Errors
    /// As `predict`, for the first image that is wrong.
    pub fn predict_all<I: AsRef<[f32]> + Sync>(&self, images: &[I]) -> Result<Vec<Prediction>, PredictError> {
        let network = &self.model.network;
        let batches = self.over(images, |rows, features| {
            self.answers(rows, &|seed, draw| {
                // One and the same noise, whatever the place.
                network.sample(&self.model.weights, features, &|_| noise(seed, draw, 0))
            })
        })?;
        let each = batches.into_iter().flatten().enumerate();
        each.map(|(index, answer)| answer.ok_or(PredictError::NoAnswer { index })).collect()
    }

    /// Runs `read` over checked images, batch by batch: it is given the number of a batch's rows and what the blocks see of them.
    fn over<I: AsRef<[f32]> + Sync, T: Send>(
        &self,
        images: &[I],
        read: impl Fn(usize, &Features) -> T + Sync,
    ) -> Result<Vec<T>, PredictError> {
        let Model { network, weights, metadata } = &*self.model;
        let inputs =
            Inputs { images, shape: &metadata.input, normalisation: metadata.normalisation.as_ref() };
        inputs.check()?;
        let indices: Vec<u32> = (0..inputs.len() as u32).collect();
        let read = |seen: &Seen<'_>| read(seen.indices.len(), seen.features);
        Ok(over_features(network.as_ref(), weights, &inputs, &indices, read))
    }

    /// The answers to `rows` images, each a mean over the draws that `sample` makes in (seed, draw); none for a row whose
    /// probabilities are not finite.
    fn answers(&self, rows: usize, sample: &dyn Fn(u64, u64) -> Trace) -> Vec<Option<Prediction>> {
        let reading = Reading { draws: self.draws, ..Reading::of_draws(self.seed, 1) };
        // What each draw says alone.
        let each = RefCell::new(Vec::new());
        let means = reading.means(0, &|seed, draw| {
            let trace = sample(seed, draw);
            each.borrow_mut().push(trace.read(self.readout).argmax_rows());
            trace
        });
        let each = each.into_inner();
        let agreeing = |row: usize, class| each.iter().filter(|draw| draw[row] == class).count() as u64;
        let answer = |row| {
            let answer = self.of_row(&means, row)?;
            Some(Prediction { agreeing: agreeing(row, answer.class), ..answer })
        };
        (0..rows).map(answer).collect()
    }

    /// The picture of a file as one input of the network: PNG, JPEG, BMP or WebP, brought to the model's size and channels as the pictures
    /// of a folder are.
    ///
    /// # Errors
    /// [`PredictError::Data`] when it can't be read, or the network's images are neither grey nor in colour; [`PredictError::Parts`] when its
    /// inputs are no images.
    #[cfg(feature = "pictures")]
    pub fn picture(&self, path: &Path) -> Result<Vec<f32>, PredictError> {
        Ok(read_picture(path, self.image_shape()?)?)
    }

    /// The picture of these bytes, of a file's content that came from elsewhere, as [`Predictor::picture`] has that of a file. One of more
    /// than `most_pixels` pixels is refused before it is decoded.
    ///
    /// # Errors
    /// As [`Predictor::picture`] has it.
    #[cfg(feature = "pictures")]
    pub fn picture_of(&self, bytes: &[u8], most_pixels: u64) -> Result<Vec<f32>, PredictError> {
        Ok(decode_picture(bytes, self.image_shape()?, most_pixels)?)
    }

    /// Image `index` of a file that holds many as one input of the network, brought to the model's size and channels as a picture is.
    ///
    /// # Errors
    /// As [`Predictor::picture`] has it.
    #[cfg(feature = "pictures")]
    pub fn image_of(&self, file: &ImageFile, index: usize) -> Result<Vec<f32>, PredictError> {
        Ok(file.image(index, self.image_shape()?)?)
    }

    /// The shape that pictures are brought to.
    #[cfg(feature = "pictures")]
    fn image_shape(&self) -> Result<ImageShape, PredictError> {
        let input = &self.model.metadata.input;
        input.image().ok_or_else(|| {
            let rule = "inputs must be images for a picture to be one".to_owned();
            PredictError::Parts { rule, found: format!("found inputs of {input}") }
        })
    }

    /// The answer in this row of probabilities [B, m], of the chain, of the consensus and of each read-out; none when one is not finite.
    fn of_row(&self, probabilities: &[Tensor], row: usize) -> Option<Prediction> {
        let names = &self.model.metadata.class_names;
        let mut rows: Vec<Vec<f64>> = Vec::with_capacity(probabilities.len());
        for tensor in probabilities {
            let values = &tensor.data()[row * names.len()..][..names.len()];
            if flat::first_not_finite(values).is_some() {
                return None;
            }
            rows.push(values.iter().map(|&p| f64::from(p)).collect());
        }
        let after_each = rows.split_off(2);
        let [chain, consensus] = <[Vec<f64>; 2]>::try_from(rows).ok()?;
        let probabilities = match self.readout {
            Readout::Chain => chain.clone(),
            Readout::Consensus => consensus.clone(),
        };
        let class = largest(&probabilities, None)?;
        let second = largest(&probabilities, Some(class))?;
        let (probability, second_probability) = (probabilities[class], probabilities[second]);
        Some(Prediction {
            class,
            name: names[class].clone(),
            probability,
            runner_up: RunnerUp {
                class: second,
                name: names[second].clone(),
                probability: second_probability,
            },
            readout: self.readout,
            probabilities,
            chain,
            consensus,
            after_each,
            agreeing: 0,
        })
    }
}

/// The class of the largest probability, the first of equals, but for one left out.
fn largest(probabilities: &[f64], left_out: Option<usize>) -> Option<usize> {
    let classes = (0..probabilities.len()).rev().filter(|&class| Some(class) != left_out);
    classes.max_by(|&one, &other| probabilities[one].total_cmp(&probabilities[other]))
}

/// Images of somebody's own as evaluation takes them; their labels are not known.
struct Inputs<'a, I> {
    images: &'a [I],
    shape: &'a InputShape,
    normalisation: Option<&'a Normalisation>,
}

impl<I: AsRef<[f32]>> Inputs<'_, I> {
    fn check(&self) -> Result<(), PredictError> {
        let wanted = self.shape.len();
        for (index, image) in self.images.iter().map(AsRef::as_ref).enumerate() {
            let found = image.len();
            if found != wanted {
                return Err(PredictError::Length { index, wanted, shape: self.shape.to_string(), found });
            }
            if let Some(place) = flat::first_not_finite(image) {
                return Err(PredictError::NotFinite { index, place, found: image[place] });
            }
        }
        Ok(())
    }
}

impl<I: AsRef<[f32]> + Sync> Examples for Inputs<'_, I> {
    fn len(&self) -> usize {
        self.images.len()
    }

    fn shape(&self) -> Vec<usize> {
        self.shape.sizes().to_vec()
    }

    fn label(&self, _index: usize) -> usize {
        0
    }

    fn fill(&self, index: usize, input: &mut [f32]) {
        input.copy_from_slice(self.images[index].as_ref());
        if let Some(normalisation) = self.normalisation {
            normalisation.apply(input);
        }
    }
}
