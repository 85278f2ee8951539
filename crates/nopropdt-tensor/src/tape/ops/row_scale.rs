//! A factor for each row: what samples of a batch that differ in their noise level need.

use super::{Laying, Pass, Recorded, Tape, Value, Var};
use crate::graph::{self, Op};
use crate::tensor::Tensor;

struct ScaleRows {
    x: Var,
    factors: Var,
}

impl Recorded for ScaleRows {
    fn name(&self) -> &'static str {
        "scale_rows"
    }

    fn graph(&self, laying: &mut Laying<'_>) -> Option<graph::Value> {
        laying.op(Op::Mul, &[laying.value(self.x), laying.value(self.factors)])
    }

    fn backward(&self, pass: &mut Pass<'_>, output: &Value, grad_output: &[f32]) {
        let (_, columns) = output.matrix_shape("scale_rows");
        let (x, factors) = (pass.value(self.x).data(), pass.value(self.factors).data());
        let rows = || grad_output.chunks_exact(columns.max(1));
        pass.accumulate(self.x, |grad| {
            let rows = grad.chunks_exact_mut(columns.max(1)).zip(rows()).zip(&*factors);
            for ((grad, g), factor) in rows {
                grad.iter_mut().zip(g).for_each(|(d, g)| *d += factor * g);
            }
        });
        pass.accumulate(self.factors, |grad| {
            let rows = x.chunks_exact(columns.max(1)).zip(rows());
            for (d, (x, g)) in grad.iter_mut().zip(rows) {
                *d += x.iter().zip(g).map(|(x, g)| x * g).sum::<f32>();
            }
        });
    }
}

struct SquaredErrors {
    a: Var,
    b: Var,
}

impl Recorded for SquaredErrors {
    fn name(&self) -> &'static str {
        "squared_errors"
    }

    fn graph(&self, laying: &mut Laying<'_>) -> Option<graph::Value> {
        let difference = laying.op(Op::Sub, &[laying.value(self.a), laying.value(self.b)])?;
        let square = laying.op(Op::Mul, &[difference, difference])?;
        let sum = laying.op(Op::ReduceSum { axis: 1 }, &[square])?;
        laying.op(Op::reshape(vec![1]), &[sum])
    }

    fn backward(&self, pass: &mut Pass<'_>, _output: &Value, grad_output: &[f32]) {
        let (a, b) = (pass.value(self.a), pass.value(self.b));
        let (_, columns) = a.matrix_shape("squared_errors");
        let (a, b) = (a.data(), b.data());
        for (var, sign) in [(self.a, 2.0), (self.b, -2.0)] {
            pass.accumulate(var, |grad| {
                let pairs = a.chunks_exact(columns.max(1)).zip(b.chunks_exact(columns.max(1)));
                for ((grad, (a, b)), g) in grad.chunks_exact_mut(columns.max(1)).zip(pairs).zip(grad_output) {
                    let factor = sign * g;
                    grad.iter_mut().zip(a.iter().zip(b)).for_each(|(d, (a, b))| *d += factor * (a - b));
                }
            });
        }
    }
}

struct Mean(Var);

impl Recorded for Mean {
    fn name(&self) -> &'static str {
        "mean"
    }

    fn backward(&self, pass: &mut Pass<'_>, _output: &Value, grad_output: &[f32]) {
        pass.accumulate(self.0, |grad| {
            let share = grad_output[0] / grad.len() as f32;
            grad.iter_mut().for_each(|d| *d += share);
        });
    }
}

impl Tape<'_> {
    /// Row b of `x` times `factors[b]`. Stored rounded if `x` is.
    ///
    /// # Shapes
    /// x [B, n], factors [B, 1] -> [B, n]
    ///
    /// # Panics
    /// When the shapes do not fit.
    pub fn scale_rows(&mut self, x: Var, factors: Var) -> Var {
        let (rows, columns) = self.recorded(x).matrix_shape("scale_rows");
        let shape = self.shape(factors);
        assert_eq!(
            shape,
            [rows, 1],
            "scale_rows: wants a factor for each of {rows} rows; shape is {shape:?}"
        );
        let value = self.changed(x, |values| {
            let of_rows = self.recorded(factors).data();
            let each = values.chunks_exact_mut(columns.max(1)).zip(&*of_rows);
            each.for_each(|(row, factor)| row.iter_mut().for_each(|v| *v *= factor));
        });
        self.record(value, &[x, factors], ScaleRows { x, factors })
    }

    /// ‖a_b − b_b‖² of each row, for a loss that weighs samples; [`Tape::squared_error`] is their mean.
    ///
    /// # Shapes
    /// a, b [B, n] -> [B, 1]
    ///
    /// # Panics
    /// When an input is not a matrix or the shapes differ.
    pub fn squared_errors(&mut self, a: Var, b: Var) -> Var {
        let (rows, columns) = self.recorded(a).matrix_shape("squared_errors");
        let (x, y) = (self.recorded(a), self.recorded(b));
        assert_eq!(x.shape(), y.shape(), "squared_errors: shapes differ");
        let value = Tensor::filled_by(&[rows, 1], |out| {
            let (x, y) = (x.data(), y.data());
            let pairs = x.chunks_exact(columns.max(1)).zip(y.chunks_exact(columns.max(1)));
            for (out, (x, y)) in out.iter_mut().zip(pairs) {
                *out = x.iter().zip(y).map(|(x, y)| f64::from(x - y).powi(2)).sum::<f64>() as f32;
            }
        });
        self.record(value, &[a, b], SquaredErrors { a, b })
    }

    /// Mean of all values, `[1]`.
    ///
    /// # Panics
    /// When there are none.
    pub fn mean(&mut self, x: Var) -> Var {
        let count = self.recorded(x).len();
        assert!(count > 0, "mean: wants at least one value");
        let sum: f64 = self.recorded(x).data().iter().map(|&v| f64::from(v)).sum();
        let value = Tensor::scalar((sum / count as f64) as f32);
        self.record(value, &[x], Mean(x))
    }
}
