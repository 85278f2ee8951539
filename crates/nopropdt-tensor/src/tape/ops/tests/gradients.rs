//! Finite differences of every operation but the convolution.

use super::*;
use crate::init::Initializer;
use crate::layers::{BatchNorm, Linear};
use crate::parameters::Layout;

#[test]
fn relu() {
    check_values(&[spread(&[3, 4], 1)], |tape, x| tape.relu(x[0]));
}

#[test]
fn tanh() {
    check_values(&[normal(&[3, 4], 1)], |tape, x| tape.tanh(x[0]));
}

#[test]
fn softmax() {
    check_values(&[normal(&[3, 5], 1)], |tape, x| tape.softmax(x[0]));
}

#[test]
fn dropout_in_training() {
    check_values(&[normal(&[7, 5], 1)], |tape, x| tape.dropout(x[0], dropout(0.3, 1)));
}

#[test]
fn dropout_in_evaluation_is_the_identity() {
    let mut tape = Tape::new(Mode::Eval);
    let x = tape.variable(normal(&[2, 3], 1));
    assert_eq!(tape.dropout(x, dropout(0.9, 1)), x);
}

#[test]
fn linear_combination() {
    let inputs = [normal(&[2, 3], 1), normal(&[2, 3], 2)];
    check_values(&inputs, |tape, x| tape.linear_combination(&[(x[0], 2.5), (x[1], -0.5)], 7.0));
}

#[test]
fn add() {
    check_values(&[normal(&[2, 3], 1), normal(&[2, 3], 2)], |tape, x| tape.add(x[0], x[1]));
}

#[test]
fn concat() {
    let inputs = [normal(&[3, 2], 1), normal(&[3, 1], 2), normal(&[3, 4], 3)];
    check_values(&inputs, |tape, x| tape.concat(x));
}

#[test]
fn columns() {
    for range in [0..2, 1..3, 2..5, 0..5] {
        check_values(&[normal(&[3, 5], 1)], |tape, x| tape.columns(x[0], range.clone()));
    }
}

#[test]
fn scale_rows() {
    check_values(&[normal(&[4, 3], 1), normal(&[4, 1], 2)], |tape, x| tape.scale_rows(x[0], x[1]));
}

#[test]
fn squared_errors_of_rows() {
    check_values(&[normal(&[4, 3], 1), normal(&[4, 3], 2)], |tape, x| tape.squared_errors(x[0], x[1]));
}

#[test]
fn cross_entropies_of_rows() {
    for smoothing in [0.0, 0.2] {
        let logits = normal(&[4, 3], 1);
        check_values(std::slice::from_ref(&logits), |tape, x| {
            tape.cross_entropies(x[0], &[2, 0, 2, 1], smoothing)
        });
        let mut tape = Tape::new(Mode::Train);
        let x = tape.variable(logits);
        let of_rows = tape.cross_entropies(x, &[2, 0, 2, 1], smoothing);
        assert_eq!(tape.shape(of_rows), [4, 1]);
        let mean = tape.mean(of_rows);
        let whole = tape.smoothed_cross_entropy(x, &[2, 0, 2, 1], smoothing);
        let (mean, whole) = (tape.value(mean).item(), tape.value(whole).item());
        assert!((mean - whole).abs() < 1e-6 * whole, "{mean} {whole}");
    }
}

#[test]
fn squared_distances() {
    check_values(&[normal(&[4, 11], 1), normal(&[3, 11], 2)], |tape, x| tape.squared_distances(x[0], x[1]));
}

#[test]
fn mean() {
    check_values(&[normal(&[4, 3], 1)], |tape, x| tape.mean(x[0]));
}

#[test]
fn reshape_and_flatten() {
    check_values(&[normal(&[2, 3, 2], 1)], |tape, x| tape.reshape(x[0], &[3, 4]));
    check_values(&[normal(&[2, 3, 2], 1)], |tape, x| tape.flatten(x[0]));
}

#[test]
fn matmul() {
    check_values(&[normal(&[3, 4], 1), normal(&[4, 2], 2)], |tape, x| tape.matmul(x[0], x[1]));
}

#[test]
fn rows_taken_twice_once_and_never() {
    check_values(&[normal(&[4, 3], 1)], |tape, x| tape.rows(x[0], &[2, 0, 2]));
}

#[test]
fn parameter_as_a_value() {
    let mut builder = ParameterBuilder::new(Stream::new(1));
    let initial = Initializer::Normal { std: 1.0 };
    let id = builder.parameter("embedding", &[4, 3], Layout::Same, initial, 3);
    let parameters = builder.build();
    check(&parameters, &[normal(&[2, 4], 1)], |tape, slot, x| {
        let matrix = tape.parameter(slot, id, &[4, 3]);
        tape.matmul(x[0], matrix)
    });
}

#[test]
fn linear() {
    let mut builder = ParameterBuilder::new(Stream::new(1));
    let layer = Linear::new(&mut builder, "fc", 6, 4);
    let parameters = builder.build();
    check(&parameters, &[normal(&[5, 6], 1)], |tape, slot, x| layer.forward(tape, slot, x[0]));
}

/// A batch norm whose scale, shift and statistics are all different.
fn batch_norm(features: usize) -> (Parameters, BatchNorm) {
    let mut builder = ParameterBuilder::new(Stream::new(1));
    let layer = BatchNorm::new(&mut builder, "bn", features);
    let mut parameters = builder.build();
    parameters.values_mut().iter_mut().enumerate().for_each(|(i, v)| *v += 0.1 * (i + 1) as f32);
    parameters.statistics_mut().iter_mut().enumerate().for_each(|(i, v)| *v += 0.2 * (i + 1) as f32);
    (parameters, layer)
}

#[test]
fn batch_norm_on_the_batch_and_on_running_statistics() {
    let (parameters, layer) = batch_norm(3);
    for mode in [Mode::Train, Mode::Eval] {
        let inputs = [normal(&[7, 3], 1)];
        check_with_step(1e-2, mode, &parameters, &inputs, |tape, slot, x| layer.forward(tape, slot, x[0]));
    }
}

#[test]
fn batch_norm_moves_its_statistics_in_training_only() {
    let (mut parameters, layer) = batch_norm(1);
    let before = parameters.statistics().to_vec();
    for (mode, expected) in
        [(Mode::Eval, before.clone()), (Mode::Train, vec![0.2 * 0.9 + 0.2, 1.4 * 0.9 + 0.4])]
    {
        let mut tape = Tape::new(mode);
        let slot = tape.attach(&parameters);
        let x = tape.constant(Tensor::from_vec(&[3, 1], vec![0.0, 2.0, 4.0]).unwrap());
        let y = layer.forward(&mut tape, slot, x);
        let loss = tape.squared_error(x, y);
        let updates = tape.backward(loss).take_statistics(slot);
        parameters.update_statistics(&updates);
        for (found, expected) in parameters.statistics().iter().zip(&expected) {
            assert!((found - expected).abs() < 1e-6, "{mode:?}: {found} against {expected}");
        }
    }
}

/// A feature that has fallen silent: its statistics decay to zero and do not stay among the subnormal numbers.
#[test]
fn running_statistics_are_never_subnormal() {
    let (mut parameters, layer) = batch_norm(2);
    for step in 0..1000 {
        let mut tape = Tape::new(Mode::Train);
        let slot = tape.attach(&parameters);
        let x = tape.constant(Tensor::zeros(&[3, 2]));
        let y = layer.forward(&mut tape, slot, x);
        let loss = tape.squared_error(x, y);
        let updates = tape.backward(loss).take_statistics(slot);
        parameters.update_statistics(&updates);
        let kept = parameters.statistics();
        assert!(!kept.iter().any(|value| value.is_subnormal()), "step {step}: {kept:?}");
    }
    assert_eq!(parameters.statistics(), [0.0; 4]);
}

#[test]
fn max_pool_of_odd_sizes() {
    check_values(&[spread(&[2, 5, 7, 3], 1)], |tape, x| tape.max_pool(x[0]));
}

#[test]
fn global_average_pool() {
    check_values(&[normal(&[2, 5, 3, 4], 1)], |tape, x| tape.global_average_pool(x[0]));
}

#[test]
fn squared_error() {
    check_values(&[normal(&[4, 3], 1), normal(&[4, 3], 2)], |tape, x| tape.squared_error(x[0], x[1]));
}

#[test]
fn cross_entropy() {
    check_values(&[normal(&[4, 3], 1)], |tape, x| tape.cross_entropy(x[0], &[2, 0, 2, 1]));
}

#[test]
fn losses_of_far_logits_stay_finite() {
    let mut tape = Tape::new(Mode::Train);
    let logits = tape.variable(Tensor::from_vec(&[2, 2], vec![1e4, -1e4, -1e4, 1e4]).unwrap());
    let loss = tape.cross_entropy(logits, &[1, 1]);
    assert_eq!(tape.value(loss).item(), 1e4);
    assert_eq!(tape.backward(loss).variable(logits).unwrap(), [0.5, -0.5, 0.0, 0.0]);
}

/// −ln softmax([1000, 985])_0 = ln(1 + e⁻¹⁵), and its gradient is ∓e⁻¹⁵/(1 + e⁻¹⁵): neither is lost beside 1000 or 1.
#[test]
fn a_label_that_is_all_but_certain_keeps_its_loss_and_gradient() {
    for (row, label) in [([1000.0, 985.0], 0), ([985.0, 1000.0], 1), ([0.0, -15.0], 0), ([-15.0, 0.0], 1)] {
        let mut tape = Tape::new(Mode::Train);
        let logits = tape.variable(Tensor::from_vec(&[1, 2], row.to_vec()).unwrap());
        let loss = tape.cross_entropy(logits, &[label]);
        let small = (-15.0f64).exp();
        approx::assert_relative_eq!(f64::from(tape.value(loss).item()), small.ln_1p(), max_relative = 1e-6);
        let gradient = tape.backward(loss).variable(logits).unwrap().to_vec();
        approx::assert_relative_eq!(f64::from(gradient[label]), -small / (1.0 + small), max_relative = 1e-6);
        approx::assert_relative_eq!(
            f64::from(gradient[1 - label]),
            small / (1.0 + small),
            max_relative = 1e-6
        );
    }
}

/// Against the formula in f64, wherever the label stands among others as large, larger and far smaller.
#[test]
fn cross_entropy_is_its_formula_for_every_label() {
    let row = [3.0f32, 3.0, -90.0, 2.5, -1e30, 3.0, 40.0, -7.0];
    for label in 0..row.len() {
        let mut tape = Tape::new(Mode::Train);
        let logits = tape.constant(Tensor::from_vec(&[1, row.len()], row.to_vec()).unwrap());
        let loss = tape.cross_entropy(logits, &[label]);
        let wide = row.map(f64::from);
        let sum: f64 = wide.iter().filter(|&&v| v != 40.0).map(|v| (v - 40.0).exp()).sum();
        let expected = 40.0 - wide[label] + sum.ln_1p();
        approx::assert_relative_eq!(f64::from(tape.value(loss).item()), expected, max_relative = 1e-6);
    }
}

#[test]
fn losses_of_infinity_and_nan_are_pytorchs() {
    let (inf, nan) = (f32::INFINITY, f32::NAN);
    let loss = |row: [f32; 3], label| {
        let mut tape = Tape::new(Mode::Train);
        let logits = tape.constant(Tensor::from_vec(&[1, 3], row.to_vec()).unwrap());
        let loss = tape.cross_entropy(logits, &[label]);
        tape.value(loss).item()
    };
    assert_eq!(loss([0.0, -inf, -inf], 0), 0.0);
    assert_eq!(loss([0.0, -inf, 0.0], 1), inf);
    for row in [[nan, 1.0, 2.0], [1.0, nan, 2.0], [2.0, 1.0, nan], [inf, 1.0, 2.0], [-inf; 3], [nan; 3]] {
        assert!(loss(row, 0).is_nan(), "{row:?}");
    }
}

#[test]
fn not_a_number_passes_through_activations() {
    let mut tape = Tape::new(Mode::Train);
    let x = tape.constant(Tensor::filled_by(&[1, 4], |data| data[2] = f32::NAN));
    let passed = [tape.relu(x), tape.tanh(x), tape.softmax(x), tape.dropout(x, dropout(0.5, 1))];
    for (index, var) in passed.into_iter().enumerate() {
        assert!(tape.value(var).data().iter().any(|v| v.is_nan()), "activation {index}");
    }
}
