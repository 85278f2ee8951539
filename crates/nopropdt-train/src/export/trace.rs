//! A whole answer as a graph.

use super::ExportError;
use super::fold::folded;
use super::simplify::simplified;
use crate::model_file::{Model, ModelMetadata};
use nopropdt_blocks::Runner;
use nopropdt_data::Normalisation;
use nopropdt_tensor::graph::{self, Graph, GraphBuilder, Op};
use nopropdt_tensor::{Backward, Operation, Tape, Tensor, Var};

/// The input of images [B, C, H, W] with values in 0..1.
pub const IMAGE: &str = "image";
/// The input where it is no image: [B, …].
pub const INPUT: &str = "input";
/// z_0 [B, d]: standard normal values.
pub const START: &str = "z_0";
/// Further noise [B, T, d], for samplers that draw some: standard normal values.
pub const NOISE: &str = "noise";
/// Class probabilities [B, m] at the end of the chain.
pub const PROBABILITIES: &str = "probabilities";
/// The mean over the read-outs of their class probabilities [B, m].
pub const CONSENSUS: &str = "consensus";

/// Fewest steps in a row that become a loop: ten read-outs cut fifty steps into as many runs of five.
const LEAST_ROUNDS: usize = 4;

/// The answer of a model as a graph for any number of rows, of [`IMAGE`] (or [`INPUT`]), [`START`] and, where the sampler takes it,
/// [`NOISE`], with the outputs [`PROBABILITIES`] and [`CONSENSUS`]. All is in f32.
///
/// # Errors
/// When the method or an operation has no form in a graph, or one for a single batch size.
pub fn graph_of(model: &Model) -> Result<Graph, ExportError> {
    let (two, three) = (traced(model, 2)?, traced(model, 3)?);
    Ok(simplified(folded(two.with_free_rows(&three)?, LEAST_ROUNDS)))
}

/// The answer to so many rows.
fn traced(model: &Model, rows: usize) -> Result<Graph, ExportError> {
    let (network, facts) = (model.network.as_ref(), model.network.facts());
    let mut tape = Tape::tracing();
    let inputs = inputs(&mut tape, &model.metadata, rows);
    let dim = facts.embedding.dim();
    let start = tape.input(START, Tensor::zeros(&[rows, dim]));
    let noise = tape.input(NOISE, Tensor::zeros(&[rows, facts.steps, dim]));
    let mut on = Runner::graph(&mut tape, &model.weights, |block| facts.prefix(block), [start, noise]);
    let answer = network.answer_on(&model.weights, &mut on, &inputs.into());
    let answer = answer.ok_or_else(|| ExportError::Method { method: facts.name.to_owned() })?;
    let share = 1.0 / answer.block_logits.len() as f32;
    let of_blocks: Vec<(Var, f32)> =
        answer.block_logits.iter().map(|logits| (tape.softmax(logits.place()), share)).collect();
    let consensus = tape.linear_combination(&of_blocks, 0.0);
    let probabilities = tape.softmax(answer.head_logits.place());
    Ok(tape.graph(&[(PROBABILITIES, probabilities), (CONSENSUS, consensus)])?)
}

/// The inputs of the network, from the first input of the graph.
fn inputs(tape: &mut Tape<'_>, metadata: &ModelMetadata, rows: usize) -> Var {
    let normalisation = metadata.normalisation.clone();
    let Some(image) = metadata.input.image() else {
        let input = tape.input(INPUT, Tensor::zeros(&[&[rows], metadata.input.sizes()].concat()));
        return match normalisation {
            Some(normalisation) => tape.apply(Normalise { normalisation, is_image: false }, &[input]),
            None => input,
        };
    };
    let mut images = tape.input(IMAGE, Tensor::zeros(&[rows, image.channels, image.height, image.width]));
    if let Some(normalisation) = normalisation {
        images = tape.apply(Normalise { normalisation, is_image: true }, &[images]);
    }
    tape.permute(images, &[0, 2, 3, 1])
}

/// (x − mean)/deviation of each channel, of images [B, C, H, W] or of values [.., C].
struct Normalise {
    normalisation: Normalisation,
    is_image: bool,
}

impl Operation for Normalise {
    fn name(&self) -> &'static str {
        "normalisation"
    }

    fn forward(&mut self, inputs: &[&Tensor]) -> Tensor {
        let mut value = inputs[0].clone();
        let Normalisation { mean, deviation } = &self.normalisation;
        let behind: usize = if self.is_image { inputs[0].shape()[2..].iter().product() } else { 1 };
        for (index, value) in value.data_mut().iter_mut().enumerate() {
            let channel = index / behind.max(1) % mean.len();
            *value = (*value - mean[channel]) / deviation[channel];
        }
        value
    }

    fn backward(&self, _: &mut Backward<'_, '_>) {
        unreachable!("inputs learn nothing")
    }

    fn graph(&self, graph: &mut GraphBuilder, inputs: &[graph::Value]) -> Option<graph::Value> {
        let Normalisation { mean, deviation } = &self.normalisation;
        let shape = if self.is_image { vec![mean.len(), 1, 1] } else { vec![mean.len()] };
        let [mean, deviation] = [mean, deviation]
            .map(|values| graph.constant(Tensor::filled_by(&shape, |data| data.copy_from_slice(values))));
        let centred = graph.op(Op::Sub, &[inputs[0], mean]);
        Some(graph.op(Op::Div, &[centred, deviation]))
    }
}
