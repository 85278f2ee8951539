//! The kernel's gradient by Winograd, F(3×3, 2×2): nine sums of a channel pair from 16 multiplications for four pixels, not 36.
//!
//! ```text
//! V = Bᵀ d B    d: 4×4 inputs, as in the forward pass          16 planes [tiles, C_in]
//! W = H e Hᵀ    e: 2×2 gradients of pre-activations             16 planes [tiles, C_out]
//! M = Vᵀ · W    plane by plane, added up over all tiles         16 planes [C_in, C_out]
//! D = Jᵀ M J    the gradient of the 3×3 kernel, once
//! ```
//!
//! All additions over tiles are to M, so there is one for the whole batch: one for each slice would cost as much as a few hundred tiles.
//! Threads share the tiles in the transforms, then the planes in the products.

use super::strips::{Cut, Gradient, Group, Input, Planes, Transform};
use super::{Images, PLANES};
use crate::bf16::Pair;
use crate::buffer::Scratch;
use crate::conv3x3::shape::{ConvShape, TAPS};
use crate::conv3x3::{BackwardSlice, add};
use crate::precision::Precision;
use crate::simd::{Operation, Simd};
use crate::tile::{Left, Product, Right, Step, padded, panel};
use rayon::prelude::*;

/// Groups of tiles that are multiplied at once: with 32 tiles each, a panel of W is 32 KiB in f32, an L1 cache, and M is read and written
/// once for 256 tiles.
const GROUPS: usize = 8;

/// Adds the gradients of kernel and bias.
pub(in crate::conv3x3::tiled) fn gradient_of_kernel<S: Simd>(
    simd: S,
    slice: &BackwardSlice<'_>,
    grad_weight: &mut [f32],
    grad_bias: &mut [f32],
) {
    let (shape, precision) = (slice.shape, slice.x.precision());
    let (inputs, outputs, columns) = (shape.in_channels, shape.out_channels, padded::<S>(shape.out_channels));
    let cut = Cut::new(&shape, precision);
    let [of_v, of_w] = [inputs, outputs].map(|channels| Planes::new::<S>(&cut, precision, channels));
    let together = cut.groups().min(GROUPS);
    let mut v = Scratch::any(together * of_v.len());
    // Columns without a channel are multiplied too, though nobody reads the sums.
    let mut w = if columns == outputs { Scratch::any } else { Scratch::zeros }(together * of_w.len());
    let mut bias = Scratch::zeros(cut.groups() * outputs);
    let mut m = Scratch::any(PLANES * inputs * columns);
    for first in (0..cut.groups()).step_by(together) {
        let groups = together.min(cut.groups() - first);
        let targets = v.par_chunks_mut(of_v.len()).zip(w.par_chunks_mut(of_w.len())).take(groups).enumerate();
        targets.zip(bias[first * outputs..].par_chunks_mut(outputs)).for_each(|((index, (v, w)), bias)| {
            let (of, images) =
                (Group { cut: &cut, index: first + index, precision }, Images::Inputs(slice.x));
            simd.vectorize(Transform { tiles: Input, of, images, planes: of_v, to: v });
            let (tiles, images) = (Gradient { bias }, Images::gradients(slice));
            simd.vectorize(Transform { tiles, of, images, planes: of_w, to: w });
        });
        m.par_chunks_mut(inputs * columns).enumerate().for_each(|(plane, m)| {
            let sum = Sum { plane, groups, of_v, of_w, accumulate: first > 0 };
            match precision {
                Precision::F32 => sum.run::<S, f32>(simd, &v, &w, m),
                Precision::Bf16 => sum.run::<S, Pair>(simd, &v, &w, m),
            }
        });
    }
    bias.chunks_exact(outputs).for_each(|of_group| add(grad_bias, of_group));
    simd.vectorize(Finish { shape: &shape, columns, m: &m, grad_weight });
}

/// A plane's sum over some groups of tiles.
struct Sum {
    plane: usize,
    groups: usize,
    of_v: Planes,
    of_w: Planes,
    accumulate: bool,
}

impl Sum {
    /// M (+)= Vᵀ · W as [C_out / PANEL][C_in][PANEL]: one panel of W stays in the cache while those of V pass.
    fn run<S: Simd, E: Step>(&self, simd: S, v: &[f32], w: &[f32], m: &mut [f32]) {
        let &Self { plane, groups, of_v, of_w, accumulate } = self;
        let (width, inputs, run_length) = (panel::<S>(), of_v.channels, of_v.steps);
        for (panel, m) in m.chunks_exact_mut(inputs * width).enumerate() {
            let data = &E::of_words(w)[plane * of_w.distance + panel * run_length * width..];
            let b = Right { data, step: width, run: of_w.len() };
            for (panel, m) in m.chunks_mut(width * width).enumerate() {
                let data = &E::of_words(v)[plane * of_v.distance + panel * run_length * width..];
                let a = Left { data, row: 1, step: width, run: of_v.len() };
                let rows = m.len() / width;
                Product { rows, runs: groups, run_length, a, b, accumulate }.run(simd, m, width);
            }
        }
    }
}

/// Adds D = Jᵀ M J of every channel pair to the kernel's gradient, with Jᵀ = [1 1 1 0; 0 1 −1 0; 0 1 1 −1].
struct Finish<'a> {
    shape: &'a ConvShape,
    columns: usize,
    m: &'a [f32],
    /// [9, C_in, C_out]
    grad_weight: &'a mut [f32],
}

#[allow(unsafe_code)]
impl Operation for Finish<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { shape, columns, m, grad_weight } = self;
        let (inputs, outputs, plane) = (shape.in_channels, shape.out_channels, shape.in_channels * columns);
        assert!(outputs.is_multiple_of(S::LANES), "winograd: channels must fill vectors; found {outputs}");
        let width = panel::<S>();
        assert!(columns == padded::<S>(outputs) && m.len() >= PLANES * plane, "winograd: M is short");
        assert!(grad_weight.len() >= TAPS * inputs * outputs, "winograd: the kernel's gradient is short");
        for input in 0..inputs {
            for output in (0..outputs).step_by(S::LANES) {
                // SAFETY: M has 16 planes of `inputs` rows of each panel, the gradient nine of `outputs`, and a vector from `output` is inside
                // either. Lengths were checked above.
                unsafe {
                    let (first, lane) = (output / width * width, output % width);
                    let from = m.as_ptr().add(first * inputs + input * width + lane);
                    let to = grad_weight.as_mut_ptr().add(input * outputs + output);
                    let mut rows = [[simd.zero(); 4]; 3];
                    for x in 0..4 {
                        let at = from.add(x * plane);
                        let [a, b, c, d] = [0, 4 * plane, 8 * plane, 12 * plane].map(|on| at.add(on));
                        let column = [simd.load(a), simd.load(b), simd.load(c), simd.load(d)];
                        for (row, value) in rows.iter_mut().zip(gather(simd, column)) {
                            row[x] = value;
                        }
                    }
                    for (y, row) in rows.into_iter().enumerate() {
                        for (x, value) in gather(simd, row).into_iter().enumerate() {
                            let to = to.add((3 * y + x) * inputs * outputs);
                            simd.store(simd.add(simd.load(to), value), to);
                        }
                    }
                }
            }
        }
    }
}

/// Jᵀ m of one column.
#[inline(always)]
fn gather<S: Simd>(simd: S, m: [S::F32; 4]) -> [S::F32; 3] {
    let sum = simd.add(m[1], m[2]);
    [simd.add(m[0], sum), simd.sub(m[1], m[2]), simd.sub(sum, m[3])]
}
