//! Block t's whole loss with a learned embedding against PyTorch: every term, value and gradient.

use super::super::paper::{Noise, Paper};
use super::super::*;
use crate::batch::Batch;
use crate::golden::{FORWARD, Golden, small_network};
use crate::loss_tape::LossTape;
use crate::method::LossTerms;
use crate::weights::{EMBEDDING, HEAD};

fn network(golden: &Golden) -> NoPropDt {
    let config = DtConfig {
        network: small_network(),
        steps: golden.number("steps") as usize,
        eta: golden.number("eta"),
        schedule: ScheduleKind::Cosine,
        objective: ObjectiveKind::Paper,
        sampler: Sampler::Stochastic,
    };
    NoPropDt::new(&config).unwrap()
}

#[test]
fn the_papers_loss_is_pytorchs() {
    let mut golden = Golden::open("dt_loss.safetensors");
    let net = network(&golden);
    let Weights { blocks, mut shared } = net.init(0);
    let mut own = blocks.into_iter().next().unwrap();
    golden.load("before.", &mut own);
    golden.load("", &mut shared[EMBEDDING]);
    golden.load("", &mut shared[HEAD]);
    let batch = golden.batch();
    let (previous, last) = (golden.take("eps_prev").tensor(), golden.take("eps_last").tensor());
    for (found, expected) in net.schedule.alpha_bar().iter().zip(golden.take("alpha_bar").values) {
        approx::assert_relative_eq!(*found, expected, max_relative = 1e-12);
    }
    let paper = Paper { eta: golden.number("eta") };
    for t in [3, 10] {
        let noise = Noise { previous: previous.clone(), last: last.clone(), dropout: Stream::new(0) };
        let input = StepInput::new(t - 1, std::slice::from_ref(&own), &shared, &batch, Stream::new(0));
        check_values(&mut golden, &net, t, LossTape::new(&net.net, &input), &batch, &noise);
        let mut on = LossTape::new(&net.net, &input);
        let loss = paper.loss_with(t, &net.schedule, &mut on, &batch, noise, |_, z| Some(z));
        let step = on.finish(loss);
        check_terms(&mut golden, t, paper.error_weight(&net.schedule, t), &step.loss);
        let prefix = format!("t{t}.grad.");
        golden.check_gradients(&prefix, &own, &step.own[0]);
        golden.check_shared(&prefix, &shared, &step);
    }
}

/// The values that the terms are made of.
fn check_values(
    golden: &mut Golden,
    net: &NoPropDt,
    t: usize,
    mut on: LossTape<'_>,
    batch: &Batch,
    noise: &Noise,
) {
    let z = on.noised(net.schedule.noising(t - 1), noise.previous.clone());
    let z_last = on.noised(net.schedule.noising(net.schedule.steps()), noise.last.clone());
    let logits = on.logits(batch, z, None, Stream::new(0));
    let estimate = on.estimate(logits);
    let head_logits = on.head(z_last);
    for (name, var) in [
        ("z_prev", z),
        ("z_last", z_last),
        ("logits", logits),
        ("estimate", estimate),
        ("head_logits", head_logits),
    ] {
        golden.check(&format!("t{t}.{name}"), on.tape.value(var).data(), FORWARD);
    }
}

fn check_terms(golden: &mut Golden, t: usize, weight: f64, terms: &LossTerms) {
    let prefix = format!("t{t}.");
    golden.check_terms(&prefix, terms, &["total", "squared_error", "ce", "kl"]);
    for (name, found) in [("weight", weight), ("l2", weight * terms.squared_error)] {
        golden.check(&format!("{prefix}loss.{name}"), &[found as f32], FORWARD);
    }
}
