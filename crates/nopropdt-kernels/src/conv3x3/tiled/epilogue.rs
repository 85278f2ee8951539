//! What lies between a band of pre-activations and what is stored, in both directions.

use crate::activation::{passed_by_relu, relu, replaces_maximum};
use crate::buffer::Scratch;
use crate::conv3x3::shape::{ConvShape, Epilogue};
use crate::simd::{Operation, Simd};
use crate::values::ValuesMut;
use std::ops::Range;

/// Bias, ReLU, pool and dropout of a band; overwrites its rows of the output.
pub(super) struct Finish<'a, 'b> {
    pub(super) shape: &'a ConvShape,
    pub(super) epilogue: &'a Epilogue,
    pub(super) bias: &'a [f32],
    /// Position of the first value of `range` in the batch's output.
    pub(super) offset: u64,
    /// [rows, W, columns]
    pub(super) band: &'a [f32],
    pub(super) columns: usize,
    pub(super) output: &'a mut ValuesMut<'b>,
    /// Where in the output the band's rows are.
    pub(super) range: Range<usize>,
    /// Room for them in f32.
    pub(super) finished: &'a mut Scratch,
    pub(super) arg_max: &'a mut [u8],
}

impl Operation for Finish<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { shape, epilogue, bias, offset, band, columns, output, range, finished, arg_max } = self;
        let channels = shape.out_channels;
        let out = output.wide(range.clone(), finished);
        let pixels = out.chunks_exact_mut(channels);
        match epilogue {
            Epilogue::Linear => {
                for (pixel, band) in pixels.zip(band.chunks_exact(columns)) {
                    let values = pixel.iter_mut().zip(band).zip(bias);
                    values.for_each(|((pixel, &value), &bias)| *pixel = value + bias);
                }
            }
            Epilogue::Relu { pool: false, .. } => {
                for (pixel, band) in pixels.zip(band.chunks_exact(columns)) {
                    let values = pixel.iter_mut().zip(band).zip(bias);
                    values.for_each(|((pixel, &value), &bias)| *pixel = relu(value + bias));
                }
            }
            Epilogue::Relu { pool: true, .. } => {
                let arg_max = arg_max.chunks_exact_mut(channels);
                let row = shape.width * columns;
                let windows = band.chunks_exact(2 * row).flat_map(|rows| {
                    let (upper, lower) = rows.split_at(row);
                    upper.chunks_exact(2 * columns).zip(lower.chunks_exact(2 * columns))
                });
                for ((pixel, arg), (upper, lower)) in pixels.zip(arg_max).zip(windows) {
                    pool_window([upper, lower], columns, bias, pixel, arg);
                }
            }
        }
        if let Some(mask) = epilogue.dropout() {
            mask.apply_on(simd, offset, out);
        }
        output.rounded_on(simd, range, finished);
    }
}

/// Maximum of the four pixels in two rows, the first of equals and NaN as in PyTorch; then bias and ReLU, which are monotone and the
/// same for all four.
#[inline(always)]
fn pool_window(rows: [&[f32]; 2], columns: usize, bias: &[f32], out: &mut [f32], arg: &mut [u8]) {
    let channels = out.len();
    let (a, b) = (&rows[0][..channels], &rows[0][columns..][..channels]);
    let (c, d) = (&rows[1][..channels], &rows[1][columns..][..channels]);
    let (bias, arg) = (&bias[..channels], &mut arg[..channels]);
    for i in 0..channels {
        let (mut best, mut tap) = (a[i], 0u32);
        for (other, value) in [(1, b[i]), (2, c[i]), (3, d[i])] {
            let larger = replaces_maximum(value, best);
            best = if larger { value } else { best };
            tap = if larger { other } else { tap };
        }
        out[i] = relu(best + bias[i]);
        arg[i] = tap as u8;
    }
}

/// The gradient of an image's pre-activations from that of its output: overwrites the inside of a padded image [H + 2, W + 2,
/// columns], except the last odd row and column of a pool, which take no part, and adds to the bias's gradient.
pub(super) struct Spread<'a> {
    pub(super) shape: &'a ConvShape,
    pub(super) epilogue: &'a Epilogue,
    pub(super) output: &'a [f32],
    pub(super) arg_max: &'a [u8],
    pub(super) grad_output: &'a [f32],
    pub(super) columns: usize,
    pub(super) target: &'a mut [f32],
    pub(super) grad_bias: &'a mut [f32],
}

impl Operation for Spread<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _simd: S) {
        let (channels, columns) = (self.shape.out_channels, self.columns);
        let row = (self.shape.width + 2) * columns;
        let scale = self.epilogue.gradient_scale();
        let mut stored = self.output.chunks_exact(channels).zip(self.grad_output.chunks_exact(channels));
        let inside = &mut self.target[row..row + self.shape.height * row];
        match self.epilogue {
            Epilogue::Relu { pool: true, .. } => {
                let mut stored = stored.zip(self.arg_max.chunks_exact(channels));
                for rows in inside.chunks_exact_mut(2 * row) {
                    let (upper, lower) = rows.split_at_mut(row);
                    let upper = upper[columns..row - columns].chunks_exact_mut(2 * columns);
                    let lower = lower[columns..row - columns].chunks_exact_mut(2 * columns);
                    for ((upper, lower), ((out, g), arg)) in upper.zip(lower).zip(stored.by_ref()) {
                        let (a, b) = upper.split_at_mut(columns);
                        let (c, d) = lower.split_at_mut(columns);
                        let taps =
                            [&mut a[..channels], &mut b[..channels], &mut c[..channels], &mut d[..channels]];
                        spread_window(out, g, arg, scale, taps, self.grad_bias);
                    }
                }
            }
            epilogue => {
                let linear = matches!(epilogue, Epilogue::Linear);
                for inside in inside.chunks_exact_mut(row) {
                    let pixels = inside[columns..row - columns].chunks_exact_mut(columns);
                    for (target, (out, g)) in pixels.zip(stored.by_ref()) {
                        let values = target.iter_mut().zip(self.grad_bias.iter_mut()).zip(out.iter().zip(g));
                        for ((target, bias), (&out, &g)) in values {
                            *target = if linear { g * scale } else { passed_by_relu(out, g * scale) };
                            *bias += *target;
                        }
                    }
                }
            }
        }
    }
}

/// One window of [`Spread`]: its gradient to the pixel that was the largest, zero to the others.
#[inline(always)]
fn spread_window(
    out: &[f32],
    grad: &[f32],
    arg: &[u8],
    scale: f32,
    taps: [&mut [f32]; 4],
    grad_bias: &mut [f32],
) {
    let channels = out.len();
    let [a, b, c, d] = taps;
    let (a, b, c, d) = (&mut a[..channels], &mut b[..channels], &mut c[..channels], &mut d[..channels]);
    let (grad, arg, grad_bias) = (&grad[..channels], &arg[..channels], &mut grad_bias[..channels]);
    for i in 0..channels {
        let passed = passed_by_relu(out[i], grad[i] * scale);
        let tap = u32::from(arg[i]);
        a[i] = if tap == 0 { passed } else { 0.0 };
        b[i] = if tap == 1 { passed } else { 0.0 };
        c[i] = if tap == 2 { passed } else { 0.0 };
        d[i] = if tap == 3 { passed } else { 0.0 };
        grad_bias[i] += passed;
    }
}
