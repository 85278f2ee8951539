//! A mini-batch, and means over it.

use nopropdt_tensor::{Tape, Tensor, Var};
use std::ops::Range;

/// Slices into which a batch is cut where no layer wants it whole: enough for four threads, and a fixed number, so that sums do not depend on
/// the machine.
pub(crate) const SLICES: usize = 4;

/// A mini-batch.
///
/// Its losses are means over its rows, in which a row may count for more than another. They are methods here, so that a loss made of
/// them knows nothing of weights.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// Inputs [B, …]: images [B, H, W, C], scaled to 0..1, or whatever else the blocks are made for.
    pub inputs: Tensor,
    /// Classes, one an input, each below m.
    pub labels: Vec<usize>,
    /// How much each row counts, one an input, if not all count 1.
    weights: Option<Vec<f32>>,
    /// Share of a target that all classes get alike.
    smoothing: f32,
}

impl Batch {
    /// Inputs [B, …] with their classes; every row counts 1.
    ///
    /// # Panics
    /// When there is not a class for each input.
    pub fn new(inputs: Tensor, labels: Vec<usize>) -> Self {
        let rows = inputs.shape()[0];
        assert_eq!(rows, labels.len(), "batch: wants a class for each of {rows} inputs");
        Self { inputs, labels, weights: None, smoothing: 0.0 }
    }

    /// The same, in which row b counts `weights[b]`.
    ///
    /// # Panics
    /// When there is not a weight for each input.
    #[must_use]
    pub fn with_weights(self, weights: Vec<f32>) -> Self {
        assert_eq!(self.labels.len(), weights.len(), "batch: wants a weight for each input");
        Self { weights: Some(weights), ..self }
    }

    /// The same, whose cross-entropies give the share `smoothing` of a target to all classes alike and the rest to the row's own.
    ///
    /// # Panics
    /// When `smoothing` is not in 0..=1.
    #[must_use]
    pub fn with_smoothing(self, smoothing: f32) -> Self {
        assert!((0.0..=1.0).contains(&smoothing), "batch: smoothing must be in 0..=1; found {smoothing}");
        Self { smoothing, ..self }
    }

    /// A range of its rows.
    ///
    /// # Panics
    /// When the range is not within the batch.
    pub fn part(&self, rows: Range<usize>) -> Self {
        let shape = self.inputs.shape();
        let length: usize = shape[1..].iter().product();
        let shape = [&[rows.len()], &shape[1..]].concat();
        let inputs = &self.inputs.data()[rows.start * length..rows.end * length];
        let inputs = Tensor::filled_by(&shape, |data| data.copy_from_slice(inputs));
        let weights = self.weights.as_ref().map(|weights| weights[rows.clone()].to_vec());
        Self { inputs, labels: self.labels[rows].to_vec(), weights, smoothing: self.smoothing }
    }

    /// Mean over the batch of what each row has, [B, 1] -> `[1]`.
    ///
    /// # Panics
    /// When `of_rows` has another shape.
    pub fn mean(&self, tape: &mut Tape<'_>, of_rows: Var) -> Var {
        let Some(weights) = &self.weights else { return tape.mean(of_rows) };
        let weights = Tensor::filled_by(&[weights.len(), 1], |values| values.copy_from_slice(weights));
        let weights = tape.constant(weights);
        let weighted = tape.scale_rows(of_rows, weights);
        tape.mean(weighted)
    }

    /// Mean over the batch of ‖a − b‖², of matrices [B, n].
    ///
    /// # Panics
    /// As [`Tape::squared_errors`].
    pub fn squared_error(&self, tape: &mut Tape<'_>, a: Var, b: Var) -> Var {
        if self.weights.is_none() {
            return tape.squared_error(a, b);
        }
        let of_rows = tape.squared_errors(a, b);
        self.mean(tape, of_rows)
    }

    /// Mean over the batch of −ln softmax(logits)_y, of class logits [B, m] and the batch's own classes; smoothed if the batch is.
    ///
    /// # Panics
    /// As [`Tape::cross_entropies`].
    pub fn cross_entropy(&self, tape: &mut Tape<'_>, logits: Var) -> Var {
        if self.weights.is_none() {
            return tape.smoothed_cross_entropy(logits, &self.labels, self.smoothing);
        }
        let of_rows = tape.cross_entropies(logits, &self.labels, self.smoothing);
        self.mean(tape, of_rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nopropdt_tensor::Mode;

    fn matrix(rows: usize, values: &[f32]) -> Tensor {
        Tensor::filled_by(&[rows, values.len() / rows], |to| to.copy_from_slice(values))
    }

    /// Rows that count 1 and 2 are a batch in which the second stands twice.
    #[test]
    fn a_row_that_counts_twice_is_as_good_as_two() {
        let (x, y) = ([0.5, -1.0, 2.0, 0.25], [1.0, 0.0, -0.5, 0.75]);
        let weighted = Batch::new(Tensor::zeros(&[2, 1]), vec![1, 0]).with_weights(vec![1.0, 2.0]);
        let twice = |values: &[f32; 4]| [&values[..2], &values[2..], &values[2..]].concat();
        let plain = Batch::new(Tensor::zeros(&[3, 1]), vec![1, 0, 0]);
        let losses = |batch: &Batch, x: &[f32], y: &[f32]| {
            let (rows, mut tape) = (batch.labels.len(), Tape::new(Mode::Train));
            let [x, y] = [x, y].map(|values| tape.variable(matrix(rows, values)));
            let losses = [batch.squared_error(&mut tape, x, y), batch.cross_entropy(&mut tape, x)];
            losses.map(|loss| tape.value(loss).item() * rows as f32)
        };
        let (found, wanted) = (losses(&weighted, &x, &y), losses(&plain, &twice(&x), &twice(&y)));
        for (found, wanted) in found.into_iter().zip(wanted) {
            assert!((found - wanted).abs() < 1e-5 * wanted, "{found} {wanted}");
        }
    }

    /// Of all of the target smoothed, a class is as good as another; and rows that count alike are as if they had no weights.
    #[test]
    fn smoothing_takes_from_the_label() {
        let x = matrix(2, &[3.0, -1.0, 0.5, 2.0]);
        let loss = |batch: &Batch| {
            let mut tape = Tape::new(Mode::Train);
            let x = tape.variable(x.clone());
            let loss = batch.cross_entropy(&mut tape, x);
            tape.value(loss).item()
        };
        let batch = |labels: [usize; 2], smoothing| {
            Batch::new(Tensor::zeros(&[2, 1]), labels.to_vec()).with_smoothing(smoothing)
        };
        let [right, wrong] = [[0, 1], [1, 0]].map(|labels| loss(&batch(labels, 0.0)));
        let smoothed = loss(&batch([0, 1], 0.2));
        assert!((smoothed - (0.9 * right + 0.1 * wrong)).abs() < 1e-6, "{smoothed} of {right} and {wrong}");
        assert!((loss(&batch([0, 1], 0.2).with_weights(vec![1.0; 2])) - smoothed).abs() < 1e-6);
        assert_eq!(loss(&batch([0, 1], 1.0)), loss(&batch([1, 0], 1.0)));
    }

    #[test]
    fn a_part_keeps_its_weights() {
        let inputs = matrix(3, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        let batch = Batch::new(inputs, vec![0, 1, 2]);
        let batch = batch.with_smoothing(0.1);
        let part = batch.clone().with_weights(vec![1.0, 2.0, 3.0]).part(1..3);
        let wanted = Batch::new(matrix(2, &[3.0, 4.0, 5.0, 6.0]), vec![1, 2]).with_smoothing(0.1);
        assert_eq!(part, wanted.clone().with_weights(vec![2.0, 3.0]));
        assert_eq!(batch.part(1..3), wanted);
    }
}
