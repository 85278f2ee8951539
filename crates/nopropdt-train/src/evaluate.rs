//! Accuracy of a network, from the first block to the last.

use crate::trainer::gather;
use nopropdt_blocks::{Method, Trace, Weights};
use nopropdt_data::ImageSet;
use nopropdt_tensor::Tensor;
use nopropdt_tensor::random::Stream;
use rayon::prelude::*;

/// Images denoised together. A fixed number, so that results do not depend on the machine.
const BATCH: usize = 200;

/// Correct answers over a split, for one draw of the noise.
#[derive(Debug, Clone, PartialEq)]
pub struct Accuracy {
    /// The paper's answer, f(z_T): a fraction.
    pub chain: f64,
    /// The consensus read-out: a fraction.
    pub consensus: f64,
    /// The logits of each read-out, each block's own: a fraction each.
    pub per_block: Vec<f64>,
}

/// What a network makes of one image.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// Index in the split.
    pub index: usize,
    /// Class answered by the chain.
    pub prediction: usize,
    /// Its probability.
    pub confidence: f64,
}

/// The noise of one image in one draw: a function of nothing else.
fn noise(seed: u64, draw: u64, image: usize) -> Stream {
    Stream::new(seed).purpose("evaluate").child(draw).child(image as u64)
}

/// Runs `read` over every batch's traces: results `[batch][draw]`, in the order of the images. A trace lives no longer than
/// its reading, so memory does not grow with `draws`.
fn over_batches<T: Send>(
    method: &dyn Method,
    weights: &Weights,
    data: &dyn ImageSet,
    seed: u64,
    draws: u64,
    read: impl Fn(usize, &[usize], &Trace) -> T + Sync,
) -> Vec<Vec<T>> {
    let indices: Vec<u32> = (0..data.len() as u32).collect();
    let batches = indices.par_chunks(BATCH).enumerate();
    let traced = batches.map(|(index, indices)| {
        let batch = gather(data, indices);
        let first = index * BATCH;
        // Image features depend on neither noise nor step: once an image, whatever the number of draws.
        let features = method.features(weights, &batch.images);
        let sample = |draw| method.sample(weights, &features, &|row| noise(seed, draw, first + row));
        (0..draws).map(|draw| read(first, &batch.labels, &sample(draw))).collect()
    });
    traced.collect()
}

fn hits(answers: &Tensor, labels: &[usize]) -> usize {
    answers.argmax_rows().iter().zip(labels).filter(|(answer, label)| answer == label).count()
}

/// Accuracies over `data`, one for each of `draws` draws of the noise.
///
/// # Panics
/// When `data` is empty or its images are not of the method's shape.
pub fn accuracy(
    method: &dyn Method,
    weights: &Weights,
    data: &dyn ImageSet,
    seed: u64,
    draws: u64,
) -> Vec<Accuracy> {
    let readouts = method.readouts();
    // Hits of a trace: chain, consensus, then the read-outs.
    let counts = over_batches(method, weights, data, seed, draws, |_, labels, trace| {
        let mut counts = vec![hits(&trace.head_logits, labels), hits(&trace.consensus(), labels)];
        counts.extend(trace.block_logits.iter().map(|logits| hits(logits, labels)));
        counts
    });
    let share = |draw: usize, column: usize| {
        counts.iter().map(|batch| batch[draw][column]).sum::<usize>() as f64 / data.len() as f64
    };
    (0..draws as usize)
        .map(|draw| Accuracy {
            chain: share(draw, 0),
            consensus: share(draw, 1),
            per_block: (0..readouts).map(|readout| share(draw, 2 + readout)).collect(),
        })
        .collect()
}

/// The chain's answer to every image of `data`, in order, in the first draw.
pub fn answers(method: &dyn Method, weights: &Weights, data: &dyn ImageSet, seed: u64) -> Vec<Answer> {
    let classes = method.classes();
    let read = |first: usize, _: &[usize], trace: &Trace| {
        let probabilities = trace.probabilities();
        let predictions = probabilities.argmax_rows();
        let answer = |(row, prediction): (usize, usize)| Answer {
            index: first + row,
            prediction,
            confidence: f64::from(probabilities.data()[row * classes + prediction]),
        };
        predictions.into_iter().enumerate().map(answer).collect::<Vec<_>>()
    };
    over_batches(method, weights, data, seed, 1, read).concat().concat()
}

/// Class probabilities after each block, `[T][m]`, of the image at `index`, with the noise of the first draw.
pub fn chain_of(
    method: &dyn Method,
    weights: &Weights,
    data: &dyn ImageSet,
    seed: u64,
    index: usize,
) -> Vec<Vec<f64>> {
    let batch = gather(data, &[index as u32]);
    let features = method.features(weights, &batch.images);
    let trace = method.sample(weights, &features, &|_| noise(seed, 0, index));
    let row = |p: Tensor| p.data().iter().map(|&p| f64::from(p)).collect();
    trace.block_probabilities().into_iter().map(row).collect()
}

/// Mean and standard error of the mean; the error is 0 for a single value.
pub fn mean_and_error(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    if values.len() < 2 {
        return (mean, 0.0);
    }
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0);
    (mean, (variance / count).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn standard_error_of_known_values() {
        let (mean, error) = mean_and_error(&[1.0, 2.0, 3.0, 4.0]);
        assert_eq!(mean, 2.5);
        assert!((error - (5.0f64 / 3.0 / 4.0).sqrt()).abs() < 1e-15);
        assert_eq!(mean_and_error(&[0.5]), (0.5, 0.0));
    }
}
