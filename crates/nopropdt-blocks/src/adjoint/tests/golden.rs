//! The adjoint method by either rule against its equations in PyTorch: the loss and every gradient.

use super::super::*;
use crate::golden::{Golden, small_network};

#[test]
fn the_loss_is_pytorchs() {
    let mut golden = Golden::open("adjoint_loss.safetensors");
    let net = |golden: &Golden, name: &str, sampler| {
        let steps = golden.number(name) as usize;
        Adjoint::new(&AdjointConfig { network: small_network(), steps, sampler }).unwrap()
    };
    let Weights { mut blocks, mut shared } = net(&golden, "euler", Sampler::Euler).init(0);
    golden.load("before.", &mut blocks[0]);
    shared.values_mut().for_each(|set| golden.load("", set));
    let batch = golden.batch();
    let start = golden.take("start").tensor();
    for (name, sampler) in [("euler", Sampler::Euler), ("heun", Sampler::Heun)] {
        let net = net(&golden, name, sampler);
        let input = StepInput::new(0, &blocks, &shared, &batch, Stream::new(0));
        let step = net.step_from(start.clone(), &input);
        golden.check_terms(&format!("{name}."), &step.loss, &["total"]);
        let prefix = format!("{name}.grad.");
        golden.check_gradients(&prefix, &blocks[0], &step.own[0]);
        golden.check_shared(&prefix, &shared, &step);
    }
}
