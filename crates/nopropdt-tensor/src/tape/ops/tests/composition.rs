//! The fused convolution is the convolution, ReLU, pool and dropout one after the other, there and back.

use super::*;
use crate::layers::Linear;
use nopropdt_kernels::Precision;
use proptest::prelude::*;

/// What one way of computing gives: the output and the gradients of x and of the parameters.
type Passes = (Tensor, Vec<f32>, Vec<f32>);

fn passes(parameters: &Parameters, x: &Tensor, forward: impl Fn(&mut Tape<'_>, Slot, Var) -> Var) -> Passes {
    passes_in(Precision::F32, parameters, x, forward)
}

fn passes_in(
    precision: Precision,
    parameters: &Parameters,
    x: &Tensor,
    forward: impl Fn(&mut Tape<'_>, Slot, Var) -> Var,
) -> Passes {
    let mut tape = Tape::with_precision(Mode::Train, precision);
    let slot = tape.attach(parameters);
    let x = tape.variable(x.clone());
    let output = forward(&mut tape, slot, x);
    let value = tape.widened(output);
    let loss = weigh(&mut tape, output, &whole(value.shape(), 99));
    let mut gradients = tape.backward(loss);
    (value, gradients.variable(x).unwrap().to_vec(), gradients.take_parameters(slot))
}

proptest! {
    /// Small whole numbers, which bf16 holds too, and a dropout whose scale is two: every sum is exact, so both ways must agree to the bit, with ties
    /// between the values of a window going to the same one.
    #[test]
    fn fused_is_the_parts_one_after_the_other(
        batch in 1usize..6, height in 1usize..9, width in 1usize..9, inputs in 1usize..5, outputs in 1usize..6,
        pool in any::<bool>(), dropped in any::<bool>(), half in any::<bool>(), tag in 0u64..1000,
    ) {
        let precision = if half { Precision::Bf16 } else { Precision::F32 };
        let (parameters, layer) = conv(inputs, outputs, whole);
        let x = whole(&[batch, height, width, inputs], tag);
        let dropout = dropped.then(|| dropout(0.5, tag));
        let fused = passes_in(precision, &parameters, &x, |tape, slot, x| {
            layer.forward(tape, slot, x, ConvEpilogue::Relu { pool, dropout })
        });
        let parts = passes_in(precision, &parameters, &x, |tape, slot, x| {
            let mut y = layer.forward(tape, slot, x, ConvEpilogue::Linear);
            y = tape.relu(y);
            if pool {
                y = tape.max_pool(y);
            }
            dropout.map_or(y, |dropout| tape.dropout(y, dropout))
        });
        prop_assert_eq!(&fused.0, &parts.0);
        prop_assert_eq!(&fused.1, &parts.1, "gradient of x");
        prop_assert_eq!(&fused.2, &parts.2, "gradient of weight and bias");
    }
}

/// Enough images that the kernel works in several groups and slices: the dropout mask must go on across them.
#[test]
fn the_mask_goes_on_across_groups_of_images() {
    let (parameters, layer) = conv(16, 8, whole);
    let x = whole(&[70, 12, 12, 16], 3);
    let dropout = dropout(0.5, 3);
    let fused = passes(&parameters, &x, |tape, slot, x| {
        layer.forward(tape, slot, x, ConvEpilogue::Relu { pool: true, dropout: Some(dropout) })
    });
    let parts = passes(&parameters, &x, |tape, slot, x| {
        let y = layer.forward(tape, slot, x, ConvEpilogue::Relu { pool: true, dropout: None });
        tape.dropout(y, dropout)
    });
    assert!(fused == parts, "the fused dropout differs from the one that follows");
}

#[test]
fn not_a_number_passes_through_the_epilogue() {
    let (parameters, layer) = conv(1, 2, whole);
    let x = Tensor::filled_by(&[1, 6, 6, 1], |data| data[14] = f32::NAN);
    for pool in [false, true] {
        let mut tape = Tape::new(Mode::Train);
        let slot = tape.attach(&parameters);
        let x = tape.constant(x.clone());
        let y = layer.forward(&mut tape, slot, x, ConvEpilogue::Relu { pool, dropout: None });
        assert!(tape.value(y).data().iter().any(|v| v.is_nan()), "pool: {pool}");
    }
}

/// A computation cut into two tapes, the gradient handed from the later to the earlier, is the computation on one.
#[test]
fn a_gradient_goes_on_from_tape_to_tape() {
    let mut builder = ParameterBuilder::new(Stream::new(1));
    let layers = [Linear::new(&mut builder, "a", 3, 4), Linear::new(&mut builder, "b", 4, 2)];
    let parameters = builder.build();
    let x = normal(&[5, 3], 1);

    let mut whole = Tape::new(Mode::Train);
    let slot = whole.attach(&parameters);
    let input = whole.constant(x.clone());
    let hidden = layers[0].forward(&mut whole, slot, input);
    let hidden = whole.tanh(hidden);
    let output = layers[1].forward(&mut whole, slot, hidden);
    let loss = whole.cross_entropy(output, &[0, 1, 1, 0, 1]);
    let expected = whole.backward(loss).take_parameters(slot);

    let mut first = Tape::new(Mode::Train);
    let slot_of_first = first.attach(&parameters);
    let input = first.constant(x);
    let hidden = layers[0].forward(&mut first, slot_of_first, input);
    let hidden = first.tanh(hidden);
    let mut second = Tape::new(Mode::Train);
    let slot = second.attach(&parameters);
    let handed_on = second.variable(first.value(hidden).clone());
    let output = layers[1].forward(&mut second, slot, handed_on);
    let loss = second.cross_entropy(output, &[0, 1, 1, 0, 1]);
    let mut later = second.backward(loss);
    let gradient = later.variable(handed_on).unwrap().to_vec();
    let mut both = first.backward_from(hidden, gradient, vec![later.take_parameters(slot)]);
    assert_eq!(both.take_parameters(slot_of_first), expected);
}
