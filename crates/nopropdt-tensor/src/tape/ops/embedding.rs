//! Parameters as values, and rows of an embedding matrix.

use super::{Laying, Pass, Recorded, Slot, Tape, Value, Var};
use crate::graph::{self, Op};
use crate::parameters::{Layout, ParameterId};
use crate::tensor::Tensor;

struct ParameterValue {
    slot: Slot,
    id: ParameterId,
    shape: Vec<usize>,
}

impl Recorded for ParameterValue {
    fn name(&self) -> &'static str {
        "parameter"
    }

    fn graph(&self, laying: &mut Laying<'_>) -> Option<graph::Value> {
        let (saved, layout) = laying.parameter(self.slot, self.id);
        let stored = match layout {
            Layout::Same => saved,
            Layout::Convolution => laying.op(Op::Transpose(vec![2, 3, 1, 0]), &[saved])?,
            Layout::Flattened { pixels, channels } => {
                let by_channel = laying.op(Op::reshape(vec![channels, pixels]), &[saved])?;
                laying.op(Op::Transpose(vec![0, 2, 1]), &[by_channel])?
            }
        };
        match laying.graph.shape(stored) == self.shape {
            true => Some(stored),
            false => laying.op(Op::reshape(self.shape.get(1..)?.to_vec()), &[stored]),
        }
    }

    fn backward(&self, pass: &mut Pass<'_>, _output: &Value, grad_output: &[f32]) {
        super::add(pass.parameter_gradient(self.slot, self.id), grad_output);
    }

    fn parameters(&self) -> Vec<(Slot, ParameterId)> {
        vec![(self.slot, self.id)]
    }
}

struct Rows {
    matrix: Var,
    labels: Vec<usize>,
}

impl Recorded for Rows {
    fn name(&self) -> &'static str {
        "rows"
    }

    fn graph(&self, laying: &mut Laying<'_>) -> Option<graph::Value> {
        laying.op(Op::Rows(self.labels.clone()), &[laying.value(self.matrix)])
    }

    fn backward(&self, pass: &mut Pass<'_>, output: &Value, grad_output: &[f32]) {
        let (_, columns) = output.matrix_shape("rows");
        pass.accumulate(self.matrix, |grad| {
            for (&label, g) in self.labels.iter().zip(grad_output.chunks_exact(columns.max(1))) {
                super::add(&mut grad[label * columns..][..columns], g);
            }
        });
    }
}

impl Tape<'_> {
    /// A parameter as a value of the given shape, for operations between values.
    ///
    /// # Panics
    /// When the shape does not hold the parameter.
    pub fn parameter(&mut self, slot: Slot, id: ParameterId, shape: &[usize]) -> Var {
        let values = self.parameters(slot).get(id);
        let value = Tensor::filled_by(shape, |data| data.copy_from_slice(values));
        self.record_with_parameters(value, ParameterValue { slot, id, shape: shape.to_vec() })
    }

    /// Row `labels[b]` of `matrix` for each b: u_y of W_embed. Stored rounded if the matrix is.
    ///
    /// # Shapes
    /// matrix `[m, d]`, labels `[B]` -> `[B, d]`
    ///
    /// # Panics
    /// When `matrix` is not a matrix or a label is not below m.
    pub fn rows(&mut self, matrix: Var, labels: &[usize]) -> Var {
        let (count, columns) = self.recorded(matrix).matrix_shape("rows");
        if let Some(label) = labels.iter().find(|&&label| label >= count) {
            panic!("rows: label must be below {count}; found {label}");
        }
        let value = Tensor::filled_by(&[labels.len(), columns], |out| {
            let values = self.recorded(matrix).data();
            for (row, &label) in out.chunks_exact_mut(columns.max(1)).zip(labels) {
                row.copy_from_slice(&values[label * columns..][..columns]);
            }
        });
        let value = Value::stored(value, self.recorded(matrix).is_rounded());
        self.record(value, &[matrix], Rows { matrix, labels: labels.to_vec() })
    }
}
