//! The reference repository's loss by hand, from the values it is made of.

use super::super::*;
use crate::batch::Batch;
use crate::loss_tape::LossTape;
use crate::weights::HEAD;
use crate::{EmbeddingConfig, EmbeddingStart};
use nopropdt_tensor::Parameters;

fn network() -> NoPropDt {
    let small = ConvBlock { channels: [3, 4, 5], hidden: 6, join: [7, 5], ..ConvBlock::reference() };
    let block = ConvBlock { decoder: true, ..small };
    let embedding = EmbeddingConfig::Learned { dim: 6, start: EmbeddingStart::Small };
    let config = DtConfig {
        network: NetworkConfig { embedding, ..NetworkConfig::new(&[8, 8, 1], 4, block) },
        steps: 10,
        eta: 0.1,
        schedule: ScheduleKind::Reference,
        objective: ObjectiveKind::Reference,
        sampler: Sampler::Stochastic,
    };
    NoPropDt::new(&config).unwrap()
}

/// x·Wᵀ + b in f64, W [out, in] as saved.
fn linear(parameters: &Parameters, name: &str, x: &[f32], inputs: usize) -> Vec<f64> {
    let weight = parameters.export(&format!("{name}.weight")).unwrap();
    let bias = parameters.export(&format!("{name}.bias")).unwrap();
    let dot = |x: &[f32], w: &[f32]| x.iter().zip(w).map(|(x, w)| f64::from(*x) * f64::from(*w)).sum::<f64>();
    let rows = x.chunks_exact(inputs);
    rows.flat_map(|x| weight.chunks_exact(inputs).zip(&bias).map(move |(w, b)| dot(x, w) + f64::from(*b)))
        .collect()
}

#[test]
fn the_estimate_and_its_second_decoding_are_compared_with_the_target() {
    let net = network();
    let weights = net.init(1);
    let inputs = Tensor::filled_by(&[5, 8, 8, 1], |data| Stream::new(2).fill_uniform(data));
    let batch = Batch::new(inputs, vec![0, 3, 1, 2, 3]);
    for t in [1, 7, 10] {
        let (own, stream) = (&weights.blocks[t - 1..t], Stream::new(3).child(t as u64));
        let input = StepInput::new(t - 1, own, &weights.shared, &batch, stream);
        let loss = net.step(&input).loss;

        let mut on = LossTape::new(&net.net, &input);
        let epsilon = on.noise(stream.purpose("z"));
        // Block t is fed z at t, not t − 1.
        let z = on.noised(net.schedule.noising(t), epsilon);
        let logits = on.logits(&batch, z, None, stream.purpose("dropout"));
        let estimate = on.estimate(logits);
        let (estimate, target) = (on.tape.value(estimate).data(), on.tape.value(on.target).data());
        let decoded = linear(&own[0], "decoder.fc", estimate, 6);
        let errors = estimate.iter().zip(&decoded).zip(target);
        let squared_error =
            errors.map(|((u, d), y)| (f64::from(*u) + d.tanh() - f64::from(*y)).powi(2)).sum::<f64>() / 5.0;
        approx::assert_relative_eq!(loss.squared_error, squared_error, max_relative = 1e-5);

        if t == 10 {
            // The head is applied to û of this very block.
            let logits = linear(&weights.shared[HEAD], "head", estimate, 6);
            let negative_log =
                |(row, label): (&[f64], &usize)| row.iter().map(|v| v.exp()).sum::<f64>().ln() - row[*label];
            let sum: f64 = logits.chunks_exact(4).zip(&batch.labels).map(negative_log).sum();
            approx::assert_relative_eq!(loss.cross_entropy, sum / 5.0, max_relative = 1e-5);
        }
    }
}
