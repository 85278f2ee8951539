//! Inputs and what they are answered here: what another program's answers are held against.

use super::trace::{CONSENSUS, IMAGE, INPUT, NOISE, PROBABILITIES, START};
use super::weights::safetensors_of;
use crate::evaluate::noise;
use crate::model_file::Model;
use nopropdt_tensor::Tensor;
use nopropdt_tensor::random::Stream;

/// Rows of an example.
const ROWS: usize = 4;

/// A safetensors file with random inputs by the names that an exported network has for them, and what the model answers to them: the
/// seed decides all of it. `noise` is in it whether the sampler takes it or not.
pub fn example(model: &Model, seed: u64) -> Vec<u8> {
    let (network, weights, input) = (model.network.as_ref(), &model.weights, &model.metadata.input);
    let facts = network.facts();
    let (dim, steps) = (facts.embedding.dim(), facts.steps);
    let shape = [&[ROWS], input.sizes()].concat();
    let images = Tensor::filled_by(&shape, |data| Stream::new(seed).purpose("example").fill_uniform(data));
    let mut normalised = images.clone();
    if let Some(normalisation) = &model.metadata.normalisation {
        normalised.data_mut().chunks_exact_mut(input.len()).for_each(|image| normalisation.apply(image));
    }
    let of_row = |row: usize| noise(seed, 0, row);
    let trace = network.sample(weights, &network.features(weights, &normalised), &of_row);
    let drawn = |rest: &[usize], first: usize| {
        Tensor::filled_by(&[&[ROWS], rest, &[dim]].concat(), |data| {
            let each = rest.iter().product::<usize>();
            for (at, values) in data.chunks_exact_mut(dim).enumerate() {
                of_row(at / each).child((first + at % each) as u64).fill_normal(values);
            }
        })
    };
    let (name, images) = match input.image() {
        Some(_) => (IMAGE, channels_first(&images)),
        None => (INPUT, images),
    };
    let tensors = [
        (name, images),
        (START, drawn(&[], 0)),
        (NOISE, drawn(&[steps], 1)),
        (PROBABILITIES, trace.probabilities()),
        (CONSENSUS, trace.consensus()),
    ];
    let tensors: Vec<(String, &Tensor)> =
        tensors.iter().map(|(name, tensor)| ((*name).to_owned(), tensor)).collect();
    safetensors_of(&tensors)
}

/// Images [B, H, W, C] as [B, C, H, W].
fn channels_first(images: &Tensor) -> Tensor {
    let view = images.view().permuted_axes(vec![0, 3, 1, 2]);
    let (shape, values) = (view.shape().to_vec(), view.iter().copied());
    Tensor::filled_by(&shape, |data| data.iter_mut().zip(values).for_each(|(to, from)| *to = from))
}
