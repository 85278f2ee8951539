//! Block t's whole loss with a learned embedding against PyTorch: every term, value and gradient.

use super::super::paper::{Noise, error_weight, loss};
use super::super::*;
use crate::golden::{FORWARD, Golden};
use crate::method::LossTerms;

fn network(golden: &Golden) -> NoPropDt {
    let block =
        BlockConfig { channels: [3, 4, 5], hidden: 6, join: [7, 5], dropout: 0.0, ..BlockConfig::paper() };
    let config = DtConfig {
        image: [9, 10, 2],
        classes: 4,
        steps: golden.number("steps") as usize,
        eta: golden.number("eta"),
        schedule: ScheduleKind::Cosine,
        objective: Objective::Paper,
        embedding: EmbeddingConfig::Learned { dim: 5, start: crate::EmbeddingStart::Orthogonal },
        head: HeadConfig::Softmax,
        block,
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
    golden.load("", &mut shared[Weights::EMBEDDING]);
    golden.load("", &mut shared[Weights::HEAD]);
    let batch = Batch { images: golden.take("x").images(), labels: golden.take("labels").labels() };
    let (previous, last) = (golden.take("eps_prev").tensor(), golden.take("eps_last").tensor());
    for (found, expected) in net.schedule.alpha_bar().iter().zip(golden.take("alpha_bar").values) {
        approx::assert_relative_eq!(*found, expected, max_relative = 1e-12);
    }
    for t in [3, 10] {
        let noise = Noise { previous: previous.clone(), last: last.clone() };
        check_values(&mut golden, &net, t, tape(&net, &own, &shared, &batch), &batch, &noise);
        let step = loss(&net, t, tape(&net, &own, &shared, &batch), &batch, noise, Stream::new(0));
        check_terms(&mut golden, &net, t, &step.loss);
        let prefix = format!("t{t}.grad.");
        golden.check_gradients(&prefix, &own, &step.own[0]);
        for (set, gradient) in shared.iter().zip(&step.shared) {
            golden.check_gradients(&prefix, set, gradient.as_ref().unwrap());
        }
    }
}

fn tape<'p>(net: &'p NoPropDt, own: &'p Parameters, shared: &'p [Parameters], batch: &Batch) -> LossTape<'p> {
    LossTape::new(&net.net, std::slice::from_ref(own), shared, &batch.labels)
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

fn check_terms(golden: &mut Golden, net: &NoPropDt, t: usize, terms: &LossTerms) {
    let weight = error_weight(net, t);
    for (name, found) in [
        ("total", terms.total),
        ("squared_error", terms.squared_error),
        ("ce", terms.cross_entropy),
        ("kl", terms.kl),
        ("weight", weight),
        ("l2", weight * terms.squared_error),
    ] {
        golden.check(&format!("t{t}.loss.{name}"), &[found as f32], FORWARD);
    }
}
