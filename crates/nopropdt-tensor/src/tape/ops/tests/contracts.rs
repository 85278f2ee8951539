//! Broken shape contracts panic, and the message names the operation, the rule and what was found.

use super::*;
use crate::layers::{BatchNorm, Linear};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The message `operation` panics with on a tape of zeros of the given shapes.
fn message(shapes: &[&[usize]], operation: impl Fn(&mut Tape<'_>, Slot, &[Var])) -> String {
    let mut builder = ParameterBuilder::new(Stream::new(1));
    Linear::new(&mut builder, "fc", 3, 2);
    let parameters = builder.build();
    let mut tape = Tape::new(Mode::Train);
    let slot = tape.attach(&parameters);
    let inputs: Vec<Var> = shapes.iter().map(|shape| tape.variable(Tensor::zeros(shape))).collect();
    let payload = catch_unwind(AssertUnwindSafe(|| operation(&mut tape, slot, &inputs)));
    let payload = payload.expect_err("the contract is broken");
    match (payload.downcast_ref::<String>(), payload.downcast_ref::<&str>()) {
        (Some(text), _) => text.clone(),
        (None, Some(text)) => (*text).to_owned(),
        (None, None) => panic!("a panic of another kind"),
    }
}

#[track_caller]
fn refuses(shapes: &[&[usize]], expected: &str, operation: impl Fn(&mut Tape<'_>, Slot, &[Var])) {
    let found = message(shapes, operation);
    assert!(found.contains(expected), "wanted {expected:?}; found {found:?}");
}

/// A value or a set of one tape is none of another, even where its place is taken.
#[test]
fn tapes_do_not_share_values() {
    let (mut one, mut other) = (Tape::new(Mode::Train), Tape::new(Mode::Train));
    let parameters = Parameters::default();
    let (x, slot) = (one.variable(Tensor::scalar(1.0)), one.attach(&parameters));
    let (y, _) = (other.variable(Tensor::scalar(2.0)), other.attach(&parameters));
    let panics = |run: &mut dyn FnMut()| {
        let payload = catch_unwind(AssertUnwindSafe(run)).expect_err("the contract is broken");
        payload.downcast_ref::<&str>().map(|text| (*text).to_owned()).unwrap_or_default()
    };
    assert_eq!(panics(&mut || _ = other.relu(x)), "tape: a value belongs to another tape");
    assert_eq!(panics(&mut || _ = other.value(x)), "tape: a value belongs to another tape");
    assert_eq!(panics(&mut || _ = other.add(y, x)), "tape: a value belongs to another tape");
    let gradients = other.backward(y);
    assert_eq!(panics(&mut || _ = gradients.variable(x)), "tape: a value belongs to another tape");
    let foreign = "tape: a parameter set is attached to another tape";
    assert_eq!(panics(&mut || _ = gradients.parameters(slot)), foreign);
}

#[test]
fn values_that_do_not_fit_the_general_operations() {
    refuses(&[&[2, 3], &[3, 2]], "product: shapes differ", |tape, _, x| _ = tape.mul(x[0], x[1]));
    let refuses_product = |shapes: &[&[usize]], expected| {
        refuses(shapes, expected, |tape, _, x| _ = tape.batched_matmul(x[0], x[1], [false, false]));
    };
    refuses_product(&[&[2, 3, 4], &[2, 5, 3]], "batched_matmul: A has 4 columns; B has 5 rows");
    refuses_product(&[&[2, 3, 4], &[3, 4, 3]], "batched_matmul: batches differ: [2, 3, 4] and [3, 4, 3]");
    refuses_product(&[&[3], &[3]], "batched_matmul: wants matrices; shapes are [3] and [3]");
    let refuses_attention = |shapes: &[&[usize]], heads, expected| {
        refuses(shapes, expected, |tape, _, x| _ = tape.attention_of_heads(x[0], x[1], x[2], heads));
    };
    let square: &[usize] = &[2, 3, 4];
    refuses_attention(
        &[square, &[1, 3, 4], square],
        1,
        "attention: batches differ; shapes are [[2, 3, 4], [1,",
    );
    refuses_attention(&[square, &[2, 3, 5], square], 1, "attention: queries and keys differ in width");
    refuses_attention(&[square, square, &[2, 2, 4]], 1, "attention: wants a value for each of some keys");
    refuses_attention(&[square, &[2, 0, 4], &[2, 0, 4]], 1, "attention: wants a value for each of some keys");
    refuses_attention(&[square, square, square], 3, "attention: 3 heads can't share the columns");
    refuses_attention(&[square, square, square], 0, "attention: 0 heads can't share the columns");
    refuses_attention(&[&[4], square, square], 1, "attention: wants matrices");
    refuses(&[&[2, 3]], "flip: axis must be below 2; found 2", |tape, _, x| _ = tape.flip(x[0], 2));
    refuses(&[&[2, 3]], "permute: axes [0, 0] are no order of 2 axes", |tape, _, x| {
        tape.permute(x[0], &[0, 0]);
    });
    refuses(&[&[2, 3]], "sum_over: axis must be below 2; found 2", |tape, _, x| _ = tape.sum_over(x[0], 2));
    refuses(&[&[2, 0]], "mean_over: wants at least one value along the axis", |tape, _, x| {
        tape.mean_over(x[0], 1);
    });
    refuses(&[&[2, 3], &[2], &[3]], "layer_norm: wants parameters of the 3 values of a row", |tape, _, x| {
        tape.layer_norm(x[0], x[1], x[2], 1e-5);
    });
    refuses(&[&[2, 3, 3]], "max_pool2d: wants images [B, H, W, C]; shape is [2, 3, 3]", |tape, _, x| {
        tape.max_pool2d(x[0], crate::Window::square(2, 2, 0));
    });
    refuses(&[&[1, 3, 3, 1]], "does not fit images of 3×3 pixels", |tape, _, x| {
        tape.average_pool2d(x[0], crate::Window::square(4, 1, 0));
    });
    refuses(&[&[1, 3, 3, 1]], "max_pool2d: padding must be at most half of the window", |tape, _, x| {
        tape.max_pool2d(x[0], crate::Window::square(3, 1, 2));
    });
    refuses(&[&[1, 3, 3, 2], &[1, 1, 3, 4], &[4]], "kernel wants 3 input channels; x has 2", |tape, _, x| {
        tape.conv2d(x[0], x[1], x[2], [1, 1], [0, 0]);
    });
    refuses(
        &[&[1, 3, 3, 3], &[1, 1, 3, 4], &[3]],
        "conv2d: bias does not fit 4 output channels",
        |tape, _, x| {
            tape.conv2d(x[0], x[1], x[2], [1, 1], [0, 0]);
        },
    );
    refuses(&[&[2, 3]], "smoothing must be in 0..=1; found 1.5", |tape, _, x| {
        tape.smoothed_cross_entropy(x[0], &[0, 1], 1.5);
    });
}

#[test]
fn values_that_do_not_fit_one_another() {
    refuses(&[&[2, 3], &[4, 2]], "matmul: A has 3 columns; B has 4 rows", |tape, _, x| {
        tape.matmul(x[0], x[1]);
    });
    refuses(&[&[2, 3], &[3, 2]], "linear_combination: terms differ in shape", |tape, _, x| {
        tape.add(x[0], x[1]);
    });
    refuses(&[], "linear_combination: wants at least one term", |tape, _, _| {
        tape.linear_combination(&[], 0.0);
    });
    refuses(&[&[2, 3]], "columns: must be within the 3 of the matrix; found 1..4", |tape, _, x| {
        tape.columns(x[0], 1..4);
    });
    refuses(&[&[2, 3], &[3, 3]], "concat: numbers of rows differ: [(2, 3), (3, 3)]", |tape, _, x| {
        tape.concat(x);
    });
    refuses(&[&[2, 3]], "reshape: [2, 3] and [4, 2] differ in length", |tape, _, x| {
        tape.reshape(x[0], &[4, 2]);
    });
    refuses(&[&[2, 3], &[3, 2]], "squared_error: shapes differ", |tape, _, x| {
        tape.squared_error(x[0], x[1]);
    });
    refuses(&[&[2, 3], &[3, 1]], "scale_rows: wants a factor for each of 2 rows", |tape, _, x| {
        tape.scale_rows(x[0], x[1]);
    });
    refuses(&[&[2, 3], &[3, 2]], "squared_errors: shapes differ", |tape, _, x| {
        tape.squared_errors(x[0], x[1]);
    });
    refuses(&[&[2, 3], &[3, 2]], "squared_distances: x has 3 columns; w has 2", |tape, _, x| {
        tape.squared_distances(x[0], x[1]);
    });
    refuses(&[&[0, 3]], "mean: wants at least one value", |tape, _, x| {
        tape.mean(x[0]);
    });
}

#[test]
fn ranks() {
    refuses(&[&[2, 3, 1], &[3, 2]], "matmul: wants a matrix; shape is [2, 3, 1]", |tape, _, x| {
        tape.matmul(x[0], x[1]);
    });
    refuses(&[&[]], "softmax: wants rows; a single number has none", |tape, _, x| {
        tape.softmax(x[0]);
    });
    refuses(&[&[2, 3]], "pool: wants images [B, H, W, C]; shape is [2, 3]", |tape, _, x| {
        tape.max_pool(x[0]);
    });
    let (_, layer) = conv(2, 2, normal);
    refuses(&[&[2, 3]], "conv3x3: wants images [B, H, W, C]; shape is [2, 3]", |tape, slot, x| {
        layer.forward(tape, slot, x[0], ConvEpilogue::Linear);
    });
    refuses(&[&[1, 4, 4, 3]], "conv3x3: kernel wants 2 input channels; x has 3", |tape, slot, x| {
        layer.forward(tape, slot, x[0], ConvEpilogue::Linear);
    });
}

#[test]
fn labels_and_batches() {
    refuses(&[&[2, 3]], "cross_entropy: 2 rows; 1 labels", |tape, _, x| {
        tape.cross_entropy(x[0], &[0]);
    });
    refuses(&[&[2, 3]], "cross_entropy: label must be below 3; found 3", |tape, _, x| {
        tape.cross_entropy(x[0], &[0, 3]);
    });
    refuses(&[&[2, 3]], "rows: label must be below 2; found 2", |tape, _, x| {
        tape.rows(x[0], &[0, 2]);
    });
    refuses(&[&[0, 3], &[0, 3]], "squared_error: wants at least one row", |tape, _, x| {
        tape.squared_error(x[0], x[1]);
    });
    refuses(&[&[0, 3]], "cross_entropy: wants at least one row", |tape, _, x| {
        tape.cross_entropy(x[0], &[]);
    });
}

#[test]
fn layers() {
    let mut builder = ParameterBuilder::new(Stream::new(1));
    let linear = Linear::new(&mut builder, "fc", 3, 2);
    refuses(&[&[2, 4]], "linear: weight does not fit 4 inputs and 2 outputs", |tape, slot, x| {
        linear.forward(tape, slot, x[0]);
    });
    let mut builder = ParameterBuilder::new(Stream::new(1));
    let norm = BatchNorm::new(&mut builder, "bn", 3);
    let parameters = builder.build();
    for (shape, expected) in [
        ([1, 3], "batch_norm: training wants at least 2 rows; x has 1"),
        ([4, 2], "batch_norm: wants 3 features; x has 2"),
    ] {
        let run = || {
            let mut tape = Tape::new(Mode::Train);
            let slot = tape.attach(&parameters);
            let x = tape.constant(Tensor::zeros(&shape));
            norm.forward(&mut tape, slot, x);
        };
        let payload = catch_unwind(AssertUnwindSafe(run)).expect_err("the contract is broken");
        let message = payload.downcast_ref::<String>().expect("a message");
        assert!(message.contains(expected), "wanted {expected:?}; found {message:?}");
    }
}

#[test]
fn losses_and_dropout() {
    for probability in [1.0, -0.1, f32::NAN] {
        refuses(&[&[2, 3]], "dropout: probability must be in 0..1; found", |tape, _, x| {
            tape.dropout(x[0], dropout(probability, 1));
        });
    }
    let mut tape = Tape::new(Mode::Train);
    let x = tape.variable(Tensor::zeros(&[2, 3]));
    let payload = catch_unwind(AssertUnwindSafe(|| tape.backward(x))).expect_err("the contract is broken");
    let message = payload.downcast_ref::<String>().expect("a message");
    assert!(message.contains("backward: loss wants one value; shape [2, 3]"), "{message}");
}
