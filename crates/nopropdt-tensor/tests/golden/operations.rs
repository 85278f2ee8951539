//! Operations of the tape: outputs, and gradients of inputs and parameters.

use crate::file::{Case, cases, channels_first, run_all};
use nopropdt_tensor::layers::{BatchNorm, Conv2d, Conv3x3, LayerNorm, Linear};
use nopropdt_tensor::random::Stream;
use nopropdt_tensor::{
    ConvEpilogue, Mode, ParameterBuilder, Parameters, Slot, StatisticUpdate, Tape, Tensor, Var, Window,
};

/// Largest error of an output, relative to the largest value.
const FORWARD: f64 = 1e-5;
/// Largest error of a gradient, relative to the largest value.
const BACKWARD: f64 = 1e-4;

#[test]
fn every_operation_agrees_with_pytorch() {
    let file = "ops.safetensors";
    run_all(
        file,
        cases(file),
        &[
            ("conv_plain", &|case| convolution(case, ConvEpilogue::Linear)),
            ("conv_relu", &|case| convolution(case, ConvEpilogue::Relu { pool: false, dropout: None })),
            ("conv_relu_pool", &|case| convolution(case, ConvEpilogue::Relu { pool: true, dropout: None })),
            ("max_pool", &|case| of_values(case, &["x"], |tape, x| tape.max_pool(x[0]))),
            ("global_average_pool", &|case| {
                of_values(case, &["x"], |tape, x| tape.global_average_pool(x[0]))
            }),
            ("relu", &|case| of_values(case, &["x"], |tape, x| tape.relu(x[0]))),
            ("tanh", &|case| of_values(case, &["x"], |tape, x| tape.tanh(x[0]))),
            ("softmax", &|case| of_values(case, &["x"], |tape, x| tape.softmax(x[0]))),
            ("concat", &|case| of_values(case, &["a", "b"], |tape, x| tape.concat(x))),
            ("linear", &linear),
            ("batch_norm_train", &|case| batch_norm(case, Mode::Train)),
            ("batch_norm_eval", &|case| batch_norm(case, Mode::Eval)),
            ("embedding_rows", &embedding_rows),
            ("probabilities_embedding", &|case| {
                of_values(case, &["p", "W"], |tape, x| tape.matmul(x[0], x[1]))
            }),
            ("squared_error", &|case| {
                of_values(case, &["estimate", "target"], |tape, x| tape.squared_error(x[0], x[1]));
            }),
            ("cross_entropy", &cross_entropy),
            ("scale_rows", &|case| of_values(case, &["x", "factors"], |tape, x| tape.scale_rows(x[0], x[1]))),
            ("squared_errors", &|case| {
                of_values(case, &["a", "b"], |tape, x| tape.squared_errors(x[0], x[1]));
            }),
            ("columns", &|case| of_values(case, &["x"], |tape, x| tape.columns(x[0], 1..4))),
            ("cross_entropies", &|case| {
                let labels = case.take("labels").labels();
                of_values(case, &["logits"], |tape, x| tape.cross_entropies(x[0], &labels, 0.0));
            }),
            ("mean", &|case| of_values(case, &["x"], |tape, x| tape.mean(x[0]))),
            ("squared_distances", &|case| {
                of_values(case, &["x", "w"], |tape, x| tape.squared_distances(x[0], x[1]));
            }),
        ],
    );
}

#[test]
fn every_operation_for_other_blocks_agrees_with_pytorch() {
    let file = "more_ops.safetensors";
    run_all(
        file,
        cases(file),
        &[
            ("mul", &|case| of_values(case, &["a", "b"], |tape, x| tape.mul(x[0], x[1]))),
            ("batched_matmul_nn", &|case| batched_matmul(case, [false, false])),
            ("batched_matmul_nt", &|case| batched_matmul(case, [false, true])),
            ("batched_matmul_tn", &|case| batched_matmul(case, [true, false])),
            ("batched_matmul_tt", &|case| batched_matmul(case, [true, true])),
            ("permute", &|case| of_values(case, &["x"], |tape, x| tape.permute(x[0], &[2, 0, 1]))),
            ("sum_over", &|case| of_values(case, &["x"], |tape, x| tape.sum_over(x[0], 1))),
            ("mean_over", &|case| of_values(case, &["x"], |tape, x| tape.mean_over(x[0], 2))),
            ("attention", &|case| {
                of_values(case, &["q", "k", "v"], |tape, x| tape.attention(x[0], x[1], x[2]));
            }),
            ("attention_of_heads", &|case| {
                of_values(case, &["q", "k", "v"], |tape, x| tape.attention_of_heads(x[0], x[1], x[2], 2));
            }),
            ("layer_norm", &layer_norm),
            ("rms_norm", &|case| {
                of_values(case, &["x", "weight"], |tape, x| tape.rms_norm(x[0], x[1], 1e-5));
            }),
            ("image_norm_train", &|case| batch_norm(case, Mode::Train)),
            ("image_norm_eval", &|case| batch_norm(case, Mode::Eval)),
            ("sigmoid", &|case| of_values(case, &["x"], |tape, x| tape.sigmoid(x[0]))),
            ("silu", &|case| of_values(case, &["x"], |tape, x| tape.silu(x[0]))),
            ("gelu", &|case| of_values(case, &["x"], |tape, x| tape.gelu(x[0]))),
            ("conv2d_5x3", &|case| {
                let window = Window { size: [5, 3], stride: [2, 1], padding: [2, 1] };
                conv2d(case, window);
            }),
            ("conv2d_1x1", &|case| conv2d(case, Window::square(1, 1, 0))),
            ("conv2d_4x4", &|case| conv2d(case, Window::square(4, 4, 1))),
            ("max_pool2d", &|case| {
                of_values(case, &["x"], |tape, x| tape.max_pool2d(x[0], Window::square(3, 2, 1)));
            }),
            ("average_pool2d", &|case| {
                let window = Window { size: [3, 2], stride: [2, 1], padding: [1, 0] };
                of_values(case, &["x"], |tape, x| tape.average_pool2d(x[0], window));
            }),
            ("smoothed_cross_entropy", &|case| {
                let labels = case.take("labels").labels();
                of_values(case, &["logits"], |tape, x| tape.smoothed_cross_entropy(x[0], &labels, 0.1));
            }),
        ],
    );
}

/// Puts the case's weight and bias into a layer, runs it on the case's input, and checks all there is to check.
fn of_layer<L>(
    case: &mut Case,
    mode: Mode,
    make: impl Fn(&mut ParameterBuilder) -> L,
    statistics: &[&str],
    forward: impl Fn(&L, &mut Tape<'_>, Slot, Var) -> Var,
) -> (Parameters, Vec<StatisticUpdate>) {
    let mut builder = ParameterBuilder::new(Stream::new(0));
    let layer = make(&mut builder);
    let mut parameters = builder.build();
    for name in ["weight", "bias"].iter().chain(statistics) {
        let golden = case.take(name);
        let path = format!("layer.{name}");
        let entry = parameters.entries().find(|entry| entry.name == path).expect("the layer has it");
        assert_eq!(entry.shape, golden.shape(), "{path}");
        assert!(parameters.import(&path, &golden.singles()), "{path}");
    }
    let updates =
        check(case, mode, &parameters, &["x"], |tape, slot, inputs| forward(&layer, tape, slot, inputs[0]));
    (parameters, updates)
}

/// [`check`] of an operation without parameters.
fn of_values(case: &mut Case, inputs: &[&str], operation: impl Fn(&mut Tape<'_>, &[Var]) -> Var) {
    check(case, Mode::Train, &Parameters::default(), inputs, |tape, _, x| operation(tape, x));
}

/// Runs `operation` on the case's inputs there and back and compares the output and every gradient.
fn check(
    case: &mut Case,
    mode: Mode,
    parameters: &Parameters,
    inputs: &[&str],
    operation: impl Fn(&mut Tape<'_>, Slot, &[Var]) -> Var,
) -> Vec<StatisticUpdate> {
    let mut tape = Tape::new(mode);
    let slot = tape.attach(parameters);
    let values: Vec<Tensor> = inputs.iter().map(|name| case.take(name).channels_last()).collect();
    let vars: Vec<Var> = values.iter().map(|value| tape.variable(value.clone())).collect();
    let output = operation(&mut tape, slot, &vars);
    case.agrees("output", channels_first(tape.value(output).clone()).data(), FORWARD);

    // The loss of the file: sum(output * upstream).
    let upstream = case.take("upstream").channels_last();
    assert_eq!(tape.value(output).shape(), upstream.shape(), "{}", case.name);
    let length = upstream.len();
    let upstream = tape.constant(upstream.reshaped(&[length, 1]));
    let row = tape.reshape(output, &[1, length]);
    let loss = tape.matmul(row, upstream);
    let mut gradients = tape.backward(loss);

    for ((name, value), &var) in inputs.iter().zip(&values).zip(&vars) {
        let gradient = gradients.variable(var).expect("the output depends on every input").to_vec();
        let gradient = Tensor::from_vec(value.shape(), gradient).expect("as long as the input");
        case.agrees(&format!("grad.{name}"), channels_first(gradient).data(), BACKWARD);
    }
    for entry in parameters.entries() {
        let Some(gradient) = parameters.export_gradient(&entry.name, gradients.parameters(slot)) else {
            continue;
        };
        let name = entry.name.strip_prefix("layer.").expect("every layer here is called layer");
        case.agrees(&format!("grad.{name}"), &gradient, BACKWARD);
    }
    gradients.take_statistics(slot)
}

fn convolution(case: &mut Case, epilogue: ConvEpilogue) {
    let make = |builder: &mut ParameterBuilder| Conv3x3::new(builder, "layer", 3, 4);
    of_layer(case, Mode::Train, make, &[], |layer, tape, slot, x| layer.forward(tape, slot, x, epilogue));
}

fn batched_matmul(case: &mut Case, transpose: [bool; 2]) {
    of_values(case, &["a", "b"], |tape, x| tape.batched_matmul(x[0], x[1], transpose));
}

fn layer_norm(case: &mut Case) {
    let make = |builder: &mut ParameterBuilder| LayerNorm::new(builder, "layer", 5);
    of_layer(case, Mode::Train, make, &[], LayerNorm::forward);
}

fn conv2d(case: &mut Case, window: Window) {
    let make = |builder: &mut ParameterBuilder| Conv2d::new(builder, "layer", 3, 4, window);
    of_layer(case, Mode::Train, make, &[], Conv2d::forward);
}

fn linear(case: &mut Case) {
    let make = |builder: &mut ParameterBuilder| Linear::new(builder, "layer", 6, 3);
    of_layer(case, Mode::Train, make, &[], Linear::forward);
}

fn batch_norm(case: &mut Case, mode: Mode) {
    assert_eq!(case.take("eps").number(), 1e-5);
    let make = |builder: &mut ParameterBuilder| BatchNorm::new(builder, "layer", 5);
    let statistics = ["running_mean", "running_var"];
    let (mut parameters, updates) = of_layer(case, mode, make, &statistics, BatchNorm::forward);
    if mode == Mode::Eval {
        assert!(updates.is_empty(), "evaluation must leave the statistics alone");
        return;
    }
    assert_eq!(case.take("momentum").number(), 0.1);
    parameters.update_statistics(&updates);
    for name in statistics {
        let found = parameters.export(&format!("layer.{name}")).expect("the layer has it");
        case.agrees(&format!("{name}_after"), &found, FORWARD);
    }
}

fn embedding_rows(case: &mut Case) {
    let labels = case.take("labels").labels();
    of_values(case, &["W"], |tape, x| tape.rows(x[0], &labels));
}

fn cross_entropy(case: &mut Case) {
    let labels = case.take("labels").labels();
    of_values(case, &["logits"], |tape, x| tape.cross_entropy(x[0], &labels));
}
