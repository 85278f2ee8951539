//! NaN in every position of a window, through every way that a convolution can take: the fused output is that of the parts, with
//! PyTorch's pool, and gradients pass where they do in PyTorch.

use super::variants::{STORED, integers, relu};
use super::*;
use crate::bf16::{Bf16, rounded};
use crate::dispatch::Kernels;

/// Integers with one NaN.
fn image(shape: &ConvShape, at: usize) -> Vec<f32> {
    let mut x = integers(shape.batch * shape.image(), 1);
    x[at] = f32::NAN;
    x
}

/// Runs a forward pass on what is stored in the given precisions; the output in f32, and the arg-max.
fn forward(
    kernels: &dyn Kernels,
    f: Forward<'_>,
    x: &[f32],
    [input, output]: [Precision; 2],
) -> (Vec<f32>, Vec<u8>) {
    let length = f.shape.batch * f.shape.image_out(&f.epilogue);
    let mut arg_max = vec![9; if f.epilogue.pools() { length } else { 0 }];
    let small: Vec<Bf16> = x.iter().map(|&value| Bf16::from_f32(value)).collect();
    let x = if input == Precision::Bf16 { Values::Bf16(&small) } else { Values::F32(x) };
    let f = Forward { x, ..f };
    if output == Precision::F32 {
        let mut out = vec![9.0; length];
        f.run(kernels, ValuesMut::F32(&mut out), &mut arg_max);
        return (out, arg_max);
    }
    let mut out = vec![Bf16::default(); length];
    f.run(kernels, ValuesMut::Bf16(&mut out), &mut arg_max);
    (out.into_iter().map(Bf16::to_f32).collect(), arg_max)
}

/// PyTorch's pool of pre-activations [B, H, W, C]: what it takes and from which of the four.
fn pool(s: &ConvShape, full: &[f32]) -> (Vec<f32>, Vec<u8>) {
    let (mut out, mut which) = (Vec::new(), Vec::new());
    for b in 0..s.batch {
        for (y, x) in (0..s.height / 2).flat_map(|y| (0..s.width / 2).map(move |x| (y, x))) {
            for o in 0..s.out_channels {
                let tap = |tap: usize| {
                    let (y, x) = (2 * y + tap / 2, 2 * x + tap % 2);
                    full[((b * s.height + y) * s.width + x) * s.out_channels + o]
                };
                let larger = |best, at| if tap(at) > tap(best) || tap(at).is_nan() { at } else { best };
                let best = (1..4).fold(0, larger);
                out.push(tap(best));
                which.push(best as u8);
            }
        }
    }
    (out, which)
}

fn same(a: &[f32], b: &[f32]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a == b || (a.is_nan() && b.is_nan()))
}

/// Checks one NaN in one input under every epilogue and precision.
fn check(kernels: &dyn Kernels, shape: ConvShape, at: usize) {
    let x = image(&shape, at);
    let (weight, bias) = (integers(shape.weights(), 2), integers(shape.out_channels, 3));
    let f = Forward { shape, x: (&x).into(), weight: &weight, bias: &bias, epilogue: Epilogue::Linear };
    for stored in STORED {
        let (full, _) = forward(kernels, f, &x, [stored[0], Precision::F32]);
        assert!(full.iter().any(|value| value.is_nan()) && full.iter().any(|value| value.is_finite()));
        for (pools, dropped) in [(false, false), (false, true), (true, false), (true, true)] {
            let epilogue = relu(pools, dropped);
            let what = || format!("{} {shape:?} {epilogue:?} {stored:?} {at}", kernels.isa());
            let (mut expected, which) = if pools { pool(&shape, &full) } else { (full.clone(), Vec::new()) };
            expected.iter_mut().for_each(|value| *value = if *value < 0.0 { 0.0 } else { *value });
            epilogue.dropout().into_iter().for_each(|mask| mask.apply(0, &mut expected));
            if stored[1] == Precision::Bf16 {
                expected.iter_mut().for_each(|value| *value = rounded(*value));
            }
            let (out, arg_max) = forward(kernels, Forward { epilogue, ..f }, &x, stored);
            assert!(same(&out, &expected), "{}: {out:?} instead of {expected:?}", what());
            assert_eq!(arg_max, which, "{}", what());

            let grad_output = integers(out.len(), 4);
            let passed = out.iter().zip(&grad_output);
            let scale = epilogue.gradient_scale();
            let mut grad_bias = vec![0.0; shape.out_channels];
            for (index, (&out, &grad)) in passed.enumerate() {
                grad_bias[index % shape.out_channels] += if out <= 0.0 { 0.0 } else { grad * scale };
            }
            let backward = Backward {
                forward: Forward { epilogue, ..f },
                output: (&out).into(),
                arg_max: &arg_max,
                grad_output: &grad_output,
            };
            for with_x in [false, true] {
                let (mut gw, mut gb) = (vec![0.0; weight.len()], vec![0.0; bias.len()]);
                let mut gx = vec![0.0; x.len()];
                backward.run(kernels, &mut gw, &mut gb, with_x.then_some(&mut gx[..]));
                assert_eq!(gb, grad_bias, "{}", what());
                // The input's gradient is made of weights and output gradients alone: NaN has no part in it.
                assert!(gx.iter().all(|value| value.is_finite()), "{}", what());
            }
        }
    }
}

/// Few channels go window by window where a pool follows, whole vectors of them by Winograd, others by neighbourhoods; outputs fill
/// vectors, or not. A NaN in a pixel is in the sums of nine, so moving it about puts it into every place of a window, alone and not.
#[test]
fn not_a_number_passes_every_convolution() {
    for kernels in available() {
        for (in_channels, out_channels) in [(1, 7), (3, 16), (3, 33), (5, 9), (8, 3), (16, 17)] {
            let shape = ConvShape { batch: 2, height: 7, width: 9, in_channels, out_channels };
            for (y, x) in [(1, 1), (1, 2), (2, 1), (2, 2), (0, 0), (6, 8), (3, 8), (6, 3), (5, 7)] {
                check(kernels, shape, ((7 + y) * 9 + x) * in_channels + in_channels / 2);
            }
        }
    }
}
