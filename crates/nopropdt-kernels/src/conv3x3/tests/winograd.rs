//! The backward pass by Winograd, round the edges of its tiles, vectors and groups of images, and how accurate it is.

use super::variants::{agree, real_numbers, relu};
use super::*;

/// Images of one tile, of part of one, and of many with the last ones cut; channels that fill vectors of either width, and panels or not.
#[test]
fn variants_agree_where_tiles_are_cut() {
    let sides = [(1, 1), (1, 2), (2, 1), (2, 2), (3, 3), (3, 4), (4, 5), (5, 7), (8, 8), (9, 6)];
    let channels = [(8, 8), (16, 16), (16, 32), (32, 48), (48, 16), (24, 40)];
    let mut batches = [1, 2, 9, 5].into_iter().cycle();
    for (height, width) in sides {
        for (in_channels, out_channels) in channels {
            for epilogue in [Epilogue::Linear, relu(false, false), relu(false, true)] {
                let batch = batches.next().expect("a cycle does not end");
                agree(ConvShape { batch, height, width, in_channels, out_channels }, epilogue);
            }
        }
    }
}

/// Images of several strips, of which the last has fewer rows, in more groups than are multiplied at once; rows wider than a group.
#[test]
fn variants_agree_on_images_of_many_tiles() {
    for (batch, height, width) in [(9, 21, 10), (2, 5, 140)] {
        for (in_channels, out_channels) in [(16, 16), (48, 32)] {
            agree(ConvShape { batch, height, width, in_channels, out_channels }, relu(false, false));
        }
    }
}

/// Both gradients by their definition, in f64, where nothing follows the convolution: of the kernel, and of the input.
fn naive_gradients(s: &ConvShape, x: &[f32], weight: &[f32], grad_output: &[f32]) -> [Vec<f64>; 2] {
    let (mut of_weight, mut of_x) = (vec![0.0; s.weights()], vec![0.0; x.len()]);
    for b in 0..s.batch {
        for (y, x_out, o) in positions(s) {
            let dy = f64::from(grad_output[((b * s.height + y) * s.width + x_out) * s.out_channels + o]);
            for (ky, kx) in (0..3).flat_map(|ky| (0..3).map(move |kx| (ky, kx))) {
                let (Some(iy), Some(ix)) = ((y + ky).checked_sub(1), (x_out + kx).checked_sub(1)) else {
                    continue;
                };
                if iy >= s.height || ix >= s.width {
                    continue;
                }
                for i in 0..s.in_channels {
                    let pixel = ((b * s.height + iy) * s.width + ix) * s.in_channels + i;
                    let tap = ((ky * 3 + kx) * s.in_channels + i) * s.out_channels + o;
                    of_weight[tap] += dy * f64::from(x[pixel]);
                    of_x[pixel] += dy * f64::from(weight[tap]);
                }
            }
        }
    }
    [of_weight, of_x]
}

/// Of vectors, how far one is from another, in sizes of the latter.
fn distance(found: &[f32], exact: &[f64]) -> f64 {
    let size = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>().sqrt();
    assert_eq!(found.len(), exact.len());
    let error = size(&mut found.iter().zip(exact).map(|(&f, e)| f64::from(f) - e));
    error / size(&mut exact.iter().copied())
}

/// Transformed gradients lose little: under a millionth of their size in f32 (found: 1.1e-7 and 2.3e-7; directly 1.5e-7 and 2.6e-7), under
/// 1 % where products are of bf16 (found: 0.4 %; directly 0.15 %).
#[test]
fn gradients_are_accurate() {
    let shape = ConvShape { batch: 5, height: 7, width: 6, in_channels: 32, out_channels: 48 };
    let (x, weight) = (uniform(shape.batch * shape.image(), 1), uniform(shape.weights(), 2));
    let grad_output = uniform(shape.batch * shape.activation(), 5);
    let [of_weight, of_x] = naive_gradients(&shape, &x, &weight, &grad_output);
    for kernels in available() {
        for (stored, most) in [(Precision::F32, 1e-6), (Precision::Bf16, 0.01)] {
            let found = real_numbers(kernels, shape, Epilogue::Linear, stored);
            let errors = [distance(&found.weight, &of_weight), distance(&found.x, &of_x)];
            assert!(errors.iter().all(|&error| error < most), "{} {stored:?}: {errors:?}", kernels.isa());
        }
    }
}
