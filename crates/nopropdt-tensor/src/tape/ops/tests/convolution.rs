//! Finite differences of the convolution under every epilogue, on images of odd sizes.

use super::*;

/// Step of the differences: all is linear between kinks, so only rounding speaks against a smaller one.
const STEP: f32 = 4e-3;
/// How far activations must stay from zero and from one another within a window: what a step moves, twice.
const MARGIN: f32 = 2.0 * 4.0 * STEP;
/// 5 rows and 3 columns: a pool leaves out the last of each.
const SHAPE: [usize; 4] = [2, 5, 3, 2];

fn relu(pool: bool, dropout: Option<Dropout>) -> ConvEpilogue {
    ConvEpilogue::Relu { pool, dropout }
}

/// The smallest distance of a pre-activation from zero, or of a window's two largest ones from one another.
fn margin(parameters: &Parameters, layer: &Conv3x3, x: &Tensor) -> f32 {
    let mut tape = Tape::new(Mode::Train);
    let slot = tape.attach(parameters);
    let x = tape.constant(x.clone());
    let y = layer.forward(&mut tape, slot, x, ConvEpilogue::Linear);
    let y = tape.value(y).view();
    let mut smallest = y.iter().fold(f32::INFINITY, |least, v| least.min(v.abs()));
    let &[batch, height, width, channels] = y.shape() else { unreachable!("a convolution gives images") };
    for (b, row, column, c) in (0..batch * (height / 2) * (width / 2) * channels).map(|i| {
        let (i, c) = (i / channels, i % channels);
        let (i, column) = (i / (width / 2), i % (width / 2));
        (i / (height / 2), 2 * (i % (height / 2)), 2 * column, c)
    }) {
        let mut window = [(0, 0), (0, 1), (1, 0), (1, 1)].map(|(dy, dx)| y[[b, row + dy, column + dx, c]]);
        window.sort_by(f32::total_cmp);
        smallest = smallest.min(window[3] - window[2]);
    }
    smallest
}

/// A convolution and the first input of a fixed list whose activations are far from every kink.
fn case() -> (Parameters, Conv3x3, Tensor) {
    let (parameters, layer) = conv(SHAPE[3], 3, normal);
    let inputs = (1000..6000).map(|tag| normal(&SHAPE, tag));
    let x = inputs.into_iter().find(|x| margin(&parameters, &layer, x) > MARGIN);
    (parameters, layer, x.expect("one of the inputs is far from every kink"))
}

fn check_epilogue(epilogue: ConvEpilogue) {
    let (parameters, layer, x) = case();
    check_with_step(STEP, Mode::Train, &parameters, &[x], |tape, slot, x| {
        layer.forward(tape, slot, x[0], epilogue)
    });
}

#[test]
fn plain() {
    check_epilogue(ConvEpilogue::Linear);
}

#[test]
fn with_relu() {
    check_epilogue(relu(false, None));
}

#[test]
fn with_relu_and_pool() {
    check_epilogue(relu(true, None));
}

#[test]
fn with_relu_pool_and_dropout() {
    check_epilogue(relu(true, Some(dropout(0.3, 1))));
}

#[test]
fn with_relu_and_dropout() {
    check_epilogue(relu(false, Some(dropout(0.3, 1))));
}

#[test]
fn dropout_is_absent_in_evaluation() {
    let (parameters, layer, x) = case();
    let run = |mode, dropout| {
        let mut tape = Tape::new(mode);
        let slot = tape.attach(&parameters);
        let x = tape.constant(x.clone());
        let y = layer.forward(&mut tape, slot, x, relu(true, dropout));
        tape.value(y).clone()
    };
    let dropped = Some(dropout(0.5, 1));
    assert_eq!(run(Mode::Eval, dropped), run(Mode::Eval, None));
    assert_ne!(run(Mode::Train, dropped), run(Mode::Train, None));
}

#[test]
fn images_of_one_pixel() {
    let (parameters, layer) = conv(2, 3, normal);
    check_with_step(STEP, Mode::Train, &parameters, &[normal(&[4, 1, 1, 2], 1)], |tape, slot, x| {
        layer.forward(tape, slot, x[0], ConvEpilogue::Linear)
    });
}
