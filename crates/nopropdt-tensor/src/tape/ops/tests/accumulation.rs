//! How gradients meet on a tape: values used twice, values nobody asks about, values a loss does not use.

use super::*;
use crate::layers::{BatchNorm, Linear};

#[test]
fn a_value_used_twice_gets_both_gradients() {
    // x·xᵀ reads x as both factors, and the concatenations read one value twice.
    check_values(&[normal(&[1, 4], 1)], |tape, x| {
        let column = tape.reshape(x[0], &[4, 1]);
        let square = tape.matmul(column, x[0]);
        let twice = tape.concat(&[x[0], x[0]]);
        let square = tape.reshape(square, &[2, 8]);
        let twice = tape.concat(&[twice, twice]);
        let twice = tape.reshape(twice, &[2, 8]);
        tape.linear_combination(&[(square, 1.0), (twice, 3.0), (twice, -0.5)], 0.0)
    });
}

/// Each operation of one input, applied twice to the same value.
#[test]
fn every_operation_adds_to_the_gradient_of_its_input() {
    type Operation = fn(&mut Tape<'_>, Var) -> Var;
    let operations: [(&str, Operation); 13] = [
        ("relu", |tape, x| tape.relu(x)),
        ("tanh", |tape, x| tape.tanh(x)),
        ("max_pool", |tape, x| tape.max_pool(x)),
        ("global_average_pool", |tape, x| tape.global_average_pool(x)),
        ("flatten", |tape, x| tape.flatten(x)),
        ("dropout", |tape, x| tape.dropout(x, dropout(0.3, 1))),
        ("softmax", |tape, x| {
            let x = tape.flatten(x);
            tape.softmax(x)
        }),
        ("rows", |tape, x| {
            let x = tape.flatten(x);
            tape.rows(x, &[1, 1])
        }),
        ("matmul", |tape, x| {
            let (x, b) = (tape.flatten(x), tape.constant(normal(&[24, 2], 2)));
            tape.matmul(x, b)
        }),
        ("concat", |tape, x| {
            let (x, b) = (tape.flatten(x), tape.constant(normal(&[2, 3], 2)));
            tape.concat(&[b, x])
        }),
        ("columns", |tape, x| {
            let x = tape.flatten(x);
            tape.columns(x, 3..11)
        }),
        ("squared_error", |tape, x| {
            let target = tape.constant(normal(&[2, 4, 2, 3], 2));
            tape.squared_error(x, target)
        }),
        ("cross_entropy", |tape, x| {
            let x = tape.flatten(x);
            tape.cross_entropy(x, &[3, 1])
        }),
    ];
    for (name, operation) in operations {
        let gradient = |times: usize| {
            let mut tape = Tape::new(Mode::Train);
            let x = tape.variable(spread(&[2, 4, 2, 3], 1));
            let outputs: Vec<Var> = (0..times).map(|_| operation(&mut tape, x)).collect();
            let mut upstream = whole(tape.value(outputs[0]).shape(), 99);
            upstream.data_mut()[0] = 3.0; // not zero, where it is the only one
            let terms: Vec<(Var, f32)> = outputs.into_iter().map(|output| (output, 1.0)).collect();
            let sum = tape.linear_combination(&terms, 0.0);
            let loss = weigh(&mut tape, sum, &upstream);
            tape.backward(loss).variable(x).unwrap().to_vec()
        };
        let doubled: Vec<f32> = gradient(1).iter().map(|g| 2.0 * g).collect();
        assert!(doubled.iter().any(|&g| g != 0.0), "{name}");
        assert_eq!(gradient(2), doubled, "{name}");
    }
}

#[test]
fn layers_used_twice_add_to_the_gradients_of_their_parameters() {
    let mut builder = ParameterBuilder::new(Stream::new(1));
    let layer = Linear::new(&mut builder, "fc", 3, 3);
    let parameters = builder.build();
    check(&parameters, &[normal(&[2, 3], 1)], |tape, slot, x| {
        let once = layer.forward(tape, slot, x[0]);
        let twice = layer.forward(tape, slot, once);
        tape.add(once, twice)
    });
    check(&parameters, &[normal(&[2, 3], 1)], |tape, slot, x| {
        let once = layer.forward(tape, slot, x[0]);
        let again = layer.forward(tape, slot, x[0]);
        tape.linear_combination(&[(once, 1.0), (again, 2.0)], 0.0)
    });
    let mut builder = ParameterBuilder::new(Stream::new(1));
    let layer = BatchNorm::new(&mut builder, "bn", 3);
    let parameters = builder.build();
    check(&parameters, &[normal(&[5, 3], 1)], |tape, slot, x| {
        let once = layer.forward(tape, slot, x[0]);
        let again = layer.forward(tape, slot, x[0]);
        tape.linear_combination(&[(once, 1.0), (again, 2.0)], 0.0)
    });
    let (parameters, layer) = conv(2, 2, normal);
    check(&parameters, &[normal(&[1, 3, 3, 2], 1)], |tape, slot, x| {
        let once = layer.forward(tape, slot, x[0], ConvEpilogue::Linear);
        let again = layer.forward(tape, slot, x[0], ConvEpilogue::Linear);
        tape.linear_combination(&[(once, 1.0), (again, 2.0)], 0.0)
    });
}

#[test]
fn the_same_variable_on_both_sides_of_a_loss_has_no_gradient() {
    let mut tape = Tape::new(Mode::Train);
    let x = tape.variable(normal(&[2, 3], 1));
    let loss = tape.squared_error(x, x);
    assert_eq!(tape.backward(loss).variable(x).unwrap(), [0.0; 6]);
}

#[test]
fn constants_and_unused_variables_get_no_gradient() {
    let (parameters, layer) = conv(2, 1, normal);
    let mut tape = Tape::new(Mode::Train);
    let slot = tape.attach(&parameters);
    let image = tape.constant(normal(&[2, 2, 2, 2], 1));
    let unused = tape.variable(normal(&[2, 4], 2));
    let later = tape.tanh(unused);
    let target = tape.constant(normal(&[2, 4], 3));
    let y = layer.forward(&mut tape, slot, image, ConvEpilogue::Linear);
    let flat = tape.flatten(y);
    let loss = tape.squared_error(flat, target);
    let gradients = tape.backward(loss);
    for var in [image, target, unused, later] {
        assert_eq!(gradients.variable(var), None, "{var:?}");
    }
    assert!(gradients.parameters(slot).iter().all(|&g| g != 0.0));
}

#[test]
fn values_made_of_constants_record_nothing_to_walk_back() {
    let mut tape = Tape::new(Mode::Train);
    let x = tape.constant(normal(&[2, 2], 1));
    let mut y = tape.tanh(x);
    y = tape.matmul(y, x);
    y = tape.concat(&[y, x]);
    let node = &tape.nodes[y.index];
    assert!(!node.needs_gradient && node.operation.is_none());
}
