//! The loss of three blocks against PyTorch: value and every gradient, from end to end.

use super::super::*;
use crate::golden::{Golden, small_network};

#[test]
fn the_loss_is_pytorchs() {
    let mut golden = Golden::open("backprop_loss.safetensors");
    let steps = golden.number("blocks") as usize;
    let net = Backprop::new(&BackpropConfig { network: small_network(), steps }).unwrap();
    let Weights { mut blocks, mut shared } = net.init(0);
    for (index, set) in blocks.iter_mut().enumerate() {
        golden.load(&format!("before.{index}."), set);
    }
    shared.values_mut().for_each(|set| golden.load("", set));
    let batch = golden.batch();
    let start = golden.take("start").tensor();
    let step = net.step_from(start, &StepInput::new(0, &blocks, &shared, &batch, Stream::new(0)));
    golden.check_terms("", &step.loss, &["total"]);
    for (index, (set, gradient)) in blocks.iter().zip(&step.own).enumerate() {
        golden.check_gradients(&format!("grad.{index}."), set, gradient);
    }
    golden.check_shared("grad.", &shared, &step);
}
