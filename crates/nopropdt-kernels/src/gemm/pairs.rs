//! Matrix product in bf16 on the register tile.
//!
//! Both operands are rounded and copied, DEPTH pairs of steps at a time: A to rows of pairs, B to panels of pairs. Rounding costs a
//! pass over each operand; the copies make every tile read pairs side by side, whatever was transposed.

use super::element::Element;
use super::panel::store_panel;
use super::{Gemm, Operand};
use crate::bf16::{Bf16, Pair, as_pairs, as_pairs_mut};
use crate::buffer::Scratch;
use crate::simd::{Operation, Simd};
use crate::sizes::product as size;
use crate::tile::{Left, Product, Right, panel};
use crate::values::Values;
use std::ops::Range;

/// Pairs of steps a panel of B holds: 32 KiB with AVX-512.
const DEPTH: usize = 256;
/// Words between the rows of A beyond their pairs: rows a power of two apart would share few sets of the L1 cache.
const GAP: usize = 16;

/// C = A · B or C += A · B; the front has checked every length.
pub(super) fn product<S: Simd>(simd: S, gemm: &Gemm<'_>, c: &mut [f32]) {
    let Gemm { m, n, k, a, b, accumulate, .. } = *gemm;
    let width = panel::<S>();
    let most = DEPTH.min(k.div_ceil(2));
    let (mut left, mut right) = (Scratch::any(size("gemm", &[m, most + GAP])), Scratch::any(most * width));
    let mut partial = Scratch::any(size("gemm", &[m, width]));
    let (of_a, of_b) = (Lines::of_a(a, m, k), Lines::of_b(b, k, n));
    for first in (0..k).step_by(2 * DEPTH) {
        let steps = first..(first + 2 * DEPTH).min(k);
        let pairs = steps.len().div_ceil(2);
        let row = pairs + GAP;
        let to = Target { pairs: as_pairs_mut(&mut left), line: row, pair: 1 };
        simd.vectorize(Pack { from: of_a, lines: 0..m, steps: steps.clone(), to });
        for column in (0..n).step_by(width) {
            let columns = column..(column + width).min(n);
            let packed = &mut right[..pairs * width];
            if columns.len() < width {
                packed.fill(0.0);
            }
            let to = Target { pairs: as_pairs_mut(packed), line: 1, pair: width };
            simd.vectorize(Pack { from: of_b, lines: columns.clone(), steps: steps.clone(), to });
            let a = Left { data: as_pairs(&left), row, step: 1, run: 0 };
            let b = Right { data: as_pairs(packed), step: width, run: 0 };
            let accumulate = accumulate || first > 0;
            let product = Product { rows: m, runs: 1, run_length: pairs, a, b, accumulate };
            store_panel(simd, product, c, columns, n, &mut partial);
        }
    }
}

/// The rows of A or the columns of B, as they lie.
#[derive(Clone, Copy)]
struct Lines<'a> {
    data: Values<'a>,
    /// Distance of the lines.
    line: usize,
    /// Distance of a line's steps. It or `line` is 1.
    step: usize,
}

impl<'a> Lines<'a> {
    fn of_a(a: Operand<'a>, m: usize, k: usize) -> Self {
        let (line, step) = if a.transposed { (1, m) } else { (k, 1) };
        Self { data: a.data, line, step }
    }

    fn of_b(b: Operand<'a>, k: usize, n: usize) -> Self {
        let (line, step) = if b.transposed { (k, 1) } else { (1, n) };
        Self { data: b.data, line, step }
    }
}

/// Where pair p of the l-th line goes: `pairs[l · line + p · pair]`.
struct Target<'a> {
    pairs: &'a mut [Pair],
    line: usize,
    pair: usize,
}

/// Rounds some steps of some lines; an odd last step is paired with zero.
struct Pack<'a> {
    from: Lines<'a>,
    lines: Range<usize>,
    steps: Range<usize>,
    to: Target<'a>,
}

impl Operation for Pack<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        match self.from.data {
            Values::F32(data) => self.pack(simd, data),
            Values::Bf16(data) => self.pack(simd, data),
        }
    }
}

impl Pack<'_> {
    #[inline(always)]
    fn pack<S: Simd, T: Element>(self, simd: S, data: &[T]) {
        let Self { from: Lines { line, step, .. }, lines, steps, to } = self;
        if step == 1 {
            for (index, l) in lines.enumerate() {
                let from = Source::Line(&data[l * line..][steps.clone()]);
                from.put(simd, &mut to.pairs[index * to.line..], to.pair);
            }
        } else {
            for (index, s) in steps.clone().step_by(2).enumerate() {
                let first = &data[s * step..][lines.clone()];
                let second = (s + 1 < steps.end).then(|| &data[(s + 1) * step..][lines.clone()]);
                Source::Two(first, second).put(simd, &mut to.pairs[index * to.pair..], to.line);
            }
        }
    }
}

/// What pairs are made of.
#[derive(Clone, Copy)]
enum Source<'a, T> {
    /// Steps of one line, each two a pair; an odd last one is paired with zero.
    Line(&'a [T]),
    /// Two steps of many lines, each line's two a pair; a second step that is not there is zeros.
    Two(&'a [T], Option<&'a [T]>),
}

/// Pairs made before they are spread: 256 bytes of the L1 cache. Making takes an instruction for many, spreading one for each.
const TOGETHER: usize = 64;

impl<T: Element> Source<'_, T> {
    /// Writes the pairs, `apart` words from each other.
    #[inline(always)]
    fn put<S: Simd>(self, simd: S, to: &mut [Pair], apart: usize) {
        let count = match self {
            Self::Line(steps) => steps.len().div_ceil(2),
            Self::Two(first, _) => first.len(),
        };
        if apart == 1 {
            return self.make(simd, 0..count, &mut to[..count]);
        }
        let mut made = [Pair::default(); TOGETHER];
        for first in (0..count).step_by(TOGETHER) {
            let range = first..(first + TOGETHER).min(count);
            let made = &mut made[..range.len()];
            self.make(simd, range, made);
            for (to, pair) in to[first * apart..].iter_mut().step_by(apart).zip(made) {
                *to = *pair;
            }
        }
    }

    /// Makes some of the pairs.
    #[inline(always)]
    fn make<S: Simd>(self, simd: S, range: Range<usize>, to: &mut [Pair]) {
        match self {
            Self::Line(steps) => {
                let steps = &steps[2 * range.start..(2 * range.end).min(steps.len())];
                let (whole, last) = steps.split_at(steps.len() / 2 * 2);
                let (to, rest) = to.split_at_mut(whole.len() / 2);
                T::pair_neighbours(simd, whole, to);
                for (to, &last) in rest.iter_mut().zip(last) {
                    *to = Pair::new(last.to_bf16(), Bf16::default());
                }
            }
            Self::Two(first, Some(second)) => T::pair(simd, &first[range.clone()], &second[range], to),
            Self::Two(first, None) => {
                for (to, &first) in to.iter_mut().zip(&first[range]) {
                    *to = Pair::new(first.to_bf16(), Bf16::default());
                }
            }
        }
    }
}
