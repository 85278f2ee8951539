//! The loss with a learned embedding against PyTorch: every term and gradient.

use super::*;
use crate::golden::{Golden, small_network};

#[test]
fn the_loss_is_pytorchs() {
    let mut golden = Golden::open("fm_loss.safetensors");
    let sigma = golden.number("sigma");
    let config = FmConfig { network: small_network(), steps: 10, sigma, sampler: Sampler::Euler };
    let net = NoPropFm::new(&config).unwrap();
    let Weights { mut blocks, mut shared } = net.init(0);
    golden.load("before.", &mut blocks[0]);
    shared.values_mut().for_each(|set| golden.load("", set));
    let batch = golden.batch();
    let noise = Noise {
        times: golden.take("t").values,
        start: golden.take("start").tensor(),
        path: golden.take("path").tensor(),
    };
    let mut on = LossTape::new(&net.net, &StepInput::new(0, &blocks, &shared, &batch, Stream::new(0)));
    let loss = net.loss(&mut on, &batch, noise, Stream::new(0));
    let step = on.finish(loss);
    golden.check_terms("", &step.loss, &["total", "squared_error", "ce"]);
    golden.check_gradients("grad.", &blocks[0], &step.own[0]);
    golden.check_shared("grad.", &shared, &step);
}
