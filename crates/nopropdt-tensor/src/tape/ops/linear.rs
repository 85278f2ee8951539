//! Linear layers and products of two values.

use super::{Laying, Pass, Precision, Recorded, Slot, Tape, Value, Var};
use crate::graph::{self, Op};
use crate::parameters::{Layout, ParameterId};
use crate::tensor::Tensor;
use nopropdt_kernels::active;
use nopropdt_kernels::gemm::{Gemm, Operand};
use nopropdt_kernels::sizes::product;
use std::borrow::Cow;
use std::ops::Range;

struct Linear {
    x: Var,
    slot: Slot,
    weight: ParameterId,
    bias: ParameterId,
    precision: Precision,
}

impl Recorded for Linear {
    fn name(&self) -> &'static str {
        "linear"
    }

    fn graph(&self, laying: &mut Laying<'_>) -> Option<graph::Value> {
        let (mut x, shape) = (laying.value(self.x), laying.shape(self.x));
        let (weight, layout) = laying.parameter(self.slot, self.weight);
        let bias = laying.saved_parameter(self.slot, self.bias);
        if let Layout::Flattened { pixels, channels } = layout
            && pixels > 1
            && channels > 1
        {
            // The weight's columns are saved channel by channel.
            x = laying.op(Op::reshape(vec![pixels, channels]), &[x])?;
            x = laying.op(Op::Transpose(vec![0, 2, 1]), &[x])?;
            x = laying.op(Op::reshape(vec![shape[1]]), &[x])?;
        }
        laying.op(Op::Linear, &[x, weight, bias])
    }

    /// For y = x·Wᵀ + b: dx = dy·W, dW = dyᵀ·x, db = column sums of dy.
    fn backward(&self, pass: &mut Pass<'_>, output: &Value, grad_output: &[f32]) {
        let (rows, outputs) = output.matrix_shape("linear");
        let x = pass.value(self.x);
        let (_, inputs) = x.matrix_shape("linear");
        let weight = pass.parameter(self.slot, self.weight);
        let (dy, accumulate, precision) = (grad_output, true, self.precision);
        pass.parameter_gradient_by_rows(self.slot, self.weight, inputs, |part, dw| {
            let of_part = columns(dy, outputs, &part);
            let (a, b) = (Operand::transposed(&*of_part), Operand::plain(x.values()));
            Gemm { m: part.len(), n: inputs, k: rows, a, b, accumulate, precision }.run(active(), dw);
        });
        let bias = pass.parameter_gradient(self.slot, self.bias);
        dy.chunks_exact(outputs.max(1)).for_each(|row| super::add(bias, row));
        pass.accumulate(self.x, |dx| {
            let (a, b) = (Operand::plain(dy), Operand::plain(weight));
            Gemm { m: rows, n: inputs, k: outputs, a, b, accumulate, precision }.run(active(), dx);
        });
    }

    fn parameters(&self) -> Vec<(Slot, ParameterId)> {
        vec![(self.slot, self.weight), (self.slot, self.bias)]
    }
}

/// Columns `part` of a matrix with so many `columns`; no copy where these are all.
fn columns<'a>(matrix: &'a [f32], columns: usize, part: &Range<usize>) -> Cow<'a, [f32]> {
    if part.len() == columns {
        return Cow::Borrowed(matrix);
    }
    matrix.chunks_exact(columns).flat_map(|row| &row[part.clone()]).copied().collect()
}

struct Matmul {
    a: Var,
    b: Var,
}

impl Recorded for Matmul {
    fn name(&self) -> &'static str {
        "matmul"
    }

    fn graph(&self, laying: &mut Laying<'_>) -> Option<graph::Value> {
        laying.op(Op::MatMul, &[laying.value(self.a), laying.value(self.b)])
    }

    /// For C = A·B: dA = dC·Bᵀ, dB = Aᵀ·dC.
    fn backward(&self, pass: &mut Pass<'_>, _output: &Value, grad_output: &[f32]) {
        let (a, b) = (pass.value(self.a), pass.value(self.b));
        let ((m, k), (_, n)) = (a.matrix_shape("matmul"), b.matrix_shape("matmul"));
        let (dc, accumulate, precision) = (Operand::plain(grad_output), true, Precision::F32);
        pass.accumulate(self.a, |da| {
            Gemm { m, n: k, k: n, a: dc, b: Operand::transposed(b.values()), accumulate, precision }
                .run(active(), da);
        });
        pass.accumulate(self.b, |db| {
            Gemm { m: k, n, k: m, a: Operand::transposed(a.values()), b: dc, accumulate, precision }
                .run(active(), db);
        });
    }
}

impl Tape<'_> {
    /// x·Wᵀ + b, W `[out, in]`, b `[out]`; on a bf16 tape x, W and, backwards, dy are rounded before they are multiplied.
    ///
    /// # Shapes
    /// x [B, in] -> [B, out]
    ///
    /// # Panics
    /// When the shapes do not fit.
    pub fn linear(&mut self, x: Var, slot: Slot, weight: ParameterId, bias: ParameterId) -> Var {
        let parameters = self.parameters(slot);
        let (w, b) = (parameters.get(weight), parameters.get(bias));
        let (rows, inputs) = self.recorded(x).matrix_shape("linear");
        let precision = self.precision();
        let outputs = b.len();
        assert_eq!(
            w.len(),
            product("linear", &[inputs, outputs]),
            "linear: weight does not fit {inputs} inputs and {outputs} outputs"
        );
        let value = Tensor::filled_by(&[rows, outputs], |y| {
            y.chunks_exact_mut(outputs.max(1)).for_each(|row| row.copy_from_slice(b));
            let (a, b) = (Operand::plain(self.recorded(x).values()), Operand::transposed(w));
            Gemm { m: rows, n: outputs, k: inputs, a, b, accumulate: true, precision }.run(active(), y);
        });
        self.record_with_parameters(value, Linear { x, slot, weight, bias, precision })
    }

    /// A·B, as in p·W_embed.
    ///
    /// # Shapes
    /// a [B, m], b [m, d] -> [B, d]
    ///
    /// # Panics
    /// When the shapes do not fit.
    pub fn matmul(&mut self, a: Var, b: Var) -> Var {
        let ((m, k), (rows, n)) =
            (self.recorded(a).matrix_shape("matmul"), self.recorded(b).matrix_shape("matmul"));
        assert_eq!(k, rows, "matmul: A has {k} columns; B has {rows} rows");
        let value = Tensor::filled_by(&[m, n], |c| {
            let (a, b) = (self.recorded(a).values(), self.recorded(b).values());
            let (a, b) = (Operand::plain(a), Operand::plain(b));
            Gemm { m, n, k, a, b, accumulate: false, precision: Precision::F32 }.run(active(), c);
        });
        self.record(value, &[a, b], Matmul { a, b })
    }
}
