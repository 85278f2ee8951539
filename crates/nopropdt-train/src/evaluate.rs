//! Accuracy of a network, from the first block to the last.

use crate::class_balance::balanced_accuracy;
use crate::trainer::gather;
use nopropdt_blocks::{Method, Trace, Weights};
use nopropdt_data::Examples;
use nopropdt_tensor::random::Stream;
use nopropdt_tensor::{Tensor, flat};
use rayon::prelude::*;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Images denoised together. A fixed number, so that results do not depend on the machine.
pub(crate) const BATCH: usize = 200;

/// Correct answers over a split, for one draw of the noise.
#[derive(Debug, Clone, PartialEq)]
pub struct Accuracy {
    /// The paper's answer, f(z_T): a fraction.
    pub chain: f64,
    /// The consensus read-out: a fraction.
    pub consensus: f64,
    /// The mean over classes of the chain's accuracy on each.
    pub chain_balanced: f64,
    /// The mean over classes of the consensus' accuracy on each.
    pub consensus_balanced: f64,
    /// The logits of each read-out, each block's own: a fraction each.
    pub per_block: Vec<f64>,
    /// Whether every class probability was a finite number; where one is not, the accuracies are those of no answer.
    pub finite: bool,
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
pub(crate) fn noise(seed: u64, draw: u64, image: usize) -> Stream {
    Stream::new(seed).purpose("evaluate").child(draw).child(image as u64)
}

/// Runs `read` over every batch, in the order of the images: given its labels and a function that samples an answer to it in
/// (seed, draw) from the noise of (seed, draw, image). A trace lives no longer than its reading, so memory does not grow with the number
/// of draws.
pub(crate) fn over_batches<T: Send>(
    method: &dyn Method,
    weights: &Weights,
    data: &dyn Examples,
    noise: impl Fn(u64, u64, usize) -> Stream + Sync,
    read: impl Fn(&[usize], &dyn Fn(u64, u64) -> Trace) -> T + Sync,
) -> Vec<T> {
    let indices: Vec<u32> = (0..data.len() as u32).collect();
    let batches = indices.par_chunks(BATCH).enumerate();
    let each = batches.map(|(index, indices)| {
        let batch = gather(data, indices);
        let first = index * BATCH;
        // Image features depend on neither noise nor step: once an image, whatever the number of draws.
        let features = method.features(weights, &batch.inputs);
        read(&batch.labels, &|seed, draw| {
            method.sample(weights, &features, &|row| noise(seed, draw, first + row))
        })
    });
    each.collect()
}

/// Right answers of a run.
struct Hits {
    /// Of the answer, of the consensus, then of the read-outs.
    of_columns: Vec<usize>,
    /// Of the first two, class by class.
    of_classes: [Vec<usize>; 2],
    /// Whether every probability was a finite number.
    finite: bool,
}

impl Hits {
    fn none(columns: usize, classes: usize) -> Self {
        let of_classes = [vec![0; classes], vec![0; classes]];
        Self { of_columns: vec![0; columns], of_classes, finite: true }
    }

    /// Counts a batch's answers [B, m].
    fn add(&mut self, answers: &[Tensor], labels: &[usize]) {
        for (column, answers) in answers.iter().enumerate() {
            self.finite &= flat::first_not_finite(answers.data()).is_none();
            for (answer, &label) in answers.argmax_rows().into_iter().zip(labels) {
                if answer == label {
                    self.of_columns[column] += 1;
                    if let Some(of_classes) = self.of_classes.get_mut(column) {
                        of_classes[label] += 1;
                    }
                }
            }
        }
    }
}

/// How answers are read, and how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// Seed of the noise.
    pub seed: u64,
    /// Accuracies wanted, each with noise of its own.
    pub runs: u64,
    /// Draws of the noise whose class probabilities are averaged into one answer.
    pub draws: u64,
    /// Stop after this many read-outs (blocks), at least 1: the answer is then the last one's own, and the consensus that of these.
    pub stop_after: Option<usize>,
}

impl Reading {
    /// The whole chain, answered from one draw.
    pub fn of_draws(seed: u64, runs: u64) -> Self {
        Self { seed, runs, draws: 1, stop_after: None }
    }

    /// Class probabilities [B, m] of the answer, of the consensus and of each read-out.
    fn probabilities(&self, mut trace: Trace) -> Vec<Tensor> {
        if let Some(count) = self.stop_after {
            trace.block_logits.truncate(count);
            trace.head_logits = trace.block_logits.last().expect("there is a read-out").clone();
        }
        let mut all = vec![trace.probabilities(), trace.consensus()];
        all.extend(trace.block_probabilities());
        all
    }

    /// Sums over the draws of a run of what [`Reading::probabilities`] has.
    fn sums(&self, run: u64, sample: &dyn Fn(u64, u64) -> Trace) -> Vec<Tensor> {
        let draws = run * self.draws..(run + 1) * self.draws;
        let sums = draws.map(|draw| self.probabilities(sample(self.seed, draw))).reduce(|mut sums, more| {
            for (sum, more) in sums.iter_mut().zip(&more) {
                flat::add_scaled(sum.data_mut(), 1.0, more.data());
            }
            sums
        });
        sums.unwrap_or_default()
    }

    /// Class probabilities [B, m] of the answer, of the consensus and of each read-out: means over the draws of a run.
    pub(crate) fn means(&self, run: u64, sample: &dyn Fn(u64, u64) -> Trace) -> Vec<Tensor> {
        let mut means = self.sums(run, sample);
        let values = means.iter_mut().flat_map(Tensor::data_mut);
        values.for_each(|value| *value /= self.draws as f32);
        means
    }
}

/// Accuracies over `data`, one for each of `runs` draws of the noise.
///
/// # Panics
/// When `data` is empty, its inputs are not of the method's shape, or a label is beyond the method's classes.
pub fn accuracy(
    method: &dyn Method,
    weights: &Weights,
    data: &dyn Examples,
    seed: u64,
    runs: u64,
) -> Vec<Accuracy> {
    read(method, weights, data, &Reading::of_draws(seed, runs))
}

/// Accuracies over `data`, one for each run of `reading`.
///
/// # Panics
/// When `data` is empty, its inputs are not of the method's shape, or a label is beyond the method's classes.
pub fn read(method: &dyn Method, weights: &Weights, data: &dyn Examples, reading: &Reading) -> Vec<Accuracy> {
    read_watched(method, weights, data, reading, &|_, _| ())
}

/// As [`read`]; `tell` is told, from any thread, of (answers given, answers in all), an answer an image and a draw.
///
/// # Panics
/// As `read`.
pub fn read_watched(
    method: &dyn Method,
    weights: &Weights,
    data: &dyn Examples,
    reading: &Reading,
    tell: &(dyn Fn(usize, usize) + Sync),
) -> Vec<Accuracy> {
    let (given, all) = (AtomicUsize::new(0), data.len() * (reading.runs * reading.draws) as usize);
    let (columns, classes) = (2 + method.facts().readouts, method.facts().classes);
    let hits: Vec<Mutex<Hits>> =
        (0..reading.runs).map(|_| Mutex::new(Hits::none(columns, classes))).collect();
    over_batches(method, weights, data, noise, |labels, sample| {
        let sample = |seed, draw| {
            let trace = sample(seed, draw);
            tell(given.fetch_add(labels.len(), Ordering::Relaxed) + labels.len(), all);
            trace
        };
        for (run, hits) in (0..).zip(&hits) {
            let sums = reading.sums(run, &sample);
            hits.lock().unwrap_or_else(PoisonError::into_inner).add(&sums, labels);
        }
    });
    let of_class = data.class_counts(classes);
    let readouts = reading.stop_after.unwrap_or(usize::MAX).min(method.facts().readouts);
    let share = |hits: usize| hits as f64 / data.len() as f64;
    let accuracy = |hits: Mutex<Hits>| {
        let Hits { of_columns, of_classes, finite } =
            hits.into_inner().unwrap_or_else(PoisonError::into_inner);
        let [chain_balanced, consensus_balanced] = of_classes.map(|hits| balanced_accuracy(&hits, &of_class));
        Accuracy {
            chain: share(of_columns[0]),
            consensus: share(of_columns[1]),
            chain_balanced,
            consensus_balanced,
            per_block: of_columns[2..2 + readouts].iter().map(|&hits| share(hits)).collect(),
            finite,
        }
    };
    hits.into_iter().map(accuracy).collect()
}

/// The chain's answer to every image of `data`, in order, in the first draw.
pub fn answers(method: &dyn Method, weights: &Weights, data: &dyn Examples, seed: u64) -> Vec<Answer> {
    let classes = method.facts().classes;
    let of_batches = over_batches(method, weights, data, noise, |_, sample| {
        let probabilities = sample(seed, 0).probabilities();
        let predictions = probabilities.argmax_rows();
        let confidence = |row: usize, class: usize| f64::from(probabilities.data()[row * classes + class]);
        let each = predictions.into_iter().enumerate();
        each.map(|(row, prediction)| (prediction, confidence(row, prediction))).collect::<Vec<_>>()
    });
    let all = of_batches.concat().into_iter().enumerate();
    all.map(|(index, (prediction, confidence))| Answer { index, prediction, confidence }).collect()
}

/// Class probabilities after each block, `[T][m]`, of the image at `index`, with the noise of the first draw.
pub fn chain_of(
    method: &dyn Method,
    weights: &Weights,
    data: &dyn Examples,
    seed: u64,
    index: usize,
) -> Vec<Vec<f64>> {
    let batch = gather(data, &[index as u32]);
    let features = method.features(weights, &batch.inputs);
    let trace = method.sample(weights, &features, &|_| noise(seed, 0, index));
    let row = |p: Tensor| p.data().iter().map(|&p| f64::from(p)).collect();
    trace.block_probabilities().into_iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Overrides;
    use nopropdt_data::{DatasetName, load};
    use std::path::Path;

    #[test]
    fn every_answer_is_told_of() {
        let data = load(DatasetName::Digits, Path::new("unused")).unwrap().test.limited(Some(250));
        let method =
            Overrides::default().with("steps", 1).resolve(None).unwrap().network(&[8, 8, 1], 10).unwrap();
        let weights = method.init(5);
        let reading = Reading { seed: 1, runs: 3, draws: 2, stop_after: None };
        let told = Mutex::new(Vec::new());
        let tell = |given, all| told.lock().unwrap().push((given, all));
        let found = read_watched(method.as_ref(), &weights, &data, &reading, &tell);
        assert_eq!(found, read(method.as_ref(), &weights, &data, &reading));
        let told = told.into_inner().unwrap();
        // Two batches, each answered six times.
        assert_eq!((told.len(), told.iter().max()), (12, Some(&(1500, 1500))));
    }

    /// By the definition, from the answers to the images one by one; classes 0 to 4 have two images of three left out.
    #[test]
    fn balanced_accuracy_is_the_mean_over_classes() {
        let digits = load(DatasetName::Digits, Path::new("unused")).unwrap().test;
        let kept = |&index: &u32| digits.label(index as usize) >= 5 || index.is_multiple_of(3);
        let data = digits.select(&(0..digits.len() as u32).filter(kept).collect::<Vec<_>>());
        let method =
            Overrides::default().with("steps", 2).resolve(None).unwrap().network(&[8, 8, 1], 10).unwrap();
        let weights = method.init(5);
        let answers = answers(method.as_ref(), &weights, &data, 1);
        let share = |class: usize| {
            let of_class: Vec<&Answer> =
                answers.iter().filter(|answer| data.label(answer.index) == class).collect();
            of_class.iter().filter(|answer| answer.prediction == class).count() as f64 / of_class.len() as f64
        };
        let wanted = (0..10).map(share).sum::<f64>() / 10.0;
        let found = accuracy(method.as_ref(), &weights, &data, 1, 1).remove(0);
        assert!((found.chain_balanced - wanted).abs() < 1e-12, "{} {wanted}", found.chain_balanced);
        assert!((found.chain_balanced - found.chain).abs() > 1e-3, "{found:?}");
    }
}
