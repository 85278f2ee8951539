//! A batch in slices whose steps are averaged: always the same slices, added in the same order, whoever is done with which first.
//!
//! Gradients are added up as they come, so that there is one sum and what waits for its turn, not a gradient a slice.

use nopropdt_blocks::{BlockStep, LossTerms, Method, StepInput};
use nopropdt_tensor::{Parameters, flat};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

/// The step on a whole batch, as the mean over the slices that the method lets it be cut into.
pub(super) fn step_in_slices(method: &dyn Method, input: &StepInput<'_>) -> BlockStep {
    let &StepInput { own, batch, stream, .. } = input;
    let rows = batch.labels.len();
    // Two images a slice at least, as methods may ask for.
    let slices = method.facts().slices.min(rows / 2).max(1);
    if slices == 1 {
        return method.step(input);
    }
    let bounds: Vec<usize> = (0..=slices).map(|slice| slice * rows / slices).collect();
    let shares: Vec<f64> = bounds.windows(2).map(|ends| (ends[1] - ends[0]) as f64 / rows as f64).collect();
    let mut gradients: Vec<Vec<f32>> = own.iter().map(|set| vec![0.0; set.len()]).collect();
    let sums = Sums::new(own, &mut gradients, &shares);
    // A bridge gives slices out in their order: few have to wait for one before them.
    let steps = bounds.windows(2).enumerate().par_bridge().map(|(slice, ends)| {
        let (part, stream) = (batch.part(ends[0]..ends[1]), stream.child(slice as u64));
        let sink = |set, range, gradient: &[f32]| sums.add(slice, set, range, gradient);
        let mut step = method.step(&StepInput { batch: &part, stream, sink: Some(&sink), ..*input });
        // Of a method that left them in its answer.
        for (set, gradient) in step.own.drain(..).enumerate() {
            sink(set, 0..gradient.len(), &gradient);
        }
        (slice, step)
    });
    let mut steps: Vec<(usize, BlockStep)> = steps.collect();
    steps.sort_unstable_by_key(|&(slice, _)| slice);
    sums.finish();
    let steps = steps.into_iter().map(|(_, step)| step);
    BlockStep { own: gradients, ..mean_of_the_rest(steps, &shares) }
}

/// Losses, gradients of shared sets and running statistics, each slice's times its share.
fn mean_of_the_rest(mut steps: impl Iterator<Item = BlockStep>, shares: &[f64]) -> BlockStep {
    let scaled = |loss: LossTerms, share: f64| loss.map(|term| term * share);
    let mut mean = steps.next().expect("there is at least one slice");
    mean.loss = scaled(mean.loss, shares[0]);
    mean.shared.values_mut().for_each(|gradient| flat::scale(gradient, shares[0] as f32));

    mean.statistics
        .iter_mut()
        .flatten()
        .for_each(|update| flat::scale(update.values_mut(), shares[0] as f32));
    for (step, &share) in steps.zip(&shares[1..]) {
        mean.loss = mean.loss.plus(scaled(step.loss, share));
        assert_eq!(mean.shared.len(), step.shared.len(), "slices of a batch must train the same shared sets");
        for (name, sum) in mean.shared.iter_mut() {
            add(sum, share, &step.shared[name]);
        }
        let updates = mean.statistics.iter_mut().flatten().zip(step.statistics.iter().flatten());
        updates.for_each(|(mean, update)| add(mean.values_mut(), share, update.values()));
    }
    mean
}

/// Sums over slices of the gradients of some sets, made tensor by tensor.
struct Sums<'a> {
    shares: &'a [f64],
    /// Of each set its tensors: where they lie in it, and their sums.
    sets: Vec<Vec<(Range<usize>, Mutex<TensorSum<'a>>)>>,
}

/// The sum of one tensor's gradients.
struct TensorSum<'a> {
    sum: &'a mut [f32],
    /// What is to be added next: which slice's, from which value on.
    next: (usize, usize),
    /// Pieces that came before their turn.
    early: BTreeMap<(usize, usize), Vec<f32>>,
}

impl<'a> Sums<'a> {
    /// Sums in `into`, zeros as long as each set.
    fn new(sets: &[Parameters], into: &'a mut [Vec<f32>], shares: &'a [f64]) -> Self {
        let of_set = |(set, sum): (&Parameters, &'a mut Vec<f32>)| {
            let mut rest = sum.as_mut_slice();
            let of_tensor = set.ranges().map(|range| {
                let sum = rest.split_off_mut(..range.len()).expect("a set holds its tensors");
                (range, Mutex::new(TensorSum { sum, next: (0, 0), early: BTreeMap::new() }))
            });
            of_tensor.collect()
        };
        Self { shares, sets: sets.iter().zip(into).map(of_set).collect() }
    }

    /// Adds a slice's gradient of the values at `range` of a set.
    fn add(&self, slice: usize, set: usize, range: Range<usize>, gradient: &[f32]) {
        for (tensor, sum) in &self.sets[set] {
            let (start, end) = (tensor.start.max(range.start), tensor.end.min(range.end));
            if start < end {
                let piece = &gradient[start - range.start..end - range.start];
                // A panic while something is added ends the step, whatever is in the sum.
                let mut sum = sum.lock().unwrap_or_else(PoisonError::into_inner);
                sum.add_in_turn((slice, start - tensor.start), piece, self.shares);
            }
        }
    }

    /// Adds what still waits for slices that had nothing to say.
    fn finish(self) {
        for (_, sum) in self.sets.into_iter().flatten() {
            sum.into_inner().unwrap_or_else(PoisonError::into_inner).add_the_rest(self.shares);
        }
    }
}

impl TensorSum<'_> {
    /// Adds a piece if it is its turn, and those that waited for it; else keeps it.
    fn add_in_turn(&mut self, place: (usize, usize), piece: &[f32], shares: &[f64]) {
        if place != self.next {
            self.early.insert(place, piece.to_vec());
            return;
        }
        self.add_next(piece, shares);
        while let Some(piece) = self.early.remove(&self.next) {
            self.add_next(&piece, shares);
        }
    }

    fn add_next(&mut self, piece: &[f32], shares: &[f64]) {
        let (slice, start) = self.next;
        let end = start + piece.len();
        add(&mut self.sum[start..end], shares[slice], piece);
        self.next = if end == self.sum.len() { (slice + 1, 0) } else { (slice, end) };
    }

    fn add_the_rest(self, shares: &[f64]) {
        for ((slice, start), piece) in self.early {
            add(&mut self.sum[start..start + piece.len()], shares[slice], &piece);
        }
    }
}

fn add(sum: &mut [f32], share: f64, values: &[f32]) {
    flat::add_scaled(sum, share as f32, values);
}

#[cfg(test)]
mod tests;
