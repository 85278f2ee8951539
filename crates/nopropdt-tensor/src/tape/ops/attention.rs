//! Attention: each query takes a mean of values, weighted by how well it fits their keys.

mod softmax;

use super::{Backward, Operation, Tape, Var};
use crate::graph::{self, GraphBuilder, Op};
use crate::tensor::Tensor;
use nopropdt_kernels::gemm::{Gemm, Operand};
use nopropdt_kernels::{Precision, Scratch, active};
use rayon::prelude::*;

/// softmax(Q·Kᵀ/sqrt(d))·V of each head, whose columns lie side by side in all three inputs and in the output.
///
/// One operation rather than products, a softmax and permutations: what a head needs fits the cache, and as recorded values it would be
/// most of what a tape holds.
struct Attention {
    heads: usize,
    /// The softmax of every set, [.., heads, n, k], found on the way forward.
    weights: Vec<f32>,
}

/// Sizes of an attention.
#[derive(Clone, Copy)]
struct Sizes {
    /// Sets of queries, keys and values.
    sets: usize,
    heads: usize,
    queries: usize,
    keys: usize,
    /// Columns of a head's queries and keys.
    width: usize,
    /// Columns of a head's values.
    values: usize,
}

/// Multiply-adds that are worth waking another thread for.
const WORTH_A_THREAD: usize = 1 << 20;

impl Sizes {
    fn of(heads: usize, [q, k, v]: [&Tensor; 3]) -> Self {
        let shapes = [q, k, v].map(Tensor::shape);
        let [[q_sets @ .., queries, q_width], [k_sets @ .., keys, k_width], [v_sets @ .., v_keys, values]] =
            shapes
        else {
            panic!("attention: wants matrices; shapes are {shapes:?}")
        };
        assert!(q_sets == k_sets && k_sets == v_sets, "attention: batches differ; shapes are {shapes:?}");
        assert!(q_width == k_width, "attention: queries and keys differ in width; shapes are {shapes:?}");
        assert!(
            keys == v_keys && *keys > 0,
            "attention: wants a value for each of some keys; shapes are {shapes:?}"
        );
        let shared = heads > 0 && q_width.is_multiple_of(heads) && values.is_multiple_of(heads);
        assert!(shared, "attention: {heads} heads can't share the columns; shapes are {shapes:?}");
        let (width, values) = (q_width / heads, values / heads);
        Self { sets: q_sets.iter().product(), heads, queries: *queries, keys: *keys, width, values }
    }

    /// Values of a set of queries, keys, values and weights, and of its output.
    fn of_set(self) -> [usize; 5] {
        let Self { heads, queries, keys, width, values, .. } = self;
        [queries * width, keys * width, keys * values, queries * keys, queries * values]
            .map(|one| heads * one)
    }

    /// Sets that a thread takes at least.
    fn together(self) -> usize {
        let Self { heads, queries, keys, width, values, .. } = self;
        (WORTH_A_THREAD / (heads * queries * keys * (width + values)).max(1)).max(1)
    }

    /// What a product of a query and a key is multiplied by.
    fn scale(self) -> f32 {
        1.0 / (self.width as f32).sqrt()
    }
}

/// A head's columns in matrices of `heads` times `width` columns.
#[derive(Clone, Copy)]
struct Columns {
    head: usize,
    heads: usize,
    width: usize,
}

impl Columns {
    /// A copy of them, times `scale`.
    fn take(self, matrix: &[f32], scale: f32) -> Scratch {
        let Self { head, heads, width } = self;
        let mut taken = Scratch::any(matrix.len() / heads);
        let rows = taken.chunks_exact_mut(width.max(1)).zip(matrix.chunks_exact((heads * width).max(1)));
        for (to, from) in rows {
            to.iter_mut().zip(&from[head * width..]).for_each(|(to, from)| *to = scale * from);
        }
        taken
    }

    /// Writes them, times `scale`.
    fn put(self, matrix: &mut [f32], scale: f32, columns: &[f32]) {
        let Self { head, heads, width } = self;
        let rows = columns.chunks_exact(width.max(1)).zip(matrix.chunks_exact_mut((heads * width).max(1)));
        for (from, to) in rows {
            to[head * width..].iter_mut().zip(from).for_each(|(to, from)| *to = scale * from);
        }
    }
}

/// c [m, n] = a·b, each plain or transposed, sums of `k` terms.
fn product([m, n, k]: [usize; 3], a: Operand<'_>, b: Operand<'_>, c: &mut [f32]) {
    Gemm { m, n, k, a, b, accumulate: false, precision: Precision::F32 }.run(active(), c);
}

impl Sizes {
    /// The weights and the output of a set.
    fn forward(self, [q, k, v]: [&[f32]; 3], weights: &mut [f32], output: &mut [f32]) {
        let Self { heads, queries, keys, width, values, .. } = self;
        let mut of_head = Scratch::any(queries * values);
        for (head, weights) in weights.chunks_exact_mut((queries * keys).max(1)).enumerate() {
            let (ours, of_values) = (Columns { head, heads, width }, Columns { head, heads, width: values });
            let (q, k, v) = (ours.take(q, self.scale()), ours.take(k, 1.0), of_values.take(v, 1.0));
            product([queries, keys, width], Operand::plain(&*q), Operand::transposed(&*k), weights);
            weights.chunks_exact_mut(keys).for_each(softmax::row);
            product([queries, values, keys], Operand::plain(&*weights), Operand::plain(&*v), &mut of_head);
            of_values.put(output, 1.0, &of_head);
        }
    }

    /// With P the weights: dV = Pᵀ·dO; dP = dO·Vᵀ; dS = P·(dP − Σ P·dP), row by row; dQ = dS·K·scale; dK = dSᵀ·Q·scale.
    fn backward(self, [q, k, v]: [&[f32]; 3], weights: &[f32], g: &[f32], [dq, dk, dv]: [&mut [f32]; 3]) {
        let Self { heads, queries, keys, width, values, .. } = self;
        let mut scores = Scratch::any(queries * keys);
        let mut of_head = Scratch::any(queries.max(keys) * width.max(values));
        for (head, weights) in weights.chunks_exact((queries * keys).max(1)).enumerate() {
            let (ours, of_values) = (Columns { head, heads, width }, Columns { head, heads, width: values });
            let (q, k) = (ours.take(q, self.scale()), ours.take(k, 1.0));
            let (v, g) = (of_values.take(v, 1.0), of_values.take(g, 1.0));
            let part = &mut of_head[..keys * values];
            product([keys, values, queries], Operand::transposed(weights), Operand::plain(&*g), part);
            of_values.put(dv, 1.0, part);
            product([queries, keys, values], Operand::plain(&*g), Operand::transposed(&*v), &mut scores);
            softmax::rows_backward(weights, &mut scores, keys);
            let part = &mut of_head[..queries * width];
            product([queries, width, keys], Operand::plain(&*scores), Operand::plain(&*k), part);
            ours.put(dq, self.scale(), part);
            let part = &mut of_head[..keys * width];
            product([keys, width, queries], Operand::transposed(&*scores), Operand::plain(&*q), part);
            ours.put(dk, 1.0, part);
        }
    }
}

/// The part of each set, of so many values each; of as many sets as there are where parts are empty.
fn parts(data: &[f32], sizes: Sizes, length: usize) -> impl IndexedParallelIterator<Item = &[f32]> {
    (0..sizes.sets).into_par_iter().map(move |set| &data[set * length..][..length])
}

impl Operation for Attention {
    fn name(&self) -> &'static str {
        "attention"
    }

    fn forward(&mut self, inputs: &[&Tensor]) -> Tensor {
        let [q, k, v] = *inputs else { panic!("attention: wants queries, keys and values") };
        let sizes = Sizes::of(self.heads, [q, k, v]);
        let [of_q, of_k, of_v, of_weights, of_output] = sizes.of_set();
        self.weights = vec![0.0; sizes.sets * of_weights];
        let shape = [&q.shape()[..q.shape().len() - 1], &[sizes.heads * sizes.values]].concat();
        Tensor::filled_by(&shape, |output| {
            let written = output.par_chunks_exact_mut(of_output.max(1));
            let written = written.zip(self.weights.par_chunks_exact_mut(of_weights.max(1)));
            let read = parts(q.data(), sizes, of_q).zip(parts(k.data(), sizes, of_k));
            let read = read.zip(parts(v.data(), sizes, of_v));
            written.zip(read).with_min_len(sizes.together()).for_each(|((output, weights), ((q, k), v))| {
                sizes.forward([q, k, v], weights, output);
            });
        })
    }

    fn graph(&self, graph: &mut GraphBuilder, inputs: &[graph::Value]) -> Option<graph::Value> {
        let heads = self.heads;
        // [.., n, heads·d] -> [B, heads, n, d]
        let of_heads = |graph: &mut GraphBuilder, x: graph::Value| {
            let [.., rows, columns] = *graph.shape(x) else {
                unreachable!("attention: checked on the way forward")
            };
            let apart = graph.op(Op::reshape(vec![rows, heads, columns / heads]), &[x]);
            (graph.op(Op::Transpose(vec![0, 2, 1, 3]), &[apart]), columns / heads)
        };
        let &[q, k, v] = inputs else { return None };
        let shape = graph.shape(q).to_vec();
        let (queries, width) = of_heads(graph, q);
        let ((keys, _), (values, of_values)) = (of_heads(graph, k), of_heads(graph, v));
        let scale = graph.scalar(1.0 / (width as f32).sqrt());
        let queries = graph.op(Op::Mul, &[queries, scale]);
        let keys = graph.op(Op::Transpose(vec![0, 1, 3, 2]), &[keys]);
        let scores = graph.op(Op::MatMul, &[queries, keys]);
        let weights = graph.op(Op::Softmax, &[scores]);
        let means = graph.op(Op::MatMul, &[weights, values]);
        let apart = graph.op(Op::Transpose(vec![0, 2, 1, 3]), &[means]);
        let rest = [&shape[1..shape.len() - 1], &[heads * of_values]].concat();
        Some(graph.op(Op::reshape(rest), &[apart]))
    }

    fn backward(&self, back: &mut Backward<'_, '_>) {
        let [q, k, v] = [back.input(0), back.input(1), back.input(2)];
        let sizes = Sizes::of(self.heads, [&q, &k, &v]);
        let [of_q, of_k, of_v, of_weights, of_output] = sizes.of_set();
        let mut gradients = [&q, &k, &v].map(|input| vec![0.0; input.len()]);
        let [dq, dk, dv] = &mut gradients;
        let written = dq.par_chunks_exact_mut(of_q.max(1)).zip(dk.par_chunks_exact_mut(of_k.max(1)));
        let written = written.zip(dv.par_chunks_exact_mut(of_v.max(1)));
        let read = parts(q.data(), sizes, of_q).zip(parts(k.data(), sizes, of_k));
        let read = read.zip(parts(v.data(), sizes, of_v));
        let read = read.zip(parts(&self.weights, sizes, of_weights));
        let read = read.zip(parts(back.gradient(), sizes, of_output));
        let each = written.zip(read).with_min_len(sizes.together());
        each.for_each(|(((dq, dk), dv), ((((q, k), v), weights), g))| {
            sizes.backward([q, k, v], weights, g, [dq, dk, dv]);
        });
        for (index, gradient) in gradients.iter().enumerate() {
            back.add(index, |sum| super::add(sum, gradient));
        }
    }
}

impl Tape<'_> {
    /// Scaled dot-product attention, softmax(Q·Kᵀ/sqrt(d))·V for each set of queries, keys and values (Vaswani et al. 2017).
    ///
    /// # Shapes
    /// queries [.., n, d], keys [.., k, d], values [.., k, e] -> [.., n, e]
    ///
    /// # Panics
    /// When the shapes do not fit, or there is no key.
    pub fn attention(&mut self, queries: Var, keys: Var, values: Var) -> Var {
        self.attention_of_heads(queries, keys, values, 1)
    }

    /// [`Tape::attention`] of several heads, which share the columns of each input and of the output: head i has the i-th part of them.
    ///
    /// # Shapes
    /// queries [.., n, heads·d], keys [.., k, heads·d], values [.., k, heads·e] -> [.., n, heads·e]
    ///
    /// # Panics
    /// When the shapes do not fit, the heads can't share the columns equally, or there is no key.
    pub fn attention_of_heads(&mut self, queries: Var, keys: Var, values: Var, heads: usize) -> Var {
        self.apply(Attention { heads, weights: Vec::new() }, &[queries, keys, values])
    }
}
