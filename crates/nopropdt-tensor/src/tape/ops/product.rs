//! Products of values: elementwise, and of matrices in batches.

use super::{Backward, Operation, Tape, Var};
use crate::graph::{self, GraphBuilder, Op};
use crate::tensor::Tensor;
use nopropdt_kernels::gemm::{Gemm, Operand};
use nopropdt_kernels::{Precision, active};
use rayon::prelude::*;

struct Product;

impl Operation for Product {
    fn name(&self) -> &'static str {
        "product"
    }

    fn forward(&mut self, inputs: &[&Tensor]) -> Tensor {
        let [a, b] = *inputs else { panic!("product: wants two values") };
        assert_eq!(a.shape(), b.shape(), "product: shapes differ");
        let mut value = a.clone();
        value.data_mut().iter_mut().zip(b.data()).for_each(|(a, b)| *a *= b);
        value
    }

    fn graph(&self, graph: &mut GraphBuilder, inputs: &[graph::Value]) -> Option<graph::Value> {
        Some(graph.op(Op::Mul, inputs))
    }

    /// d(a·b) = b·da + a·db.
    fn backward(&self, back: &mut Backward<'_, '_>) {
        let gradient = back.gradient();
        for (index, other) in [(0, back.input(1)), (1, back.input(0))] {
            back.add(index, |sum| {
                sum.iter_mut().zip(other.data()).zip(gradient).for_each(|((sum, v), g)| *sum += v * g);
            });
        }
    }

    fn keeps_storage(&self) -> bool {
        true
    }
}

/// C = op(A)·op(B) for each matrix of a batch, op transposing or not.
struct BatchedMatmul {
    /// Whether A, and B, are transposed.
    transposed: [bool; 2],
}

/// One product's sizes: C is m × n, sums have k terms.
#[derive(Clone, Copy)]
struct Sizes {
    m: usize,
    n: usize,
    k: usize,
}

impl BatchedMatmul {
    fn sizes(&self, a: &Tensor, b: &Tensor) -> Sizes {
        let (leading, last) = (a.shape().len().checked_sub(2), b.shape().len().checked_sub(2));
        let (Some(leading), Some(_)) = (leading, last) else {
            panic!("batched_matmul: wants matrices; shapes are {:?} and {:?}", a.shape(), b.shape())
        };
        let (a, b) = (a.shape(), b.shape());
        let same = a.len() == b.len() && a[..leading] == b[..leading];
        assert!(same, "batched_matmul: batches differ: {a:?} and {b:?}");
        let sides = |shape: &[usize], transposed: bool| {
            let [rows, columns] = [shape[leading], shape[leading + 1]];
            if transposed { (columns, rows) } else { (rows, columns) }
        };
        let ((m, k), (rows, n)) = (sides(a, self.transposed[0]), sides(b, self.transposed[1]));
        assert_eq!(k, rows, "batched_matmul: A has {k} columns; B has {rows} rows");
        Sizes { m, n, k }
    }
}

/// The first matrix as an operand, transposed where `transposed` says so.
fn operand(data: &[f32], transposed: bool) -> Operand<'_> {
    if transposed { Operand::transposed(data) } else { Operand::plain(data) }
}

/// Adds op(X)·op(Y), an `m` × `n` matrix of sums of `k` terms, to each matrix of a batch.
fn add_products(into: &mut [f32], [m, n, k]: [usize; 3], x: (&[f32], bool), y: (&[f32], bool)) {
    let chunks = into.par_chunks_exact_mut((m * n).max(1)).enumerate();
    chunks.for_each(|(index, into)| {
        let a = operand(&x.0[index * m * k..][..m * k], x.1);
        let b = operand(&y.0[index * k * n..][..k * n], y.1);
        Gemm { m, n, k, a, b, accumulate: true, precision: Precision::F32 }.run(active(), into);
    });
}

impl Operation for BatchedMatmul {
    fn name(&self) -> &'static str {
        "batched_matmul"
    }

    fn forward(&mut self, inputs: &[&Tensor]) -> Tensor {
        let [a, b] = *inputs else { panic!("batched_matmul: wants two values") };
        let Sizes { m, n, k } = self.sizes(a, b);
        let shape = [&a.shape()[..a.shape().len() - 2], &[m, n]].concat();
        let [ta, tb] = self.transposed;
        Tensor::filled_by(&shape, |c| add_products(c, [m, n, k], (a.data(), ta), (b.data(), tb)))
    }

    fn graph(&self, graph: &mut GraphBuilder, inputs: &[graph::Value]) -> Option<graph::Value> {
        let mut sides = inputs.to_vec();
        for (side, _) in sides.iter_mut().zip(self.transposed).filter(|(_, transposed)| *transposed) {
            let mut axes: Vec<usize> = (0..graph.shape(*side).len()).collect();
            let last = axes.len() - 1;
            axes.swap(last - 1, last);
            *side = graph.op(Op::Transpose(axes), &[*side]);
        }
        Some(graph.op(Op::MatMul, &sides))
    }

    /// dop(A) = dC·op(B)ᵀ and dop(B) = op(A)ᵀ·dC; of a transposed input the transpose of that.
    fn backward(&self, back: &mut Backward<'_, '_>) {
        let (a, b, dc) = (back.input(0), back.input(1), back.gradient());
        let Sizes { m, n, k } = self.sizes(&a, &b);
        let ([ta, tb], a, b) = (self.transposed, a.data(), b.data());
        back.add(0, |da| match ta {
            false => add_products(da, [m, k, n], (dc, false), (b, !tb)),
            true => add_products(da, [k, m, n], (b, tb), (dc, true)),
        });
        back.add(1, |db| match tb {
            false => add_products(db, [k, n, m], (a, !ta), (dc, false)),
            true => add_products(db, [n, k, m], (dc, true), (a, ta)),
        });
    }
}

impl Tape<'_> {
    /// a·b, value by value; stored rounded if both are.
    ///
    /// # Panics
    /// When the shapes differ.
    pub fn mul(&mut self, a: Var, b: Var) -> Var {
        self.apply(Product, &[a, b])
    }

    /// op(A)·op(B) for each pair of matrices; `transpose` says whether A, and B, are transposed first.
    ///
    /// # Shapes
    /// a [.., m, k] ([.., k, m] transposed), b [.., k, n] ([.., n, k] transposed) -> [.., m, n]
    ///
    /// # Panics
    /// When the shapes do not fit.
    pub fn batched_matmul(&mut self, a: Var, b: Var, transpose: [bool; 2]) -> Var {
        self.apply(BatchedMatmul { transposed: transpose }, &[a, b])
    }
}
