//! Answers as JSON.

use crate::models::Asked;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use nopropdt_blocks::Readout;
use nopropdt_data::{Brightness, ImageShape};
use nopropdt_train::predictor::{Draw, NamedAnswer, Prediction, Said};
use serde::Serialize;

/// An answer to an input. Probabilities are in 0..1, a class each in the order of the labels.
#[derive(Serialize)]
pub(crate) struct Answer<'a> {
    #[serde(flatten)]
    answer: NamedAnswer<'a>,
    /// After each block `[T][m]`.
    per_block: &'a [Vec<f64>],
    chain: &'a [f64],
    consensus: &'a [f64],
    seed: u64,
    looks_inverted: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<Detail>,
}

/// What happened on the way.
#[derive(Serialize)]
pub(crate) struct Detail {
    /// What the model was shown, where that is an image.
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<Pixels>,
    draws: Vec<Way>,
}

/// An image: bytes row by row, channels innermost.
#[derive(Serialize)]
pub(crate) struct Pixels {
    height: usize,
    width: usize,
    channels: usize,
    /// In base64.
    bytes: String,
}

impl Pixels {
    pub(crate) fn of_bytes(shape: ImageShape, bytes: &[u8]) -> Self {
        let ImageShape { height, width, channels } = shape;
        Self { height, width, channels, bytes: STANDARD.encode(bytes) }
    }

    /// Of values in 0..1.
    fn of_values(shape: ImageShape, values: &[f32]) -> Self {
        let bytes: Vec<u8> =
            values.iter().map(|value| (255.0 * value).round().clamp(0.0, 255.0) as u8).collect();
        Self::of_bytes(shape, &bytes)
    }
}

/// One draw of the noise.
#[derive(Serialize)]
struct Way {
    label: usize,
    probability: f64,
    after_each: Vec<LabelSaid>,
    /// What each block was given, in the plane.
    given: Vec<[f32; 2]>,
    /// What each made of it, in the plane.
    estimates: Vec<[f32; 2]>,
}

#[derive(Serialize)]
struct LabelSaid {
    label: usize,
    probability: f64,
}

impl From<Said> for LabelSaid {
    fn from(said: Said) -> Self {
        Self { label: said.class, probability: said.probability }
    }
}

impl From<Draw<[f32; 2]>> for Way {
    fn from(draw: Draw<[f32; 2]>) -> Self {
        let Draw { answer, after_each, given, estimates } = draw;
        let after_each = after_each.into_iter().map(LabelSaid::from).collect();
        Self { label: answer.class, probability: answer.probability, after_each, given, estimates }
    }
}

impl Detail {
    /// Of an input's values, and the draws of its answer.
    pub(crate) fn new(image: Option<ImageShape>, values: &[f32], draws: Vec<Draw<[f32; 2]>>) -> Self {
        let image = image.map(|shape| Pixels::of_values(shape, values));
        Self { image, draws: draws.into_iter().map(Way::from).collect() }
    }
}

/// How an answer was asked for.
pub(crate) struct Asking {
    pub(crate) seed: u64,
    pub(crate) draws: u64,
    pub(crate) looks_inverted: bool,
}

impl<'a> Answer<'a> {
    pub(crate) fn new(prediction: &'a Prediction, asking: &Asking, detail: Option<Detail>) -> Self {
        let Asking { seed, draws, looks_inverted } = *asking;
        Self {
            answer: NamedAnswer::new(prediction, draws),
            per_block: &prediction.after_each,
            chain: &prediction.chain,
            consensus: &prediction.consensus,
            seed,
            looks_inverted,
            detail,
        }
    }
}

/// A model as it is told of.
#[derive(Serialize)]
pub(crate) struct Told<'a> {
    name: &'a str,
    method: &'static str,
    dataset: String,
    classes: &'a [String],
    /// Sizes of an input.
    input: &'a [usize],
    /// The same of one that is an image.
    image: Option<ImageSizes>,
    /// Answers on the way.
    blocks: usize,
    /// What one is called: `block` or `read-out`.
    on_the_way: &'static str,
    readout: Readout,
    seed: u64,
    most_draws: u64,
    most_bytes: usize,
    most_pixels: u64,
    /// ᾱ of the latents that each block was trained on; empty where blocks can't be asked alone.
    levels: Vec<f64>,
    /// Where the classes lie in the plane.
    plane: Vec<[f32; 2]>,
    brightness: Option<Brightness>,
}

#[derive(Serialize)]
struct ImageSizes {
    height: usize,
    width: usize,
    channels: usize,
}

impl<'a> Told<'a> {
    pub(crate) fn new(asked: &'a Asked, limits: &crate::limits::Limits) -> Self {
        let model = asked.predictor.model();
        let (facts, metadata) = (model.network.facts(), &model.metadata);
        let levels = model.network.inspect().map_or_else(Vec::new, |blocks| {
            (1..=facts.readouts).map(|block| blocks.level(&model.weights, block)).collect()
        });
        let sizes = |ImageShape { height, width, channels }| ImageSizes { height, width, channels };
        Self {
            name: &asked.name,
            method: facts.name,
            dataset: metadata.config.data.dataset.short_name(),
            classes: &metadata.class_names,
            input: metadata.input.sizes(),
            image: metadata.input.image().map(sizes),
            blocks: facts.readouts,
            on_the_way: facts.readout_name(),
            readout: asked.predictor.readout(),
            seed: metadata.config.training.seed,
            most_draws: limits.draws,
            most_bytes: limits.body,
            most_pixels: limits.pixels,
            levels,
            plane: asked.classes_in_plane(),
            brightness: metadata.brightness,
        }
    }
}
