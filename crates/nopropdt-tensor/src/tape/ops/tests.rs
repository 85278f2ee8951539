//! What every operation has to pass: finite differences of all its inputs and parameters, and its shape contract.

mod accumulation;
mod composition;
mod contracts;
mod convolution;
mod general;
mod gradients;
mod pooling;
mod shapes;
mod stored;

use super::{ConvEpilogue, Dropout, Mode, Slot, Tape, Var};
use crate::gradient_check::{relative_error, weighted_sum};
use crate::layers::Conv3x3;
use crate::parameters::{ParameterBuilder, Parameters};
use crate::random::Stream;
use crate::tensor::Tensor;

/// Largest error allowed, relative to the largest gradient: what f32 rounding leaves, and far less than [`WRONG`].
const BOUND: f64 = 1e-3;
/// A factor that the check must notice on every tensor it looks at.
const WRONG: f32 = 1.01;

/// Independent values of the normal distribution.
fn normal(shape: &[usize], tag: u64) -> Tensor {
    Tensor::filled_by(shape, |data| Stream::new(5).child(tag).fill_normal(data))
}

/// Values at least 0.1 away from zero and from one another, in no order: no kink and no tie is near.
fn spread(shape: &[usize], tag: u64) -> Tensor {
    let mut tensor = normal(shape, tag);
    let mut order: Vec<usize> = (0..tensor.len()).collect();
    order.sort_by(|&a, &b| tensor.data()[a].total_cmp(&tensor.data()[b]));
    let below_zero = order.len() / 2;
    for (rank, &at) in order.iter().enumerate() {
        tensor.data_mut()[at] =
            0.1 * (rank as f32 - below_zero as f32 + 0.5) + 0.05 * sign(rank >= below_zero);
    }
    tensor
}

fn sign(positive: bool) -> f32 {
    if positive { 1.0 } else { -1.0 }
}

/// Small whole numbers: every sum of their products is exact, whatever its order.
fn whole(shape: &[usize], tag: u64) -> Tensor {
    let mut tensor = normal(shape, tag);
    tensor.data_mut().iter_mut().for_each(|v| *v = (*v * 2.0).round());
    tensor
}

/// One convolution called `conv` whose kernel and bias are made by `values`.
fn conv(inputs: usize, outputs: usize, values: impl Fn(&[usize], u64) -> Tensor) -> (Parameters, Conv3x3) {
    let mut builder = ParameterBuilder::new(Stream::new(1));
    let layer = Conv3x3::new(&mut builder, "conv", inputs, outputs);
    let mut parameters = builder.build();
    let made = values(&[parameters.len()], 90);
    parameters.values_mut().copy_from_slice(made.data());
    (parameters, layer)
}

/// A dropout of a fraction of values with a mask of its own.
fn dropout(probability: f32, tag: u64) -> Dropout {
    Dropout { probability, stream: Stream::new(6).child(tag) }
}

/// Σ output · upstream as a one-element value of the tape.
fn weigh(tape: &mut Tape<'_>, output: Var, upstream: &Tensor) -> Var {
    let length = upstream.len();
    let row = tape.reshape(output, &[1, length]);
    let column = tape.constant(upstream.clone().reshaped(&[length, 1]));
    tape.matmul(row, column)
}

/// Checks the gradients of every input and every parameter of `operation` by central differences of `step`.
fn check_with_step(
    step: f32,
    mode: Mode,
    parameters: &Parameters,
    inputs: &[Tensor],
    operation: impl Fn(&mut Tape<'_>, Slot, &[Var]) -> Var,
) {
    let evaluate = |parameters: &Parameters, inputs: &[Tensor]| {
        let mut tape = Tape::new(mode);
        let slot = tape.attach(parameters);
        let inputs: Vec<Var> = inputs.iter().map(|x| tape.variable(x.clone())).collect();
        let output = operation(&mut tape, slot, &inputs);
        tape.value(output).clone()
    };
    let upstream = normal(evaluate(parameters, inputs).shape(), 99);
    let mut tape = Tape::new(mode);
    let slot = tape.attach(parameters);
    let vars: Vec<Var> = inputs.iter().map(|x| tape.variable(x.clone())).collect();
    let output = operation(&mut tape, slot, &vars);
    let loss = weigh(&mut tape, output, &upstream);
    let gradients = tape.backward(loss);

    for (index, x) in inputs.iter().enumerate() {
        let gradient = gradients.variable(vars[index]).expect("the output depends on every input");
        let mut moved = inputs.to_vec();
        assert_agrees(&format!("input {index}"), x.data(), gradient, step, |values| {
            moved[index].data_mut().copy_from_slice(values);
            weighted_sum(&evaluate(parameters, &moved), upstream.data())
        });
    }
    let trainable =
        parameters.entries().filter_map(|entry| Some((&entry.name, parameters.range_of(&entry.name)?)));
    for (name, range) in trainable {
        let gradient = &gradients.parameters(slot)[range.clone()];
        let mut moved = parameters.clone();
        assert_agrees(name, &parameters.values()[range.clone()], gradient, step, |values| {
            moved.values_mut()[range.clone()].copy_from_slice(values);
            weighted_sum(&evaluate(&moved, inputs), upstream.data())
        });
    }
}

/// The gradient agrees with central differences, and a hundredth more of it would not.
fn assert_agrees(what: &str, at: &[f32], gradient: &[f32], step: f32, mut loss: impl FnMut(&[f32]) -> f64) {
    let error = relative_error(at, gradient, step, &mut loss);
    assert!(error < BOUND, "{what}: relative error {error}");
    let wrong: Vec<f32> = gradient.iter().map(|g| g * WRONG).collect();
    let error = relative_error(at, &wrong, step, &mut loss);
    assert!(error > 5.0 * BOUND, "{what}: a factor of {WRONG} gives a relative error of {error} only");
}

/// [`check_with_step`] in training, with the step that suits smooth operations.
fn check(parameters: &Parameters, inputs: &[Tensor], operation: impl Fn(&mut Tape<'_>, Slot, &[Var]) -> Var) {
    check_with_step(1e-2, Mode::Train, parameters, inputs, operation);
}

/// [`check`] of an operation without parameters.
fn check_values(inputs: &[Tensor], operation: impl Fn(&mut Tape<'_>, &[Var]) -> Var) {
    check(&Parameters::default(), inputs, |tape, _, x| operation(tape, x));
}
