//! A loss reaches only what it is made of: blocks that share a tape still learn apart.

use nopropdt_tensor::layers::{BatchNorm, Linear};
use nopropdt_tensor::random::Stream;
use nopropdt_tensor::{Mode, ParameterBuilder, Parameters, Tape, Tensor};

/// A block of a linear layer and a batch norm.
fn block(seed: u64) -> (Parameters, Linear, BatchNorm) {
    let mut builder = ParameterBuilder::new(Stream::new(seed));
    let linear = Linear::new(&mut builder, "fc", 3, 4);
    let norm = BatchNorm::new(&mut builder, "bn", 4);
    (builder.build(), linear, norm)
}

fn input() -> Tensor {
    Tensor::filled_by(&[5, 3], |data| Stream::new(9).fill_normal(data))
}

#[test]
fn a_set_the_loss_does_not_use_gets_a_zero_gradient() {
    let ((first, linear, norm), (second, ..)) = (block(1), block(2));
    for used in [0, 1] {
        let mut tape = Tape::new(Mode::Train);
        let slots = [tape.attach(&first), tape.attach(&second)];
        let x = tape.constant(input());
        let outputs = slots.map(|slot| {
            let y = linear.forward(&mut tape, slot, x);
            norm.forward(&mut tape, slot, y)
        });
        let loss = tape.cross_entropy(outputs[used], &[0, 1, 2, 3, 0]);
        let mut gradients = tape.backward(loss);
        let other = gradients.take_parameters(slots[1 - used]);
        assert_eq!(other, vec![0.0; second.len()], "the block without a loss");
        assert!(gradients.parameters(slots[used]).iter().any(|&g| g != 0.0), "the block with the loss");
        assert_eq!(gradients.parameters(slots[used]).len(), first.len());
    }
}

#[test]
fn each_set_gets_the_gradient_it_would_get_alone() {
    let ((first, linear, norm), (second, ..)) = (block(1), block(2));
    let labels = [0, 1, 2, 3, 0];
    let alone = |parameters: &Parameters| {
        let mut tape = Tape::new(Mode::Train);
        let slot = tape.attach(parameters);
        let x = tape.constant(input());
        let y = linear.forward(&mut tape, slot, x);
        let y = norm.forward(&mut tape, slot, y);
        let loss = tape.cross_entropy(y, &labels);
        tape.backward(loss).take_parameters(slot)
    };
    let mut tape = Tape::new(Mode::Train);
    let slots = [tape.attach(&first), tape.attach(&second)];
    let x = tape.constant(input());
    let losses = slots.map(|slot| {
        let y = linear.forward(&mut tape, slot, x);
        let y = norm.forward(&mut tape, slot, y);
        tape.cross_entropy(y, &labels)
    });
    let loss = tape.add(losses[0], losses[1]);
    let mut gradients = tape.backward(loss);
    assert_eq!(gradients.take_parameters(slots[0]), alone(&first));
    assert_eq!(gradients.take_parameters(slots[1]), alone(&second));
}

#[test]
fn statistics_go_to_the_set_that_saw_them() {
    let ((mut first, linear, norm), (mut second, ..)) = (block(1), block(2));
    let before = second.statistics().to_vec();
    let mut tape = Tape::new(Mode::Train);
    let slots = [tape.attach(&first), tape.attach(&second)];
    let x = tape.constant(input());
    let y = linear.forward(&mut tape, slots[0], x);
    let y = norm.forward(&mut tape, slots[0], y);
    let loss = tape.cross_entropy(y, &[0, 1, 2, 3, 0]);
    let mut gradients = tape.backward(loss);
    let (of_first, of_second) = (gradients.take_statistics(slots[0]), gradients.take_statistics(slots[1]));
    first.update_statistics(&of_first);
    second.update_statistics(&of_second);
    assert!(of_second.is_empty());
    assert_ne!(first.statistics(), before);
    assert_eq!(second.statistics(), before);
}
