//! Kernels transformed for Winograd's convolution, U = G g Gᵀ, in panels.

use super::PLANES;
use crate::bf16::as_pairs_mut;
use crate::buffer::Scratch;
use crate::conv3x3::shape::{ConvShape, TAPS, flip};
use crate::conv3x3::tiled::layout::words;
use crate::precision::Precision;
use crate::simd::{Operation, Simd, WIDEST};
use crate::tile::{padded, panel};

/// The kernel as U, [outputs / PANEL][16][C_in words][PANEL], zero where there is no output.
pub(in crate::conv3x3::tiled) fn panels<S: Simd>(
    simd: S,
    shape: &ConvShape,
    weight: &[f32],
    precision: Precision,
) -> Scratch {
    let (inputs, outputs) = (shape.in_channels, shape.out_channels);
    let mut packed = Scratch::any(PLANES * words(inputs, precision) * padded::<S>(outputs));
    simd.vectorize(Transform { inputs, outputs, weight, precision, packed: &mut packed });
    packed
}

/// The same of the convolution that gives the input's gradient.
pub(in crate::conv3x3::tiled) fn flipped_panels<S: Simd>(
    simd: S,
    shape: &ConvShape,
    weight: &[f32],
    precision: Precision,
) -> Scratch {
    let mut flipped = Scratch::any(weight.len());
    flip(shape, weight, &mut flipped);
    panels(simd, &shape.transposed(), &flipped, precision)
}

/// U = G g Gᵀ of every channel pair, with G = [1 0 0; ½ ½ ½; ½ −½ ½; 0 0 1].
struct Transform<'a> {
    inputs: usize,
    outputs: usize,
    /// [9, inputs, outputs]
    weight: &'a [f32],
    precision: Precision,
    packed: &'a mut [f32],
}

#[allow(unsafe_code)]
impl Operation for Transform<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { inputs, outputs, weight, precision, packed } = self;
        let (width, steps) = (panel::<S>(), words(inputs, precision));
        for (index, target) in packed.chunks_exact_mut(PLANES * steps * width).enumerate() {
            for (step, lane) in
                (0..steps).flat_map(|step| (0..width).step_by(S::LANES).map(move |l| (step, l)))
            {
                let kernel = |input| Kernels { inputs, outputs, weight, input, output: index * width + lane };
                let at = (0..PLANES).map(|plane| (plane * steps + step) * width + lane);
                match precision {
                    Precision::F32 => {
                        let u = kernel(step).transformed(simd);
                        for (at, u) in at.zip(u) {
                            let to = &mut target[at..at + S::LANES];
                            // SAFETY: LANES numbers are there.
                            unsafe { simd.store(u, to.as_mut_ptr()) };
                        }
                    }
                    Precision::Bf16 => {
                        let first = kernel(2 * step).transformed(simd);
                        let second = kernel(2 * step + 1).transformed(simd);
                        let pairs = as_pairs_mut(target);
                        for (at, (first, second)) in at.zip(first.into_iter().zip(second)) {
                            let to = &mut pairs[at..at + S::LANES];
                            // SAFETY: LANES pairs are there.
                            unsafe { simd.store_pairs(first, second, to.as_mut_ptr()) };
                        }
                    }
                }
            }
        }
    }
}

/// The kernels from one input to a vector of outputs; those of channels that are not there are zeros.
struct Kernels<'a> {
    inputs: usize,
    outputs: usize,
    weight: &'a [f32],
    input: usize,
    output: usize,
}

#[allow(unsafe_code)]
impl Kernels<'_> {
    #[inline(always)]
    fn transformed<S: Simd>(&self, simd: S) -> [S::F32; PLANES] {
        let mut rows = [[simd.zero(); 3]; 4];
        for column in 0..3 {
            let taps = [self.tap(simd, column), self.tap(simd, 3 + column), self.tap(simd, 6 + column)];
            for (row, value) in rows.iter_mut().zip(spread(simd, taps)) {
                row[column] = value;
            }
        }
        let mut planes = [simd.zero(); PLANES];
        for (planes, row) in planes.chunks_exact_mut(4).zip(rows) {
            planes.copy_from_slice(&spread(simd, row));
        }
        planes
    }

    #[inline(always)]
    fn tap<S: Simd>(&self, simd: S, tap: usize) -> S::F32 {
        debug_assert!(tap < TAPS, "a kernel has nine taps");
        let count = self.outputs.saturating_sub(self.output).min(S::LANES);
        if self.input >= self.inputs || count == 0 {
            return simd.zero();
        }
        let from = &self.weight[(tap * self.inputs + self.input) * self.outputs + self.output..][..count];
        if count == S::LANES {
            // SAFETY: LANES numbers are there.
            return unsafe { simd.load(from.as_ptr()) };
        }
        let mut room = [0.0; WIDEST];
        room[..count].copy_from_slice(from);
        // SAFETY: no vector is wider than the room.
        unsafe { simd.load(room.as_ptr()) }
    }
}

/// G g of one column.
#[inline(always)]
fn spread<S: Simd>(simd: S, [a, b, c]: [S::F32; 3]) -> [S::F32; 4] {
    let half = simd.splat(0.5);
    let (sum, difference) = (simd.add(simd.add(a, b), c), simd.add(simd.sub(a, b), c));
    [a, simd.mul(half, sum), simd.mul(half, difference), c]
}
