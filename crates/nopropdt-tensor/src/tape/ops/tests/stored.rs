//! Every operation on values stored in bf16, against the same on these values in f32.

use super::*;
use crate::layers::{BatchNorm, Linear};
use crate::tape::{Value, Window};
use nopropdt_kernels::{Precision, rounded};

/// What rounding an output to bf16 may change, relative to its largest value; twice as much in gradients made of rounded outputs.
const ROUNDING: f32 = 1.0 / 256.0;

/// An operation on the output of a convolution.
type Follow = dyn Fn(&mut Tape<'_>, Var) -> Var;
type Apply = fn(&mut Tape<'_>, Slot, &Layers, &[Var]) -> Var;

/// Layers that some operations want.
struct Layers {
    conv: Conv3x3,
    linear: Linear,
    norm: BatchNorm,
}

fn layers() -> (Parameters, Layers) {
    let mut builder = ParameterBuilder::new(Stream::new(1));
    let layers = Layers {
        conv: Conv3x3::new(&mut builder, "conv", 3, 2),
        linear: Linear::new(&mut builder, "fc", 12, 5),
        norm: BatchNorm::new(&mut builder, "bn", 12),
    };
    (builder.build(), layers)
}

/// Values that bf16 holds exactly, no two in a window alike.
fn exact(shape: &[usize], tag: u64) -> Tensor {
    let mut tensor = spread(shape, tag);
    tensor.data_mut().iter_mut().for_each(|value| *value = rounded(*value));
    tensor
}

/// The output, the precision it is stored in, and the gradients of the inputs and of the parameters.
struct Passes {
    output: Tensor,
    rounded: bool,
    gradients: Vec<Vec<f32>>,
}

fn passes(shapes: &[&[usize]], in_bf16: &[bool], apply: Apply) -> Passes {
    let (parameters, layers) = layers();
    let mut tape = Tape::new(Mode::Train);
    let slot = tape.attach(&parameters);
    let inputs: Vec<Var> = (1..)
        .zip(shapes.iter().zip(in_bf16))
        .map(|(tag, (shape, &in_bf16))| tape.push(Value::stored(exact(shape, tag), in_bf16), true, None))
        .collect();
    let output = apply(&mut tape, slot, &layers, &inputs);
    let (value, rounded) = (tape.widened(output), tape.recorded(output).is_rounded());
    assert_eq!(tape.shape(output), value.shape());
    let loss = weigh(&mut tape, output, &normal(value.shape(), 99));
    let mut gradients = tape.backward(loss);
    let of_inputs = inputs.iter().map(|&x| gradients.variable(x).unwrap_or(&[]).to_vec());
    let mut of_all: Vec<Vec<f32>> = of_inputs.collect();
    of_all.push(gradients.take_parameters(slot));
    Passes { output: value, rounded, gradients: of_all }
}

#[track_caller]
fn near(name: &str, found: &[f32], expected: &[f32], bound: f32) {
    let largest = expected.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
    assert_eq!(found.len(), expected.len(), "{name}");
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() <= bound * largest, "{name}: {found} instead of {expected}");
    }
}

#[test]
fn every_operation_takes_values_in_bf16() {
    const IMAGE: &[usize] = &[2, 4, 2, 3];
    const MATRIX: &[usize] = &[4, 12];
    // The name, the shapes of the inputs, whether the output of rounded inputs is rounded, and the operation.
    let operations: [(&str, &[&[usize]], bool, Apply); 21] = [
        ("relu", &[IMAGE], true, |tape, _, _, x| tape.relu(x[0])),
        ("tanh", &[IMAGE], true, |tape, _, _, x| tape.tanh(x[0])),
        ("dropout", &[IMAGE], true, |tape, _, _, x| tape.dropout(x[0], dropout(0.3, 1))),
        ("max_pool", &[IMAGE], true, |tape, _, _, x| tape.max_pool(x[0])),
        ("global_average_pool", &[IMAGE], false, |tape, _, _, x| tape.global_average_pool(x[0])),
        ("flatten", &[IMAGE], true, |tape, _, _, x| tape.flatten(x[0])),
        ("reshape", &[IMAGE], true, |tape, _, _, x| tape.reshape(x[0], &[6, 8])),
        ("conv3x3", &[IMAGE], false, |tape, slot, layers, x| {
            layers.conv.forward(tape, slot, x[0], ConvEpilogue::Linear)
        }),
        ("softmax", &[MATRIX], false, |tape, _, _, x| tape.softmax(x[0])),
        ("cross_entropy", &[MATRIX], false, |tape, _, _, x| tape.cross_entropy(x[0], &[3, 0, 11, 3])),
        ("rows", &[MATRIX], true, |tape, _, _, x| tape.rows(x[0], &[1, 1, 3])),
        ("mean", &[MATRIX], false, |tape, _, _, x| tape.mean(x[0])),
        ("linear", &[MATRIX], false, |tape, slot, layers, x| layers.linear.forward(tape, slot, x[0])),
        ("batch_norm", &[MATRIX], false, |tape, slot, layers, x| layers.norm.forward(tape, slot, x[0])),
        ("matmul", &[MATRIX, &[12, 2]], false, |tape, _, _, x| tape.matmul(x[0], x[1])),
        ("concat", &[MATRIX, &[4, 3]], true, |tape, _, _, x| tape.concat(x)),
        ("columns", &[MATRIX], true, |tape, _, _, x| tape.columns(x[0], 2..7)),
        ("scale_rows", &[MATRIX, &[4, 1]], true, |tape, _, _, x| tape.scale_rows(x[0], x[1])),
        ("squared_errors", &[MATRIX, MATRIX], false, |tape, _, _, x| tape.squared_errors(x[0], x[1])),
        ("cross_entropies", &[MATRIX], false, |tape, _, _, x| {
            tape.cross_entropies(x[0], &[3, 0, 11, 3], 0.1)
        }),
        ("squared_distances", &[MATRIX, &[3, 12]], false, |tape, _, _, x| tape.squared_distances(x[0], x[1])),
    ];
    let more: [(&str, &[&[usize]], bool, Apply); 2] = [
        ("squared_error", &[IMAGE, IMAGE], false, |tape, _, _, x| tape.squared_error(x[0], x[1])),
        ("linear_combination", &[IMAGE, IMAGE], true, |tape, _, _, x| {
            tape.linear_combination(&[(x[0], 0.7), (x[1], -1.3)], 0.1)
        }),
    ];
    const BATCH: &[usize] = &[2, 4, 6];
    let general: [(&str, &[&[usize]], bool, Apply); 13] = [
        ("mul", &[IMAGE, IMAGE], true, |tape, _, _, x| tape.mul(x[0], x[1])),
        ("batched_matmul", &[BATCH, BATCH], false, |tape, _, _, x| {
            tape.batched_matmul(x[0], x[1], [false, true])
        }),
        ("permute", &[IMAGE], true, |tape, _, _, x| tape.permute(x[0], &[3, 0, 2, 1])),
        ("sum_over", &[IMAGE], false, |tape, _, _, x| tape.sum_over(x[0], 1)),
        ("layer_norm", &[BATCH, &[6], &[6]], false, |tape, _, _, x| tape.layer_norm(x[0], x[1], x[2], 1e-5)),
        ("rms_norm", &[BATCH, &[6]], false, |tape, _, _, x| tape.rms_norm(x[0], x[1], 1e-5)),
        ("sigmoid", &[IMAGE], true, |tape, _, _, x| tape.sigmoid(x[0])),
        ("silu", &[IMAGE], true, |tape, _, _, x| tape.silu(x[0])),
        ("gelu", &[IMAGE], true, |tape, _, _, x| tape.gelu(x[0])),
        ("conv2d", &[IMAGE, &[2, 2, 3, 2], &[2]], false, |tape, _, _, x| {
            tape.conv2d(x[0], x[1], x[2], [2, 1], [0, 1])
        }),
        ("max_pool2d", &[IMAGE], true, |tape, _, _, x| tape.max_pool2d(x[0], Window::square(2, 1, 1))),
        ("average_pool2d", &[IMAGE], false, |tape, _, _, x| {
            tape.average_pool2d(x[0], Window::square(2, 1, 1))
        }),
        ("attention", &[BATCH, BATCH, BATCH], false, |tape, _, _, x| tape.attention(x[0], x[1], x[2])),
    ];
    for (name, shapes, stays, apply) in operations.into_iter().chain(more).chain(general) {
        let wide = passes(shapes, &vec![false; shapes.len()], apply);
        assert!(!wide.rounded, "{name}");
        // All inputs in bf16, and the first alone.
        for count in (1..=shapes.len()).rev() {
            let in_bf16: Vec<bool> = (0..shapes.len()).map(|index| index < count).collect();
            let found = passes(shapes, &in_bf16, apply);
            if count == shapes.len() {
                assert_eq!(found.rounded, stays, "{name}");
            }
            let bound = if found.rounded { ROUNDING } else { 0.0 };
            // A convolution of bf16 rounds its kernel too.
            let bound = if name == "conv3x3" { ROUNDING } else { bound };
            near(name, found.output.data(), wide.output.data(), bound.max(1e-6));
            for (found, wide) in found.gradients.iter().zip(&wide.gradients) {
                near(name, found, wide, (2.0 * bound).max(1e-6));
            }
        }
    }
}

/// A rounded output of tanh is ±1 from 2.8 on, where the slope is not zero yet.
#[test]
fn a_gradient_through_a_rounded_tanh_is_that_of_its_input() {
    let mut tape = Tape::new(Mode::Train);
    let x = tape.push(Value::stored(Tensor::from_vec(&[2], vec![4.0, -0.5]).unwrap(), true), true, None);
    let y = tape.tanh(x);
    assert_eq!(tape.widened(y).data()[0], 1.0);
    let gradients = tape.backward_from(y, vec![1.0; 2], Vec::new());
    for (found, x) in gradients.variable(x).unwrap().iter().zip([4.0f64, -0.5]) {
        approx::assert_relative_eq!(f64::from(*found), x.cosh().powi(-2), max_relative = 1e-4);
    }
}

/// What a bf16 tape's convolution leaves goes through every activation, and its gradient comes back.
#[test]
fn a_convolution_in_bf16_feeds_every_operation() {
    let (parameters, layers) = layers();
    let run = |precision, apply: &Follow| {
        let mut tape = Tape::with_precision(Mode::Train, precision);
        let slot = tape.attach(&parameters);
        let x = tape.variable(exact(&[3, 5, 4, 3], 1));
        let convolved = layers.conv.forward(&mut tape, slot, x, ConvEpilogue::Linear);
        let y = apply(&mut tape, convolved);
        let target = tape.constant(Tensor::zeros(tape.shape(y)));
        let loss = tape.squared_error(y, target);
        let value = tape.value(loss).item();
        let gradients = tape.backward(loss);
        let of_conv = gradients.parameters(slot)[..parameters.range(layers.conv.0.weight).len()].to_vec();
        (value, of_conv)
    };
    let applied: [&Follow; 6] = [
        &|tape, x| tape.relu(x),
        &|tape, x| tape.tanh(x),
        &|tape, x| tape.dropout(x, dropout(0.5, 2)),
        &|tape, x| tape.max_pool(x),
        &|tape, x| {
            let flat = tape.flatten(x);
            tape.softmax(flat)
        },
        &|tape, x| {
            let (y, z) = (tape.relu(x), tape.max_pool(x));
            let (y, z) = (tape.flatten(y), tape.flatten(z));
            tape.concat(&[y, z])
        },
    ];
    for (index, apply) in applied.into_iter().enumerate() {
        let (wide, found) = (run(Precision::F32, apply), run(Precision::Bf16, apply));
        assert!((wide.0 - found.0).abs() <= 0.02 * wide.0.abs(), "{index}: {} and {}", wide.0, found.0);
        assert!(wide.1.iter().any(|&gradient| gradient != 0.0));
        near(&index.to_string(), &found.1, &wide.1, 0.05);
    }
}
