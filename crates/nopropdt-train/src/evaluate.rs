//! Accuracy of a network, from the first block to the last.

use crate::calibration::Calibration;
use crate::class_balance::balanced_accuracy;
use crate::confusion::Confusion;
use crate::trainer::gather;
use nopropdt_blocks::{Facts, Features, Method, Readout, Trace, Weights};
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
    /// Expected calibration error of the chain: how far its probabilities are from the share of right answers.
    pub chain_calibration_error: f64,
    /// The same of the consensus.
    pub consensus_calibration_error: f64,
}

impl Accuracy {
    /// The accuracy of a read-out.
    pub fn of(&self, readout: Readout) -> f64 {
        match readout {
            Readout::Chain => self.chain,
            Readout::Consensus => self.consensus,
        }
    }
}

/// Answers over a split: how good they are, run by run, and what they are in all runs together.
#[derive(Debug, Clone, PartialEq)]
pub struct Readings {
    /// One a run.
    pub accuracies: Vec<Accuracy>,
    /// The chain's answers.
    pub chain: Counts,
    /// The consensus' answers.
    pub consensus: Counts,
}

impl Readings {
    /// The answers of a read-out.
    pub fn of(&self, readout: Readout) -> &Counts {
        match readout {
            Readout::Chain => &self.chain,
            Readout::Consensus => &self.consensus,
        }
    }
}

/// What is counted of a read-out's answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counts {
    /// By class.
    pub confusion: Confusion,
    /// By probability.
    pub calibration: Calibration,
}

impl Counts {
    fn none(classes: usize) -> Self {
        Self { confusion: Confusion::none(classes), calibration: Calibration::none() }
    }

    /// Counts answers [B, m].
    fn add(&mut self, probabilities: &Tensor, labels: &[usize]) {
        let rows = probabilities.data().chunks_exact(self.confusion.classes());
        for ((answer, row), &label) in probabilities.argmax_rows().into_iter().zip(rows).zip(labels) {
            self.confusion.add(label, answer);
            self.calibration.add(f64::from(row[answer]), answer == label);
        }
    }

    fn plus(&mut self, other: &Self) {
        self.confusion.plus(&other.confusion);
        self.calibration.plus(&other.calibration);
    }
}

/// What a network makes of one image.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// Index in the split.
    pub index: usize,
    /// Class answered.
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
    over_features(method, weights, data, &indices, |batch| {
        read(batch.labels, &|seed, draw| {
            let noise = |row: usize| noise(seed, draw, batch.indices[row] as usize);
            method.sample(weights, batch.features, &noise)
        })
    })
}

/// Some inputs, and what the blocks see of them.
pub(crate) struct Seen<'a> {
    /// How many come before them.
    pub(crate) first: usize,
    /// Which they are.
    pub(crate) indices: &'a [u32],
    pub(crate) labels: &'a [usize],
    pub(crate) features: &'a Features,
}

/// Runs `read` over the inputs at `indices`, batch by batch; its results are in their order.
pub(crate) fn over_features<T: Send>(
    method: &dyn Method,
    weights: &Weights,
    data: &dyn Examples,
    indices: &[u32],
    read: impl Fn(&Seen<'_>) -> T + Sync,
) -> Vec<T> {
    let batches = indices.par_chunks(BATCH).enumerate();
    let each = batches.map(|(index, indices)| {
        let batch = gather(data, indices);
        // Image features depend on neither noise nor step: once an image, whatever the number of draws.
        let features = method.features(weights, &batch.inputs);
        read(&Seen { first: index * BATCH, indices, labels: &batch.labels, features: &features })
    });
    each.collect()
}

/// Answers of a run.
struct Tally {
    /// Right answers of the chain and of the consensus, class by class.
    of_classes: [Vec<usize>; 2],
    calibration: [Calibration; 2],
    /// Right answers of each read-out.
    right: Vec<usize>,
    /// Whether every probability was a finite number.
    finite: bool,
}

impl Tally {
    fn none(readouts: usize, classes: usize) -> Self {
        Self {
            of_classes: [(); 2].map(|()| vec![0; classes]),
            calibration: [(); 2].map(|()| Calibration::none()),
            right: vec![0; readouts],
            finite: true,
        }
    }

    /// Counts a batch's answers [B, m], of the chain, of the consensus and of each read-out; those of the first two also in `all`.
    fn add(&mut self, answers: &[Tensor], labels: &[usize], all: &mut [Counts; 2]) {
        self.finite &= answers.iter().all(|answers| flat::first_not_finite(answers.data()).is_none());
        let (own, on_the_way) = answers.split_at(all.len());
        for (which, answers) in own.iter().enumerate() {
            let mut counts = Counts::none(self.of_classes[which].len());
            counts.add(answers, labels);
            let hits = counts.confusion.hits();
            self.of_classes[which].iter_mut().zip(hits).for_each(|(sum, more)| *sum += more);
            self.calibration[which].plus(&counts.calibration);
            all[which].plus(&counts);
        }
        for (right, answers) in self.right.iter_mut().zip(on_the_way) {
            let answers = answers.argmax_rows().into_iter();
            *right += answers.zip(labels).filter(|(answer, label)| answer == *label).count();
        }
    }

    fn accuracy(self, of_class: &[usize]) -> Accuracy {
        let images = of_class.iter().sum::<usize>() as f64;
        let share = |hits: usize| hits as f64 / images;
        let [chain, consensus] = [0, 1].map(|which| share(self.of_classes[which].iter().sum()));
        let [chain_balanced, consensus_balanced] =
            [0, 1].map(|which| balanced_accuracy(&self.of_classes[which], of_class));
        let [chain_calibration_error, consensus_calibration_error] =
            self.calibration.map(|calibration| calibration.expected_error());
        Accuracy {
            chain,
            consensus,
            chain_balanced,
            consensus_balanced,
            per_block: self.right.into_iter().map(share).collect(),
            finite: self.finite,
            chain_calibration_error,
            consensus_calibration_error,
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
    read(method, weights, data, &Reading::of_draws(seed, runs)).accuracies
}

/// Answers over `data` in each run of `reading`.
///
/// # Panics
/// When `data` is empty, its inputs are not of the method's shape, or a label is beyond the method's classes.
pub fn read(method: &dyn Method, weights: &Weights, data: &dyn Examples, reading: &Reading) -> Readings {
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
) -> Readings {
    let (given, all) = (AtomicUsize::new(0), data.len() * (reading.runs * reading.draws) as usize);
    let Facts { readouts, classes, .. } = method.facts();
    let readouts = reading.stop_after.unwrap_or(readouts).min(readouts);
    let tallies: Vec<Tally> = (0..reading.runs).map(|_| Tally::none(readouts, classes)).collect();
    let counted = Mutex::new((tallies, [(); 2].map(|()| Counts::none(classes))));
    over_batches(method, weights, data, noise, |labels, sample| {
        let sample = |seed, draw| {
            let trace = sample(seed, draw);
            tell(given.fetch_add(labels.len(), Ordering::Relaxed) + labels.len(), all);
            trace
        };
        for run in 0..reading.runs {
            let means = reading.means(run, &sample);
            let (tallies, all) = &mut *counted.lock().unwrap_or_else(PoisonError::into_inner);
            tallies[run as usize].add(&means, labels, all);
        }
    });
    let (tallies, [chain, consensus]) = counted.into_inner().unwrap_or_else(PoisonError::into_inner);
    let of_class = data.class_counts(classes);
    let accuracies = tallies.into_iter().map(|tally| tally.accuracy(&of_class)).collect();
    Readings { accuracies, chain, consensus }
}

/// The chain's answer to every image of `data`, in order, in the first draw.
pub fn answers(method: &dyn Method, weights: &Weights, data: &dyn Examples, seed: u64) -> Vec<Answer> {
    inspect(method, weights, data, seed, Readout::Chain).answers
}

/// Every answer of one draw.
#[derive(Debug, Clone, PartialEq)]
pub struct Inspection {
    /// The answer to every image, in order, by the read-out asked for.
    pub answers: Vec<Answer>,
    /// The chain's answers.
    pub chain: Counts,
    /// The consensus' answers.
    pub consensus: Counts,
}

/// Looks at every answer to the images of `data`, in the first draw.
///
/// # Panics
/// When the inputs are not of the method's shape, or a label is beyond the method's classes.
pub fn inspect(
    method: &dyn Method,
    weights: &Weights,
    data: &dyn Examples,
    seed: u64,
    readout: Readout,
) -> Inspection {
    let classes = method.facts().classes;
    let of_batches = over_batches(method, weights, data, noise, |labels, sample| {
        let trace = sample(seed, 0);
        let counts = Readout::ALL.map(|readout| {
            let mut counts = Counts::none(classes);
            counts.add(&trace.read(readout), labels);
            counts
        });
        let probabilities = trace.read(readout);
        let predictions = probabilities.argmax_rows();
        let confidence = |row: usize, class: usize| f64::from(probabilities.data()[row * classes + class]);
        let each = predictions.into_iter().enumerate();
        (each.map(|(row, prediction)| (prediction, confidence(row, prediction))).collect::<Vec<_>>(), counts)
    });
    let [mut chain, mut consensus] = [(); 2].map(|()| Counts::none(classes));
    let mut answers = Vec::with_capacity(data.len());
    for (of_batch, counts) in of_batches {
        chain.plus(&counts[0]);
        consensus.plus(&counts[1]);
        for (prediction, confidence) in of_batch {
            answers.push(Answer { index: answers.len(), prediction, confidence });
        }
    }
    Inspection { answers, chain, consensus }
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
