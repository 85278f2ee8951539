//! Squared distances between two sets of points.

use super::{Laying, Pass, Recorded, Tape, Value, Var};
use crate::graph::{self, Op};
use crate::tensor::Tensor;

struct SquaredDistances {
    x: Var,
    w: Var,
}

impl Recorded for SquaredDistances {
    fn name(&self) -> &'static str {
        "squared_distances"
    }

    fn graph(&self, laying: &mut Laying<'_>) -> Option<graph::Value> {
        let (x, w) = (laying.value(self.x), laying.value(self.w));
        let (dim, points) = (laying.shape(self.x)[1], laying.shape(self.w)[0]);
        let x = laying.op(Op::reshape(vec![1, dim]), &[x])?;
        let w = laying.op(Op::reshape(vec![points, dim]), &[w])?;
        let difference = laying.op(Op::Sub, &[x, w])?;
        let square = laying.op(Op::Mul, &[difference, difference])?;
        laying.op(Op::ReduceSum { axis: 2 }, &[square])
    }

    /// ∂/∂x_b = 2 Σ_k g_bk·(x_b − w_k), ∂/∂w_k = −2 Σ_b g_bk·(x_b − w_k).
    fn backward(&self, pass: &mut Pass<'_>, output: &Value, grad_output: &[f32]) {
        let (x, w) = (pass.value(self.x), pass.value(self.w));
        let ((_, dim), (_, points)) =
            (x.matrix_shape("squared_distances"), output.matrix_shape("squared_distances"));
        let (x, w) = (x.data(), w.data());
        let pairs = || {
            let rows = x.chunks_exact(dim).zip(grad_output.chunks_exact(points)).enumerate();
            rows.flat_map(|(b, (x, g))| {
                g.iter().zip(w.chunks_exact(dim)).enumerate().map(move |(k, (g, w))| (b, x, k, w, 2.0 * g))
            })
        };
        pass.accumulate(self.x, |grad| {
            for (b, x, _, w, factor) in pairs() {
                add_difference(&mut grad[b * dim..][..dim], factor, x, w);
            }
        });
        pass.accumulate(self.w, |grad| {
            for (_, x, k, w, factor) in pairs() {
                add_difference(&mut grad[k * dim..][..dim], -factor, x, w);
            }
        });
    }
}

fn add_difference(sum: &mut [f32], factor: f32, x: &[f32], w: &[f32]) {
    sum.iter_mut().zip(x.iter().zip(w)).for_each(|(sum, (x, w))| *sum += factor * (x - w));
}

/// Summed in eight lanes, which vectorise, of differences, which do not cancel as the expanded square does.
fn squared_distance(x: &[f32], w: &[f32]) -> f32 {
    const LANES: usize = 8;
    let mut sums = [0.0; LANES];
    let ((x, x_rest), (w, w_rest)) = (x.as_chunks::<LANES>(), w.as_chunks::<LANES>());
    for (x, w) in x.iter().zip(w) {
        for (sum, (x, w)) in sums.iter_mut().zip(x.iter().zip(w)) {
            *sum += (x - w) * (x - w);
        }
    }
    let rest: f32 = x_rest.iter().zip(w_rest).map(|(x, w)| (x - w) * (x - w)).sum();
    sums.iter().sum::<f32>() + rest
}

impl Tape<'_> {
    /// ‖x_b − w_k‖² for each b and k.
    ///
    /// # Shapes
    /// x [B, d], w [m, d] -> [B, m]
    ///
    /// # Panics
    /// When an input is not a matrix, or they differ in columns or have none.
    pub fn squared_distances(&mut self, x: Var, w: Var) -> Var {
        let (rows, dim) = self.recorded(x).matrix_shape("squared_distances");
        let (points, columns) = self.recorded(w).matrix_shape("squared_distances");
        assert_eq!(dim, columns, "squared_distances: x has {dim} columns; w has {columns}");
        assert!(dim > 0, "squared_distances: wants at least one column");
        let value = Tensor::filled_by(&[rows, points], |out| {
            let (of_x, of_w) = (self.recorded(x).data(), self.recorded(w).data());
            let rows = of_x.chunks_exact(dim);
            for (out, x) in out.chunks_exact_mut(points.max(1)).zip(rows) {
                let points = of_w.chunks_exact(dim);
                out.iter_mut().zip(points).for_each(|(out, w)| *out = squared_distance(x, w));
            }
        });
        self.record(value, &[x, w], SquaredDistances { x, w })
    }
}
