//! Every instruction set of this machine against the definition, and against the portable kernels.

mod nan;
mod variants;
mod winograd;

use super::*;
use crate::dispatch::available;
use crate::dropout::DropoutMask;
use crate::random::Stream;
use proptest::prelude::*;

/// The definition, one multiplication at a time, in f64.
fn naive_forward(f: &Forward<'_>) -> Vec<f32> {
    let s = f.shape;
    let mut out = vec![0.0; s.batch * s.activation()];
    for b in 0..s.batch {
        for (y, x, o) in positions(&s) {
            let mut sum = f64::from(f.bias[o]);
            for ky in 0..3 {
                for kx in 0..3 {
                    let (Some(iy), Some(ix)) = ((y + ky).checked_sub(1), (x + kx).checked_sub(1)) else {
                        continue;
                    };
                    if iy >= s.height || ix >= s.width {
                        continue;
                    }
                    for i in 0..s.in_channels {
                        let Values::F32(input) = f.x else { panic!("the definition takes f32") };
                        let pixel = input[((b * s.height + iy) * s.width + ix) * s.in_channels + i];
                        let weight = f.weight[((ky * 3 + kx) * s.in_channels + i) * s.out_channels + o];
                        sum += f64::from(pixel) * f64::from(weight);
                    }
                }
            }
            out[((b * s.height + y) * s.width + x) * s.out_channels + o] = sum as f32;
        }
    }
    out
}

fn positions(s: &ConvShape) -> impl Iterator<Item = (usize, usize, usize)> + use<> {
    let (h, w, c) = (s.height, s.width, s.out_channels);
    (0..h).flat_map(move |y| (0..w).flat_map(move |x| (0..c).map(move |o| (y, x, o))))
}

fn uniform(length: usize, tag: u64) -> Vec<f32> {
    let mut values = vec![0.0; length];
    Stream::new(9).child(tag).fill_uniform(&mut values);
    values.iter_mut().for_each(|v| *v -= 0.5);
    values
}

fn shapes() -> impl Strategy<Value = ConvShape> {
    (0usize..10, 1usize..12, 1usize..12, 1usize..8, 1usize..8).prop_map(
        |(batch, height, width, in_channels, out_channels)| ConvShape {
            batch,
            height,
            width,
            in_channels,
            out_channels,
        },
    )
}

fn close(a: &[f32], b: &[f32]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() <= 1e-4 * (1.0 + b.abs()))
}

proptest! {
    #[test]
    fn linear_forward_agrees_with_the_definition(shape in shapes()) {
        let (x, weight, bias) =
            (uniform(shape.batch * shape.image(), 1), uniform(shape.weights(), 2), uniform(shape.out_channels, 3));
        let forward = Forward { shape, x: (&x).into(), weight: &weight, bias: &bias, epilogue: Epilogue::Linear };
        let expected = naive_forward(&forward);
        for kernels in available() {
            let mut output = vec![f32::NAN; expected.len()];
            forward.run(kernels, ValuesMut::F32(&mut output), &mut []);
            prop_assert!(close(&output, &expected), "{}", kernels.isa());
        }
    }

    /// Fused = the parts one after the other: convolution, ReLU, pooling, dropout.
    #[test]
    fn fused_forward_is_the_composition(shape in shapes(), pool in any::<bool>(), drop in any::<bool>()) {
        let (x, weight, bias) =
            (uniform(shape.batch * shape.image(), 1), uniform(shape.weights(), 2), uniform(shape.out_channels, 3));
        let dropout = drop.then(|| DropoutMask::new(0.3, Stream::new(1)));
        let epilogue = Epilogue::Relu { pool, dropout };
        let forward = Forward { shape, x: (&x).into(), weight: &weight, bias: &bias, epilogue };
        let (rows, columns) = epilogue.output_size(&shape);
        let length = shape.batch * rows * columns * shape.out_channels;
        let mut expected: Vec<f32> = naive_forward(&forward).iter().map(|v| v.max(0.0)).collect();
        if pool {
            let at = |b: usize, y: usize, x: usize, o: usize| {
                expected[((b * shape.height + y) * shape.width + x) * shape.out_channels + o]
            };
            let mut pooled = Vec::new();
            for b in 0..shape.batch {
                for y in 0..rows {
                    for x in 0..columns {
                        for o in 0..shape.out_channels {
                            let taps = [(0, 0), (0, 1), (1, 0), (1, 1)];
                            let taps = taps.map(|(dy, dx)| at(b, 2 * y + dy, 2 * x + dx, o));
                            pooled.push(taps.into_iter().fold(f32::MIN, f32::max));
                        }
                    }
                }
            }
            expected = pooled;
        }
        if let Some(mask) = dropout {
            mask.apply(0, &mut expected);
        }
        for kernels in available() {
            let (mut output, mut arg_max) = (vec![f32::NAN; length], vec![9; if pool { length } else { 0 }]);
            forward.run(kernels, ValuesMut::F32(&mut output), &mut arg_max);
            prop_assert!(close(&output, &expected), "{}", kernels.isa());
            prop_assert!(arg_max.iter().all(|&a| a < 4), "{}", kernels.isa());
        }
    }

    /// <grad_out, J·dx> = <Jᵀ·grad_out, dx> for the linear map, for input and kernel directions.
    #[test]
    fn backward_is_the_adjoint_of_forward(shape in shapes()) {
        let (x, weight) = (uniform(shape.batch * shape.image(), 1), uniform(shape.weights(), 2));
        let bias = vec![0.0; shape.out_channels];
        let forward = Forward { shape, x: (&x).into(), weight: &weight, bias: &bias, epilogue: Epilogue::Linear };
        let output = naive_forward(&forward);
        let grad_output = uniform(output.len(), 5);
        for kernels in available() {
            let (mut grad_w, mut grad_b) = (vec![0.0; weight.len()], vec![0.0; bias.len()]);
            let mut grad_x = vec![0.0; x.len()];
            let backward = Backward { forward, output: (&output).into(), arg_max: &[], grad_output: &grad_output };
            backward.run(kernels, &mut grad_w, &mut grad_b, Some(&mut grad_x));
            let dot =
                |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
            let through = dot(&grad_output, &output);
            prop_assert!((dot(&grad_x, &x) - through).abs() < 1e-3 * (1.0 + through.abs()));
            prop_assert!((dot(&grad_w, &weight) - through).abs() < 1e-3 * (1.0 + through.abs()));
            let per_channel: f64 = grad_output.iter().map(|&g| f64::from(g)).sum();
            prop_assert!((grad_b.iter().map(|&g| f64::from(g)).sum::<f64>() - per_channel).abs() < 1e-3);
        }
    }
}

/// Each has a product that wraps to 0, the length of an empty slice.
#[test]
fn sizes_whose_product_wraps_are_refused() {
    let large = 1usize << (usize::BITS / 2);
    let one = ConvShape { batch: 1, height: 1, width: 1, in_channels: 1, out_channels: 1 };
    for shape in [
        ConvShape { batch: large, height: large, ..one },
        ConvShape { height: large, width: large, ..one },
        ConvShape { width: large, in_channels: large, ..one },
        ConvShape { height: large, out_channels: large, ..one },
        ConvShape { batch: 0, in_channels: large, out_channels: large, ..one },
        ConvShape { batch: 0, height: usize::MAX, ..one },
        ConvShape { batch: 0, in_channels: usize::MAX, ..one },
    ] {
        let run = || {
            let epilogue = Epilogue::Relu { pool: true, dropout: None };
            let forward = Forward { shape, x: (&[]).into(), weight: &[], bias: &[], epilogue };
            forward.run(crate::dispatch::active(), ValuesMut::F32(&mut []), &mut []);
        };
        let payload = std::panic::catch_unwind(run).expect_err("the contract is broken");
        let message = payload.downcast_ref::<String>().expect("a message");
        assert!(message.starts_with("conv3x3: sizes overflow; found"), "{shape:?}: {message}");
    }
}
