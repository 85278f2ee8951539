//! Finite differences of the operations that any block may want, and of one from outside.

use super::*;
use crate::layers::{BatchNorm, Conv2d, LayerNorm, RmsNorm};
use crate::tape::{Backward, Operation, Window};

#[test]
fn products() {
    check_values(&[normal(&[3, 4], 1), normal(&[3, 4], 2)], |tape, x| tape.mul(x[0], x[1]));
    // A value times itself gets both halves.
    check_values(&[normal(&[3, 4], 1)], |tape, x| tape.mul(x[0], x[0]));
    for transpose in [[false, false], [false, true], [true, false], [true, true]] {
        let shape = |rows, columns, transposed| {
            if transposed { [2, 3, columns, rows] } else { [2, 3, rows, columns] }
        };
        let inputs = [normal(&shape(2, 4, transpose[0]), 1), normal(&shape(4, 3, transpose[1]), 2)];
        check_values(&inputs, |tape, x| tape.batched_matmul(x[0], x[1], transpose));
    }
}

#[test]
fn axes() {
    check_values(&[normal(&[2, 3, 4], 1)], |tape, x| tape.permute(x[0], &[1, 2, 0]));
    for axis in 0..3 {
        check_values(&[normal(&[2, 3, 4], 1)], |tape, x| tape.sum_over(x[0], axis));
        check_values(&[normal(&[2, 3, 4], 1)], |tape, x| tape.mean_over(x[0], axis));
        check_values(&[normal(&[2, 3, 4], 1)], |tape, x| tape.flip(x[0], axis));
    }
}

#[test]
fn a_flip_turns_one_axis_round() {
    let x = Tensor::from_vec(&[2, 3, 2], (0u8..12).map(f32::from).collect()).unwrap();
    let flipped = |axis| {
        let mut tape = Tape::new(Mode::Eval);
        let x = tape.constant(x.clone());
        let y = tape.flip(x, axis);
        assert_eq!(tape.shape(y), [2, 3, 2]);
        tape.value(y).data().to_vec()
    };
    assert_eq!(flipped(0), [6., 7., 8., 9., 10., 11., 0., 1., 2., 3., 4., 5.]);
    assert_eq!(flipped(1), [4., 5., 2., 3., 0., 1., 10., 11., 8., 9., 6., 7.]);
    assert_eq!(flipped(2), [1., 0., 3., 2., 5., 4., 7., 6., 9., 8., 11., 10.]);
}

#[test]
fn norms() {
    fn of_layer<L>(
        make: fn(&mut ParameterBuilder, &str, usize) -> L,
        forward: fn(&L, &mut Tape<'_>, Slot, Var) -> Var,
    ) {
        let mut builder = ParameterBuilder::new(Stream::new(1));
        let layer = make(&mut builder, "norm", 6);
        let mut parameters = builder.build();
        let made = normal(&[parameters.len()], 90);
        parameters.values_mut().copy_from_slice(made.data());
        check(&parameters, &[normal(&[3, 2, 2, 6], 1)], |tape, slot, x| forward(&layer, tape, slot, x[0]));
    }
    of_layer(LayerNorm::new, LayerNorm::forward);
    of_layer(RmsNorm::new, RmsNorm::forward);
    of_layer(BatchNorm::new, BatchNorm::forward);
}

#[test]
fn smooth_activations() {
    check_values(&[normal(&[3, 4], 1)], |tape, x| tape.sigmoid(x[0]));
    check_values(&[normal(&[3, 4], 1)], |tape, x| tape.silu(x[0]));
    check_values(&[normal(&[3, 4], 1)], |tape, x| tape.gelu(x[0]));
}

/// Far from 0 as near it: nothing overflows and nothing is lost.
#[test]
fn smooth_activations_far_out() {
    let mut tape = Tape::new(Mode::Eval);
    let x = tape.constant(Tensor::from_vec(&[4], vec![-200.0, -20.0, 20.0, 200.0]).unwrap());
    let [sigmoid, silu, gelu] = [tape.sigmoid(x), tape.silu(x), tape.gelu(x)];
    assert_eq!(tape.value(sigmoid).data()[2..], [1.0, 1.0]);
    assert!((tape.value(sigmoid).data()[1] / 2.061_153_6e-9 - 1.0).abs() < 1e-6);
    assert!((tape.value(silu).data()[1] / -4.122_307e-8 - 1.0).abs() < 1e-6);
    assert_eq!(tape.value(gelu).data(), [-0.0, -5.507_248_4e-88_f64 as f32, 20.0, 200.0]);
}

#[test]
fn windows() {
    let window = Window { size: [3, 2], stride: [2, 1], padding: [1, 1] };
    let mut builder = ParameterBuilder::new(Stream::new(1));
    let layer = Conv2d::new(&mut builder, "conv", 2, 3, window);
    let parameters = builder.build();
    check(&parameters, &[normal(&[2, 4, 5, 2], 1)], |tape, slot, x| layer.forward(tape, slot, x[0]));
    check_values(&[normal(&[2, 4, 5, 2], 1)], |tape, x| tape.average_pool2d(x[0], window));
    check_values(&[spread(&[2, 4, 5, 2], 1)], |tape, x| tape.max_pool2d(x[0], window));
}

/// The two ways of a 3×3 convolution are one operation.
#[test]
fn a_window_of_three_by_three_is_the_fast_convolution() {
    let mut builder = ParameterBuilder::new(Stream::new(1));
    let fast = Conv2d::new(&mut builder, "conv", 3, 4, Window::square(3, 1, 1));
    let parameters = builder.build();
    let weight = parameters.entries().next().expect("it has a kernel").name.clone();
    let range = parameters.range_of(&weight).expect("it is trainable");
    let mut tape = Tape::new(Mode::Eval);
    let slot = tape.attach(&parameters);
    let x = tape.constant(whole(&[2, 5, 4, 3], 1));
    let values = parameters.values();
    let kernel = Tensor::from_vec(&[3, 3, 3, 4], values[range.clone()].to_vec()).unwrap();
    let bias = Tensor::from_vec(&[4], values[range.end..].to_vec()).unwrap();
    let (kernel, bias) = (tape.constant(kernel), tape.constant(bias));
    let slow = tape.conv2d(x, kernel, bias, [1, 1], [1, 1]);
    let fast = fast.forward(&mut tape, slot, x);
    for (fast, slow) in tape.value(fast).data().iter().zip(tape.value(slow).data()) {
        assert!((fast - slow).abs() < 1e-5, "{fast} and {slow}");
    }
}

#[test]
fn attention_over_several_heads() {
    let inputs = [normal(&[2, 2, 3, 4], 1), normal(&[2, 2, 5, 4], 2), normal(&[2, 2, 5, 3], 3)];
    check_values(&inputs, |tape, x| tape.attention(x[0], x[1], x[2]));
    // Heads side by side, more keys than lanes of the softmax, and one input for all three.
    let inputs = [normal(&[2, 3, 6], 1), normal(&[2, 11, 6], 2), normal(&[2, 11, 9], 3)];
    check_values(&inputs, |tape, x| tape.attention_of_heads(x[0], x[1], x[2], 3));
    check_values(&[normal(&[2, 5, 6], 4)], |tape, x| tape.attention_of_heads(x[0], x[0], x[0], 2));
}

/// Attention, its heads side by side, is products and a softmax on heads that lie one after the other.
#[test]
fn attention_is_its_parts() {
    let (rows, tokens, heads, width) = (7, 20, 4, 8);
    let mut tape = Tape::new(Mode::Eval);
    let shape = [rows, tokens, heads * width];
    let [q, k, v] = [1, 2, 3].map(|tag| tape.constant(normal(&shape, tag)));
    let fast = tape.attention_of_heads(q, k, v, heads);
    let [q, k, v] = [q, k, v].map(|x| {
        let x = tape.reshape(x, &[rows, tokens, heads, width]);
        tape.permute(x, &[0, 2, 1, 3])
    });
    let products = tape.batched_matmul(q, k, [false, true]);
    let scores = tape.linear_combination(&[(products, 1.0 / (width as f32).sqrt())], 0.0);
    let weights = tape.softmax(scores);
    let mixed = tape.batched_matmul(weights, v, [false, false]);
    let mixed = tape.permute(mixed, &[0, 2, 1, 3]);
    let slow = tape.reshape(mixed, &shape);
    for (fast, slow) in tape.value(fast).data().iter().zip(tape.value(slow).data()) {
        assert!((fast - slow).abs() < 1e-5, "{fast} and {slow}");
    }
}

#[test]
fn attention_of_nothing_is_nothing() {
    let mut tape = Tape::new(Mode::Train);
    for shape in [[0, 3, 4], [2, 0, 4]] {
        let queries = tape.variable(Tensor::zeros(&shape));
        let keys = tape.variable(Tensor::zeros(&[shape[0], 5, 4]));
        let output = tape.attention_of_heads(queries, keys, keys, 2);
        assert_eq!(tape.shape(output), shape);
    }
}

#[test]
fn smoothed_cross_entropy() {
    for smoothing in [0.0, 0.1, 1.0] {
        check_values(&[normal(&[4, 3], 1)], |tape, x| {
            tape.smoothed_cross_entropy(x[0], &[2, 0, 1, 1], smoothing)
        });
    }
}

/// x·y + y of rows, with a state of its own.
struct Outside {
    seen: usize,
}

impl Operation for Outside {
    fn name(&self) -> &'static str {
        "outside"
    }

    fn forward(&mut self, inputs: &[&Tensor]) -> Tensor {
        self.seen = inputs.len();
        let mut value = inputs[0].clone();
        value.data_mut().iter_mut().zip(inputs[1].data()).for_each(|(x, y)| *x = *x * y + y);
        value
    }

    fn backward(&self, back: &mut Backward<'_, '_>) {
        assert_eq!(self.seen, 2);
        let (x, y, gradient) = (back.input(0), back.input(1), back.gradient());
        let values = || x.data().iter().zip(y.data()).zip(gradient);
        back.add(0, |sum| sum.iter_mut().zip(values()).for_each(|(sum, ((_, y), g))| *sum += y * g));
        back.add(1, |sum| sum.iter_mut().zip(values()).for_each(|(sum, ((x, _), g))| *sum += (x + 1.0) * g));
    }
}

#[test]
fn an_operation_from_outside() {
    check_values(&[normal(&[3, 4], 1), normal(&[3, 4], 2)], |tape, x| tape.apply(Outside { seen: 0 }, x));
    // What nobody wants the gradient of is no trouble.
    let mut tape = Tape::new(Mode::Train);
    let (x, y) = (tape.constant(Tensor::scalar(2.0)), tape.variable(Tensor::scalar(3.0)));
    let loss = tape.apply(Outside { seen: 0 }, &[x, y]);
    assert_eq!(tape.backward(loss).variable(y), Some(&[3.0][..]));
}
