//! Every operation of a tape against its form.

use crate::evaluate::evaluate;
use nopropdt_tensor::init::Initializer;
use nopropdt_tensor::layers::{BatchNorm, Conv2d, Conv3x3, LayerNorm, Linear, RmsNorm};
use nopropdt_tensor::random::Stream;
use nopropdt_tensor::{
    ConvEpilogue, Layout, Mode, ParameterBuilder, Parameters, Slot, Tape, Tensor, Var, Window,
};

pub fn normal(shape: &[usize], tag: u64) -> Tensor {
    Tensor::filled_by(shape, |data| Stream::new(1).child(tag).fill_normal(data))
}

/// Runs `lay` on inputs [rows, …] of these shapes, and holds what a plain tape makes of four rows against the graph that two and three
/// rows left.
fn check(shapes: &[&[usize]], parameters: &Parameters, lay: impl Fn(&mut Tape<'_>, Slot, &[Var]) -> Var) {
    let inputs = |rows: usize| -> Vec<Tensor> {
        let each = (0..).zip(shapes);
        each.map(|(tag, rest)| normal(&[&[rows][..], rest].concat(), 10 * tag + rows as u64)).collect()
    };
    let traced = |rows: usize| {
        let mut tape = Tape::tracing();
        let slot = tape.attach_named("block.", parameters);
        let named = inputs(rows).into_iter().enumerate();
        let vars: Vec<Var> = named.map(|(index, input)| tape.input(&format!("x{index}"), input)).collect();
        let output = lay(&mut tape, slot, &vars);
        tape.graph(&[("y", output)]).unwrap()
    };
    let graph = traced(2).with_free_rows(&traced(3)).unwrap();
    let mut tape = Tape::new(Mode::Eval);
    let slot = tape.attach(parameters);
    let vars: Vec<Var> = inputs(4).into_iter().map(|input| tape.constant(input)).collect();
    let output = lay(&mut tape, slot, &vars);
    let (wanted, found) = (tape.value(output), &evaluate(&graph, &inputs(4))["y"]);
    assert_eq!(wanted.shape(), found.shape());
    for (wanted, found) in wanted.data().iter().zip(found.data()) {
        assert!((wanted - found).abs() < 1e-5 * (1.0 + wanted.abs()), "{wanted} and {found}");
    }
}

/// Without parameters.
fn check_plain(shapes: &[&[usize]], lay: impl Fn(&mut Tape<'_>, &[Var]) -> Var) {
    check(shapes, &Parameters::default(), |tape, _, inputs| lay(tape, inputs));
}

/// A layer, with parameters and statistics that are not where they start.
fn check_layer<L>(
    shape: &[usize],
    new: impl Fn(&mut ParameterBuilder) -> L,
    forward: impl Fn(&L, &mut Tape<'_>, Slot, Var) -> Var,
) {
    let mut builder = ParameterBuilder::new(Stream::new(2));
    let layer = new(&mut builder);
    let mut parameters = builder.build();
    let length = parameters.len();
    parameters.values_mut().copy_from_slice(normal(&[length], 5).data());
    let statistics = parameters.statistics_mut();
    let moved = normal(&[statistics.len()], 6);
    statistics.iter_mut().zip(moved.data()).for_each(|(value, moved)| *value += moved.abs());
    check(&[shape], &parameters, |tape, slot, inputs| forward(&layer, tape, slot, inputs[0]));
}

#[test]
fn functions_of_each_value() {
    check_plain(&[&[5]], |tape, x| tape.relu(x[0]));
    check_plain(&[&[5]], |tape, x| tape.tanh(x[0]));
    check_plain(&[&[5]], |tape, x| tape.sigmoid(x[0]));
    check_plain(&[&[5]], |tape, x| tape.silu(x[0]));
    check_plain(&[&[5]], |tape, x| tape.gelu(x[0]));
    check_plain(&[&[3, 5]], |tape, x| tape.softmax(x[0]));
}

#[test]
fn arithmetic() {
    check_plain(&[&[5], &[5]], |tape, x| tape.add(x[0], x[1]));
    check_plain(&[&[5], &[5]], |tape, x| tape.mul(x[0], x[1]));
    check_plain(&[&[5], &[5], &[5]], |tape, x| {
        tape.linear_combination(&[(x[0], 0.5), (x[1], -2.0), (x[2], 1.0)], 0.25)
    });
    check_plain(&[&[5], &[1]], |tape, x| tape.scale_rows(x[0], x[1]));
    check_plain(&[&[5], &[5]], |tape, x| tape.squared_errors(x[0], x[1]));
    check_plain(&[&[3, 4]], |tape, x| tape.sum_over(x[0], 1));
    check_plain(&[&[3, 4]], |tape, x| tape.mean_over(x[0], 2));
}

#[test]
fn products() {
    check_plain(&[&[5]], |tape, x| {
        let w = tape.constant(normal(&[5, 3], 7));
        tape.matmul(x[0], w)
    });
    for (a, b, transpose) in [
        ([3, 4], [4, 5], [false, false]),
        ([3, 4], [5, 4], [false, true]),
        ([4, 3], [4, 5], [true, false]),
        ([4, 3], [5, 4], [true, true]),
    ] {
        check_plain(&[&a, &b], |tape, x| tape.batched_matmul(x[0], x[1], transpose));
    }
    check_plain(&[&[5]], |tape, x| {
        let w = tape.constant(normal(&[3, 5], 7));
        tape.squared_distances(x[0], w)
    });
    check_plain(&[&[3, 4], &[5, 4], &[5, 6]], |tape, x| tape.attention(x[0], x[1], x[2]));
    check_plain(&[&[3, 4], &[5, 4], &[5, 6]], |tape, x| tape.attention_of_heads(x[0], x[1], x[2], 2));
}

#[test]
fn shapes_and_parts() {
    check_plain(&[&[3, 4]], |tape, x| tape.permute(x[0], &[0, 2, 1]));
    check_plain(&[&[3, 4]], |tape, x| tape.flatten(x[0]));
    check_plain(&[&[3, 4]], |tape, x| {
        let rows = tape.shape(x[0])[0];
        tape.reshape(x[0], &[rows * 3, 4])
    });
    check_plain(&[&[3], &[2]], |tape, x| tape.concat(&[x[0], x[1]]));
    check_plain(&[&[6]], |tape, x| tape.columns(x[0], 2..5));
    check_plain(&[&[3, 4]], |tape, x| tape.pick(x[0], 1, 2));
    check_plain(&[&[3, 4, 2]], |tape, x| tape.flip(x[0], 1));
}

/// The batch need not be the first axis on the way.
#[test]
fn the_batch_may_move() {
    check_plain(&[&[3, 4]], |tape, x| {
        let rows = tape.shape(x[0])[0];
        let last = tape.permute(x[0], &[1, 2, 0]);
        let flat = tape.reshape(last, &[3, 4 * rows]);
        let first = tape.rows(flat, &[2, 0]);
        let apart = tape.reshape(first, &[2, 4, rows]);
        let back = tape.permute(apart, &[2, 0, 1]);
        tape.reshape(back, &[2 * rows, 4])
    });
}

#[test]
fn rows_that_are_the_same_for_all() {
    check_plain(&[&[5]], |tape, x| {
        let rows = tape.shape(x[0])[0];
        let same = Tensor::filled_by(&[rows, 5], |data| {
            data.chunks_exact_mut(5).for_each(|row| row.copy_from_slice(normal(&[5], 8).data()));
        });
        let same = tape.constant(same);
        tape.add(x[0], same)
    });
    check_plain(&[&[5]], |tape, x| {
        let (rows, matrix) = (tape.shape(x[0])[0], tape.constant(normal(&[4, 5], 9)));
        let third = tape.rows(matrix, &vec![2; rows]);
        tape.add(x[0], third)
    });
}

#[test]
fn layers() {
    let (rows, image) = ([6], [5, 4, 3]);
    check_layer(&rows, |b| Linear::new(b, "fc", 6, 4), Linear::forward);
    check_layer(
        &image,
        |b| Linear::after_flatten(b, "fc", 20, 3, 4),
        |layer, tape, slot, x| {
            let x = tape.flatten(x);
            layer.forward(tape, slot, x)
        },
    );
    check_layer(&rows, |b| LayerNorm::new(b, "norm", 6), LayerNorm::forward);
    check_layer(&[2, 6], |b| RmsNorm::new(b, "norm", 6), RmsNorm::forward);
    check_layer(&rows, |b| BatchNorm::new(b, "bn", 6), BatchNorm::forward);
    check_layer(&image, |b| BatchNorm::new(b, "bn", 3), BatchNorm::forward);
}

#[test]
fn convolutions() {
    let image = [5, 4, 3];
    for epilogue in [
        ConvEpilogue::Linear,
        ConvEpilogue::Relu { pool: false, dropout: None },
        ConvEpilogue::Relu { pool: true, dropout: None },
    ] {
        check_layer(
            &image,
            |b| Conv3x3::new(b, "conv", 3, 2),
            |layer, tape, slot, x| layer.forward(tape, slot, x, epilogue),
        );
    }
    for window in [
        Window::square(3, 1, 1),
        Window::square(2, 2, 1),
        Window { size: [3, 1], stride: [2, 1], padding: [0, 1] },
    ] {
        check_layer(&image, |b| Conv2d::new(b, "conv", 3, 2, window), Conv2d::forward);
    }
}

#[test]
fn pools() {
    let image: [&[usize]; 1] = [&[5, 4, 3]];
    check_plain(&image, |tape, x| tape.max_pool(x[0]));
    check_plain(&image, |tape, x| tape.global_average_pool(x[0]));
    for window in [Window::square(2, 1, 1), Window::square(3, 2, 0)] {
        check_plain(&image, |tape, x| tape.max_pool2d(x[0], window));
        check_plain(&image, |tape, x| tape.average_pool2d(x[0], window));
    }
}

/// A parameter as a value, which is stored otherwise than it is saved.
#[test]
fn parameters_in_every_layout() {
    let flattened = Layout::Flattened { pixels: 4, channels: 3 };
    for (shape, layout, stored) in [
        (vec![2, 12], Layout::Same, [2, 12]),
        (vec![2, 12], flattened, [2, 12]),
        (vec![2, 3, 2, 2], Layout::Convolution, [12, 2]),
    ] {
        check_layer(
            &[stored[0]],
            |b| b.parameter("weight", &shape, layout, Initializer::Zeros, 1),
            |&weight, tape, slot, x| {
                let weight = tape.parameter(slot, weight, &stored);
                tape.matmul(x, weight)
            },
        );
    }
}

#[test]
fn names_and_values_are_those_of_files() {
    let mut builder = ParameterBuilder::new(Stream::new(3));
    let layer = Linear::after_flatten(&mut builder, "fc", 4, 3, 2);
    let parameters = builder.build();
    let mut tape = Tape::tracing();
    let slot = tape.attach_named("blocks.1.", &parameters);
    let x = tape.input("x", Tensor::zeros(&[2, 12]));
    let once = layer.forward(&mut tape, slot, x);
    let again = layer.forward(&mut tape, slot, x);
    let graph = tape.graph(&[("once", once), ("again", again)]).unwrap();
    let named: Vec<(&str, &[f32])> = graph
        .constants
        .iter()
        .filter_map(|constant| Some((constant.name.as_deref()?, constant.value.data())))
        .collect();
    let [weight, bias] = ["fc.weight", "fc.bias"].map(|name| parameters.export(name).unwrap());
    assert_eq!(named, [("blocks.1.fc.weight", &weight[..]), ("blocks.1.fc.bias", &bias[..])]);
}
