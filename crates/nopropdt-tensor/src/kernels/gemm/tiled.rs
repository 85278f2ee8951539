//! Matrix product on the register tile.
//!
//! The right operand is copied panel by panel, [DEPTH, PANEL] at a time (32 KiB on AVX-512, so that it stays in the L1 cache
//! while every row of A passes). A is read where it lies: a tile needs its rows *or* its steps side by side, and a row-major
//! matrix has one, its transpose the other.

use super::{Gemm, Operand, Products};
use crate::kernels::Scratch;
use crate::kernels::simd::{Operation, Simd};
use crate::kernels::tile::{Left, Product, Right, panel};

/// Steps of the inner sum that a panel of B holds.
const DEPTH: usize = 256;

impl<S: Simd> Products for S {
    fn product(&self, gemm: &Gemm<'_>, c: &mut [f32]) {
        let Gemm { m, n, k, a, b, accumulate } = *gemm;
        if k == 0 && !accumulate {
            c.fill(0.0);
        }
        let width = panel::<S>();
        let mut packed = Scratch::any(DEPTH.min(k) * width);
        let mut partial = Scratch::any(m * width);
        for first in (0..k).step_by(DEPTH) {
            let steps = first..(first + DEPTH).min(k);
            let (row, step) = if a.transposed { (1, m) } else { (k, 1) };
            let a = Left { data: &a.data[first * step..], row, step, run: 0 };
            for column in (0..n).step_by(width) {
                let columns = column..(column + width).min(n);
                let packed = &mut packed[..steps.len() * width];
                self.vectorize(Pack {
                    b,
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
                if columns.len() == width {
                    product.run(*self, &mut c[column..], n);
                } else {
                    Product { accumulate: false, ..product }.run(*self, &mut partial, width);
                    for (to, from) in c.chunks_exact_mut(n).zip(partial.chunks_exact(width)) {
                        let pairs = to[columns.clone()].iter_mut().zip(from);
                        pairs.for_each(|(to, from)| *to = if accumulate { *to + from } else { *from });
                    }
                }
            }
        }
    }
}

/// Copies some steps and columns of B into a panel, with zeros after the last column.
struct Pack<'a> {
    b: Operand<'a>,
    k: usize,
    n: usize,
    steps: std::ops::Range<usize>,
    columns: std::ops::Range<usize>,
    width: usize,
    packed: &'a mut [f32],
}

impl Operation for Pack<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _simd: S) {
        let Self { b, k, n, steps, columns, width, packed } = self;
        if columns.len() < width {
            packed.fill(0.0);
        }
        if b.transposed {
            for (index, column) in columns.enumerate() {
                let from = &b.data[column * k..][steps.clone()];
                let to = packed[index..].iter_mut().step_by(width);
                to.zip(from).for_each(|(to, &from)| *to = from);
            }
        } else {
            for (step, to) in steps.zip(packed.chunks_exact_mut(width)) {
                let from = &b.data[step * n..][columns.clone()];
                to[..from.len()].copy_from_slice(from);
            }
        }
    }
}
