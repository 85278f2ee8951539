//! Block t's whole loss with a learned embedding against PyTorch: every term, value and gradient.

use super::super::paper::{Loss, Noise, error_weight};
use super::super::*;
use crate::golden::{FORWARD, GRADIENT, Golden};
use nopropdt_tensor::gradient_check::compare;

fn network(golden: &Golden) -> NoPropDt {
    let block = BlockConfig { channels: [3, 4, 5], hidden: 6, join: [7, 5], dropout: 0.0, ..BlockConfig::paper() };
    let config = DtConfig {
        image: ImageShape { height: 9, width: 10, channels: 2 },
        classes: 4,
        steps: golden.number("steps") as usize,
        eta: golden.number("eta"),
        schedule: ScheduleKind::Cosine,
        objective: Objective::Paper,
        embedding: EmbeddingConfig::Learned { dim: 5, start: crate::EmbeddingStart::Orthogonal },
        block,
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
    let batch = Batch { images: golden.take("x").images(), labels: golden.take("labels").labels() };
    let (previous, last) = (golden.take("eps_prev").tensor(), golden.take("eps_last").tensor());
    for (found, expected) in net.schedule.alpha_bar().iter().zip(golden.take("alpha_bar").values) {
        approx::assert_relative_eq!(*found, expected, max_relative = 1e-12);
    }
    for t in [3, 10] {
        let noise = Noise { previous: previous.clone(), last: last.clone() };
        check(&mut golden, &net, t, (&own, &shared, &batch), noise);
    }
}

fn check(
    golden: &mut Golden,
    net: &NoPropDt,
    t: usize,
    (own, shared, batch): (&Parameters, &[Parameters], &Batch),
    noise: Noise,
) {
    let mut on = LossTape::new(net, own, shared, batch);
    let loss = Loss::record(net, t, &mut on, batch, noise, Stream::new(0));
    let images = on.tape.constant(batch.images.clone());
    let features = net.block.features(&mut on.tape, on.own, images, None);
    let logits = net.block.logits(&mut on.tape, on.own, features, loss.z);
    for (name, var) in [
        ("z_prev", loss.z),
        ("z_last", loss.z_last),
        ("logits", logits),
        ("estimate", loss.estimate),
        ("head_logits", loss.logits),
    ] {
        golden.check(&format!("t{t}.{name}"), on.tape.value(var).data(), FORWARD);
    }
    let step = loss.finish(net, on);
    let (terms, weight) = (step.loss, error_weight(net, t));
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
    let prefix = format!("t{t}.grad.");
    golden.check_gradients(&prefix, own, &step.own);
    for (set, gradient) in shared.iter().zip(&step.shared) {
        golden.check_gradients(&prefix, set, gradient.as_ref().unwrap());
    }
}
