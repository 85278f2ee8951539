//! Matrix product on the register tile.
//!
//! The right operand is copied panel by panel, [DEPTH, PANEL] at a time (32 KiB on AVX-512, so that it stays in the L1 cache
//! while every row of A passes). A is read where it lies: a tile needs its rows *or* its steps side by side, and a row-major
//! matrix has one, its transpose the other.

use super::panel::store_panel;
use super::{Gemm, Products, pairs};
use crate::buffer::Scratch;
use crate::precision::Precision;
use crate::simd::{Operation, Simd};
use crate::sizes::product as size;
use crate::tile::{Left, Product, Right, panel};
use crate::values::{Values, as_multiplied};
use std::ops::Range;

/// Steps of the inner sum that a panel of B holds.
const DEPTH: usize = 256;

impl<S: Simd> Products for S {
    fn product(&self, gemm: &Gemm<'_>, c: &mut [f32]) {
        if gemm.k == 0 && !gemm.accumulate {
            c.fill(0.0);
        }
        match (gemm.precision, gemm.a.data, gemm.b.data) {
            (Precision::Bf16, ..) => pairs::product(*self, gemm, c),
            (Precision::F32, Values::F32(a), Values::F32(b)) => product(*self, gemm, [a, b], c),
            (Precision::F32, a, b) => {
                let [a, b] = [a, b].map(|values| as_multiplied(values, Precision::F32));
                product(*self, gemm, [&a, &b], c);
            }
        }
    }
}

fn product<S: Simd>(simd: S, gemm: &Gemm<'_>, [a_data, b_data]: [&[f32]; 2], c: &mut [f32]) {
    let Gemm { m, n, k, a, b, accumulate, .. } = *gemm;
    let width = panel::<S>();
    let mut packed = Scratch::any(DEPTH.min(k) * width);
    let mut partial = Scratch::any(size("gemm", &[m, width]));
    for first in (0..k).step_by(DEPTH) {
        let steps = first..(first + DEPTH).min(k);
        let (row, step) = if a.transposed { (1, m) } else { (k, 1) };
        let a = Left { data: &a_data[first * step..], row, step, run: 0 };
        for column in (0..n).step_by(width) {
            let columns = column..(column + width).min(n);
            let packed = &mut packed[..steps.len() * width];
            simd.vectorize(Pack {
                b: b_data,
                transposed: b.transposed,
                k,
                n,
                steps: steps.clone(),
                columns: columns.clone(),
                width,
                packed,
            });
            let b = Right { data: packed, step: width, run: 0 };
            let accumulate = accumulate || first > 0;
            let product = Product { rows: m, runs: 1, run_length: steps.len(), a, b, accumulate };
            store_panel(simd, product, c, columns, n, &mut partial);
        }
    }
}

/// Copies some steps and columns of B into a panel, with zeros after the last column.
struct Pack<'a> {
    b: &'a [f32],
    transposed: bool,
    k: usize,
    n: usize,
    steps: Range<usize>,
    columns: Range<usize>,
    width: usize,
    packed: &'a mut [f32],
}

impl Operation for Pack<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _simd: S) {
        let Self { b, transposed, k, n, steps, columns, width, packed } = self;
        if columns.len() < width {
            packed.fill(0.0);
        }
        if transposed {
            for (index, column) in columns.enumerate() {
                let from = &b[column * k..][steps.clone()];
                let to = packed[index..].iter_mut().step_by(width);
                to.zip(from).for_each(|(to, &from)| *to = from);
            }
        } else {
            for (step, to) in steps.zip(packed.chunks_exact_mut(width)) {
                let from = &b[step * n..][columns.clone()];
                to[..from.len()].copy_from_slice(from);
            }
        }
    }
}
