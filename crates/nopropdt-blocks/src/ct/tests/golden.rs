//! The loss with a learned embedding against PyTorch: every term and gradient, and the schedule.

use super::super::*;
use crate::golden::{FORWARD, Golden, small_network};

#[test]
fn the_loss_is_pytorchs() {
    let mut golden = Golden::open("ct_loss.safetensors");
    let eta = golden.number("eta");
    let config = CtConfig { network: small_network(), steps: 10, eta, sampler: Sampler::Stochastic };
    let net = NoPropCt::new(&config).unwrap();
    let Weights { mut blocks, mut shared } = net.init(0);
    golden.load("before.", &mut blocks[0]);
    shared.values_mut().for_each(|set| golden.load("", set));
    let batch = golden.batch();
    let noise = Noise {
        times: golden.take("t").values,
        at_times: golden.take("eps").tensor(),
        last: golden.take("eps_last").tensor(),
    };
    let curve = net.gamma.curve(&shared[SCHEDULE]);
    let levels: Vec<Level> = noise.times.iter().map(|&t| curve.at(t)).collect();
    golden.check("gamma", &levels.iter().map(|level| level.gamma as f32).collect::<Vec<_>>(), FORWARD);
    golden.check("slope", &levels.iter().map(|level| level.slope as f32).collect::<Vec<_>>(), FORWARD);

    let on = LossTape::new(&net.net, &StepInput::new(0, &blocks, &shared, &batch, Stream::new(0)));
    let step = net.step_with(on, &shared[SCHEDULE], &batch, &noise, Stream::new(0));
    golden.check_terms("", &step.loss, &["total", "squared_error", "ce", "kl"]);
    golden.check_gradients("grad.", &blocks[0], &step.own[0]);
    golden.check_shared("grad.", &shared, &step);
}
