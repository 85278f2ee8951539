//! Sums and joins of values.

use super::{Laying, Pass, Recorded, Tape, Value, Var};
use crate::graph::{self, Op};
use crate::tensor::Tensor;
use nopropdt_kernels::sizes::product;
use std::ops::Range;

struct LinearCombination {
    terms: Vec<(Var, f32)>,
    offset: f32,
}

impl Recorded for LinearCombination {
    fn name(&self) -> &'static str {
        "linear_combination"
    }

    fn graph(&self, laying: &mut Laying<'_>) -> Option<graph::Value> {
        let mut sum = None;
        for &(x, factor) in &self.terms {
            let x = laying.value(x);
            let term = if factor == 1.0 { x } else { laying.scaled(x, factor) };
            sum = Some(match sum {
                Some(sum) => laying.graph.op(Op::Add, &[sum, term]),
                None => term,
            });
        }
        let sum = sum?;
        if self.offset == 0.0 {
            return Some(sum);
        }
        let offset = laying.graph.scalar(self.offset);
        laying.op(Op::Add, &[sum, offset])
    }

    fn backward(&self, pass: &mut Pass<'_>, _output: &Value, grad_output: &[f32]) {
        for &(x, factor) in &self.terms {
            pass.accumulate(x, |grad| grad.iter_mut().zip(grad_output).for_each(|(d, g)| *d += factor * g));
        }
    }
}

struct Reshape {
    x: Var,
    /// The shape but for its first axis.
    rest: Vec<usize>,
}

impl Recorded for Reshape {
    fn name(&self) -> &'static str {
        "reshape"
    }

    fn graph(&self, laying: &mut Laying<'_>) -> Option<graph::Value> {
        laying.op(Op::reshape(self.rest.clone()), &[laying.value(self.x)])
    }

    fn backward(&self, pass: &mut Pass<'_>, _output: &Value, grad_output: &[f32]) {
        pass.accumulate(self.x, |grad| super::add(grad, grad_output));
    }
}

struct Concat {
    inputs: Vec<(Var, usize)>,
}

impl Recorded for Concat {
    fn name(&self) -> &'static str {
        "concat"
    }

    fn graph(&self, laying: &mut Laying<'_>) -> Option<graph::Value> {
        let inputs: Vec<graph::Value> = self.inputs.iter().map(|&(x, _)| laying.value(x)).collect();
        laying.op(Op::Concat { axis: 1 }, &inputs)
    }

    fn backward(&self, pass: &mut Pass<'_>, output: &Value, grad_output: &[f32]) {
        let (_, total) = output.matrix_shape("concat");
        let mut from = 0;
        for &(x, columns) in &self.inputs {
            pass.accumulate(x, |grad| {
                for (grad, row) in
                    grad.chunks_exact_mut(columns.max(1)).zip(grad_output.chunks_exact(total.max(1)))
                {
                    super::add(grad, &row[from..from + columns]);
                }
            });
            from += columns;
        }
    }
}

struct Columns {
    x: Var,
    range: Range<usize>,
}

impl Recorded for Columns {
    fn name(&self) -> &'static str {
        "columns"
    }

    fn graph(&self, laying: &mut Laying<'_>) -> Option<graph::Value> {
        let (start, end) = (self.range.start, self.range.end);
        laying.op(Op::Slice { axis: 1, start, end }, &[laying.value(self.x)])
    }

    fn backward(&self, pass: &mut Pass<'_>, _output: &Value, grad_output: &[f32]) {
        let (_, total) = pass.value(self.x).matrix_shape("columns");
        let columns = self.range.len().max(1);
        pass.accumulate(self.x, |grad| {
            for (grad, row) in grad.chunks_exact_mut(total.max(1)).zip(grad_output.chunks_exact(columns)) {
                super::add(&mut grad[self.range.clone()], row);
            }
        });
    }
}

impl Tape<'_> {
    /// offset + Σ factor · x over terms of one shape; summed in f32, and stored rounded if a term is.
    ///
    /// # Panics
    /// When there are no terms, or their shapes differ.
    pub fn linear_combination(&mut self, terms: &[(Var, f32)], offset: f32) -> Var {
        let first = terms.first().expect("linear_combination: wants at least one term").0;
        let shape = self.recorded(first).shape();
        let fits = terms.iter().all(|&(x, _)| self.recorded(x).shape() == shape);
        assert!(fits, "linear_combination: terms differ in shape");
        let value = Tensor::filled_by(shape, |sums| {
            for (index, &(x, factor)) in terms.iter().enumerate() {
                let pairs = sums.iter_mut();
                match &*self.recorded(x).data() {
                    x if index == 0 => pairs.zip(x).for_each(|(sum, v)| *sum = offset + factor * v),
                    x => pairs.zip(x).for_each(|(sum, v)| *sum += factor * v),
                }
            }
        });
        let inputs: Vec<Var> = terms.iter().map(|term| term.0).collect();
        let rounded = inputs.iter().any(|&x| self.recorded(x).is_rounded());
        let value = Value::stored(value, rounded);
        self.record(value, &inputs, LinearCombination { terms: terms.to_vec(), offset })
    }

    /// a + b.
    ///
    /// # Panics
    /// When the shapes differ.
    pub fn add(&mut self, a: Var, b: Var) -> Var {
        self.linear_combination(&[(a, 1.0), (b, 1.0)], 0.0)
    }

    /// Matrices with equal numbers of rows side by side: [B, n], [B, k] -> [B, n + k]; stored rounded if all are.
    ///
    /// # Panics
    /// When an input is not a matrix or the numbers of rows differ.
    pub fn concat(&mut self, inputs: &[Var]) -> Var {
        let sizes: Vec<(usize, usize)> =
            inputs.iter().map(|&x| self.recorded(x).matrix_shape("concat")).collect();
        let rows = sizes.first().expect("concat: wants at least one input").0;
        assert!(sizes.iter().all(|size| size.0 == rows), "concat: numbers of rows differ: {sizes:?}");
        let columns = sizes.iter().map(|size| size.1).sum();
        let value = Tensor::filled_by(&[rows, columns], |data| {
            let parts: Vec<_> = inputs.iter().map(|&x| self.recorded(x).data()).collect();
            for (row, target) in data.chunks_exact_mut(columns.max(1)).enumerate() {
                let mut from = 0;
                for (part, &(_, width)) in parts.iter().zip(&sizes) {
                    target[from..from + width].copy_from_slice(&part[row * width..][..width]);
                    from += width;
                }
            }
        });
        let value = Value::stored(value, inputs.iter().all(|&x| self.recorded(x).is_rounded()));
        let saved = inputs.iter().zip(&sizes).map(|(&x, size)| (x, size.1)).collect();
        self.record(value, inputs, Concat { inputs: saved })
    }

    /// Some columns of a matrix, [B, n] -> [B, range]: what [`Tape::concat`] put side by side, taken apart. Stored rounded if the matrix is.
    ///
    /// # Panics
    /// When `x` is not a matrix, or has not these columns.
    pub fn columns(&mut self, x: Var, range: Range<usize>) -> Var {
        let (rows, total) = self.recorded(x).matrix_shape("columns");
        assert!(
            range.start <= range.end && range.end <= total,
            "columns: must be within the {total} of the matrix; found {range:?}"
        );
        let value = Tensor::filled_by(&[rows, range.len()], |out| {
            let values = self.recorded(x).data();
            let rows = out.chunks_exact_mut(range.len().max(1)).zip(values.chunks_exact(total.max(1)));
            rows.for_each(|(out, row)| out.copy_from_slice(&row[range.clone()]));
        });
        let value = Value::stored(value, self.recorded(x).is_rounded());
        self.record(value, &[x], Columns { x, range })
    }

    /// The same values under another shape.
    ///
    /// # Panics
    /// When the two shapes hold different numbers of values.
    pub fn reshape(&mut self, x: Var, shape: &[usize]) -> Var {
        let value = self.recorded(x).clone().reshaped(shape);
        let rest = shape.get(1..).unwrap_or_default().to_vec();
        self.record(value, &[x], Reshape { x, rest })
    }

    /// [B, …] -> [B, product of the rest].
    pub fn flatten(&mut self, x: Var) -> Var {
        let shape = self.recorded(x).shape().to_vec();
        self.reshape(x, &[shape[0], product("flatten", &shape[1..])])
    }
}
