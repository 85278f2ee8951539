//! Losses: scalars `[1]`, means over the batch; or of each row.

use super::{Pass, Recorded, Tape, Value, Var, activation::softmax_rows};
use crate::tensor::Tensor;

struct SquaredError {
    a: Var,
    b: Var,
}

impl Recorded for SquaredError {
    fn name(&self) -> &'static str {
        "squared_error"
    }

    fn backward(&self, pass: &mut Pass<'_>, _output: &Value, grad_output: &[f32]) {
        let (a, b) = (pass.value(self.a), pass.value(self.b));
        let factor = 2.0 * grad_output[0] / a.shape()[0] as f32;
        for (var, sign) in [(self.a, factor), (self.b, -factor)] {
            pass.accumulate(var, |grad| {
                for ((grad, a), b) in grad.iter_mut().zip(&*a.data()).zip(&*b.data()) {
                    *grad += sign * (a - b);
                }
            });
        }
    }
}

/// Of each row, or their mean.
struct CrossEntropy {
    logits: Var,
    labels: Vec<usize>,
    /// Share of the target that all classes share.
    smoothing: f32,
    of_rows: bool,
}

impl Recorded for CrossEntropy {
    fn name(&self) -> &'static str {
        "cross_entropy"
    }

    /// softmax(logits) − target, of a mean divided by B. At the label softmax − 1 is minus the sum of the others, which does not cancel where it is nearly 0;
    /// smoothing s takes (1 − s) of that and s of softmax − 1/m.
    fn backward(&self, pass: &mut Pass<'_>, _output: &Value, grad_output: &[f32]) {
        let logits = pass.value(self.logits);
        let (rows, classes) = logits.matrix_shape("cross_entropy");
        let mean = grad_output[0] / rows as f32;
        let factor = |row: usize| if self.of_rows { grad_output[row] } else { mean };
        pass.accumulate(self.logits, |grad| {
            let mut p = logits.data().into_owned();
            softmax_rows(&mut p, classes);
            let (smoothing, share) = (self.smoothing, self.smoothing / classes as f32);
            for (row, &label) in p.chunks_exact_mut(classes).zip(&self.labels) {
                let of_label = std::mem::take(&mut row[label]);
                let exact = -row.iter().sum::<f32>();
                row[label] = exact;
                if smoothing > 0.0 {
                    row.iter_mut().for_each(|p| *p -= share);
                    row[label] = (1.0 - smoothing) * exact + smoothing * of_label - share;
                }
            }
            let rows = grad.chunks_exact_mut(classes).zip(p.chunks_exact(classes)).enumerate();
            for (row, (grad, p)) in rows {
                grad.iter_mut().zip(p).for_each(|(grad, p)| *grad += factor(row) * p);
            }
        });
    }
}

/// −ln softmax(row)_label = (max − row_label) + ln(1 + Σ e^{v − max}) over all but the maximum: two terms of one sign, so that nothing
/// cancels where the label is all but certain. NaN in a row gives NaN.
fn surprise(row: &[f32], label: usize) -> f64 {
    let largest = (1..row.len()).fold(0, |best, at| if row[at] > row[best] { at } else { best });
    let most = row[largest];
    let others = row[..largest].iter().chain(&row[largest + 1..]).map(|v| (v - most).exp()).sum::<f32>();
    f64::from(most) - f64::from(row[label]) + f64::from(others).ln_1p()
}

impl Tape<'_> {
    /// Mean over the batch of ‖a − b‖², the squares summed over the other axes.
    ///
    /// # Shapes
    /// a, b `[B, …]` -> `[1]`
    ///
    /// # Panics
    /// When the shapes differ or the batch is empty.
    pub fn squared_error(&mut self, a: Var, b: Var) -> Var {
        let (x, y) = (self.recorded(a), self.recorded(b));
        assert_eq!(x.shape(), y.shape(), "squared_error: shapes differ");
        assert!(x.shape()[0] > 0, "squared_error: wants at least one row");
        let sum: f64 = x.data().iter().zip(&*y.data()).map(|(x, y)| f64::from(x - y).powi(2)).sum();
        let value = Tensor::scalar((sum / x.shape()[0] as f64) as f32);
        self.record(value, &[a, b], SquaredError { a, b })
    }

    /// Mean over the batch of −ln softmax(logits)_y.
    ///
    /// # Shapes
    /// logits `[B, m]`, labels `[B]` -> `[1]`
    ///
    /// # Panics
    /// When the shapes do not fit, the batch is empty, or a label is not below m.
    pub fn cross_entropy(&mut self, logits: Var, labels: &[usize]) -> Var {
        self.smoothed_cross_entropy(logits, labels, 0.0)
    }

    /// As [`Tape::cross_entropy`], of a target that gives `smoothing` to all classes in equal shares and the rest to the label.
    ///
    /// # Panics
    /// As `cross_entropy`, and when `smoothing` is not in 0..=1.
    pub fn smoothed_cross_entropy(&mut self, logits: Var, labels: &[usize], smoothing: f32) -> Var {
        let of_rows = self.surprises(logits, labels, smoothing);
        let value = Tensor::scalar((of_rows.iter().sum::<f64>() / of_rows.len() as f64) as f32);
        let labels = labels.to_vec();
        self.record(value, &[logits], CrossEntropy { logits, labels, smoothing, of_rows: false })
    }

    /// −ln softmax(logits)_y of each row, for a loss that weighs samples; [`Tape::smoothed_cross_entropy`] is their mean.
    ///
    /// # Shapes
    /// logits `[B, m]`, labels `[B]` -> `[B, 1]`
    ///
    /// # Panics
    /// As `smoothed_cross_entropy`.
    pub fn cross_entropies(&mut self, logits: Var, labels: &[usize], smoothing: f32) -> Var {
        let of_rows = self.surprises(logits, labels, smoothing);
        let value = Tensor::filled_by(&[of_rows.len(), 1], |out| {
            out.iter_mut().zip(&of_rows).for_each(|(out, &of_row)| *out = of_row as f32);
        });
        let labels = labels.to_vec();
        self.record(value, &[logits], CrossEntropy { logits, labels, smoothing, of_rows: true })
    }

    /// The cross-entropy of each row.
    fn surprises(&self, logits: Var, labels: &[usize], smoothing: f32) -> Vec<f64> {
        assert!(
            (0.0..=1.0).contains(&smoothing),
            "cross_entropy: smoothing must be in 0..=1; found {smoothing}"
        );
        let (rows, classes) = self.recorded(logits).matrix_shape("cross_entropy");
        assert_eq!(rows, labels.len(), "cross_entropy: {rows} rows; {} labels", labels.len());
        assert!(rows > 0, "cross_entropy: wants at least one row");
        if let Some(label) = labels.iter().find(|&&label| label >= classes) {
            panic!("cross_entropy: label must be below {classes}; found {label}");
        }
        let of_row = |(row, &label): (&[f32], &usize)| {
            let of_label = surprise(row, label);
            if smoothing == 0.0 {
                return of_label;
            }
            let of_all = (0..classes).map(|class| surprise(row, class)).sum::<f64>() / classes as f64;
            f64::from(1.0 - smoothing) * of_label + f64::from(smoothing) * of_all
        };
        self.recorded(logits).data().chunks_exact(classes).zip(labels).map(of_row).collect()
    }
}
