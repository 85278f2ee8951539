//! ReLU, tanh, softmax and dropout on values of any shape.

use super::{Dropout, Laying, Mode, Pass, Recorded, Tape, Value, Var};
use crate::graph::{self, Op};
use nopropdt_kernels::{passed_by_relu, relu};
use std::borrow::Cow;

struct Relu(Var);

impl Recorded for Relu {
    fn name(&self) -> &'static str {
        "relu"
    }

    fn graph(&self, laying: &mut Laying<'_>) -> Option<graph::Value> {
        laying.op(Op::Relu, &[laying.value(self.0)])
    }

    fn backward(&self, pass: &mut Pass<'_>, output: &Value, grad_output: &[f32]) {
        pass.accumulate(self.0, |grad| {
            for ((grad, &out), &g) in grad.iter_mut().zip(&*output.data()).zip(grad_output) {
                *grad += passed_by_relu(out, g);
            }
        });
    }
}

struct Tanh(Var);

impl Recorded for Tanh {
    fn name(&self) -> &'static str {
        "tanh"
    }

    fn graph(&self, laying: &mut Laying<'_>) -> Option<graph::Value> {
        laying.op(Op::Tanh, &[laying.value(self.0)])
    }

    fn backward(&self, pass: &mut Pass<'_>, output: &Value, grad_output: &[f32]) {
        // Near ±1 a rounded output says little of 1 − out².
        let exact: Cow<'_, [f32]> = match output.is_rounded() {
            true => pass.value(self.0).data().iter().map(|x| x.tanh()).collect(),
            false => output.data(),
        };
        pass.accumulate(self.0, |grad| {
            for ((grad, &out), &g) in grad.iter_mut().zip(&*exact).zip(grad_output) {
                *grad += g * (1.0 - out * out);
            }
        });
    }
}

struct Softmax(Var);

impl Recorded for Softmax {
    fn name(&self) -> &'static str {
        "softmax"
    }

    fn graph(&self, laying: &mut Laying<'_>) -> Option<graph::Value> {
        laying.op(Op::Softmax, &[laying.value(self.0)])
    }

    fn backward(&self, pass: &mut Pass<'_>, output: &Value, grad_output: &[f32]) {
        let (_, classes) = output.rows("softmax");
        pass.accumulate(self.0, |grad| {
            let output = output.data();
            let rows = output.chunks_exact(classes).zip(grad_output.chunks_exact(classes));
            for (grad, (p, g)) in grad.chunks_exact_mut(classes).zip(rows) {
                let mean: f32 = p.iter().zip(g).map(|(p, g)| p * g).sum();
                for ((grad, p), g) in grad.iter_mut().zip(p).zip(g) {
                    *grad += p * (g - mean);
                }
            }
        });
    }
}

struct DropoutOp {
    x: Var,
    dropout: Dropout,
}

impl Recorded for DropoutOp {
    fn name(&self) -> &'static str {
        "dropout"
    }

    fn backward(&self, pass: &mut Pass<'_>, _output: &Value, grad_output: &[f32]) {
        pass.accumulate(self.x, |grad| {
            let mut passed = grad_output.to_vec();
            self.dropout.mask().apply(0, &mut passed);
            super::add(grad, &passed);
        });
    }
}

/// Replaces each row of a [rows, classes] buffer by its softmax, shifted by the row's maximum so that nothing overflows.
pub(super) fn softmax_rows(values: &mut [f32], classes: usize) {
    for row in values.chunks_exact_mut(classes) {
        let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        row.iter_mut().for_each(|v| *v = (*v - largest).exp());
        let sum: f32 = row.iter().sum();
        row.iter_mut().for_each(|v| *v /= sum);
    }
}

impl Tape<'_> {
    /// max(x, 0); NaN stays NaN.
    pub fn relu(&mut self, x: Var) -> Var {
        let value = self.changed(x, |values| values.iter_mut().for_each(|v| *v = relu(*v)));
        self.record(value, &[x], Relu(x))
    }

    /// tanh(x).
    pub fn tanh(&mut self, x: Var) -> Var {
        let value = self.changed(x, |values| values.iter_mut().for_each(|v| *v = v.tanh()));
        self.record(value, &[x], Tanh(x))
    }

    /// exp(x_i) / Σ_j exp(x_j) over each row of `logits` [.., m], which is the last axis.
    ///
    /// # Panics
    /// When a row holds no value.
    pub fn softmax(&mut self, logits: Var) -> Var {
        let (_, classes) = self.recorded(logits).rows("softmax");
        let mut value = self.widened(logits);
        assert!(classes > 0, "softmax: wants at least one class");
        softmax_rows(value.data_mut(), classes);
        self.record(value, &[logits], Softmax(logits))
    }

    /// In training, drops each value with the given probability and scales the others so that the mean stays; in
    /// evaluation, `x` itself.
    pub fn dropout(&mut self, x: Var, dropout: Dropout) -> Var {
        if self.mode() == Mode::Eval || dropout.probability == 0.0 {
            return x;
        }
        let value = self.changed(x, |values| dropout.mask().apply(0, values));
        self.record(value, &[x], DropoutOp { x, dropout })
    }

    /// A copy of `x` that `change` was let loose on, stored as `x` is.
    pub(super) fn changed(&self, x: Var, change: impl FnOnce(&mut [f32])) -> Value {
        let mut value = self.widened(x);
        change(value.data_mut());
        Value::stored(value, self.recorded(x).is_rounded())
    }
}
