//! The cross-entropy of each block in place of its squared error.

use super::super::*;
use crate::batch::Batch;
use crate::network::NetworkConfig;

fn method() -> NoPropDt {
    let block = ConvBlock { channels: [3, 4, 5], hidden: 8, join: [7, 6], ..ConvBlock::paper() };
    let schedule = NoiseSchedule::new(ScheduleKind::Late, 3).unwrap();
    let network = NetworkConfig::new(&[8, 8, 1], 4, block);
    NoPropDt::with_objective(&network, schedule, Arc::new(Labels), Sampler::Stochastic).unwrap()
}

/// The loss and its gradient by hand, on the same operations: what the block says of the noised latent, against the labels; head and divergence
/// as in the paper's.
#[test]
fn the_loss_is_a_cross_entropy_beside_the_papers_other_terms() {
    let method = method();
    let weights = method.init(1);
    let inputs = Tensor::filled_by(&[6, 8, 8, 1], |data| Stream::new(2).fill_uniform(data));
    let batch = Batch::new(inputs, vec![0, 1, 2, 3, 0, 1]);
    for smoothing in [0.0, 0.1] {
        let batch = batch.clone().with_smoothing(smoothing);
        let input = StepInput::new(1, &weights.blocks[1..2], &weights.shared, &batch, Stream::new(3));
        let found = method.step(&input);
        let mut on = method.net.loss_tape(&input);
        let epsilon = on.noise(Stream::new(3).purpose("z"));
        let z = on.noised(method.schedule.noising(1), epsilon);
        let logits = on.logits(&batch, z, None, Stream::new(3).purpose("dropout"));
        let own = on.tape.smoothed_cross_entropy(logits, &batch.labels, smoothing);
        let value = on.scalar(own);
        let parts = found.loss.cross_entropy + found.loss.kl;
        assert!((found.loss.total - parts).abs() < 1e-5 * parts, "{:?}", found.loss);
        let slot = on.own(0);
        assert_eq!(found.own[0], on.tape.backward(own).parameters(slot));
        let paper = Paper { eta: 0.1 };
        let mut on = method.net.loss_tape(&input);
        let papers = paper.loss(2, &method.schedule, &mut on, &batch, Stream::new(3)).terms;
        assert_eq!([found.loss.squared_error, found.loss.kl], [papers.squared_error, papers.kl]);
        assert_eq!(found.loss.cross_entropy, value + papers.cross_entropy);
    }
}

/// Blocks are told little before the last step, which ends at the answer.
#[test]
fn late_levels_stay_low_and_end_high() {
    for steps in [1, 2, 3, 10, 100] {
        let schedule = NoiseSchedule::new(ScheduleKind::Late, steps).unwrap();
        let levels = schedule.alpha_bar();
        assert!(levels[..steps].iter().all(|&level| level < 0.3), "{levels:?}");
        assert_eq!(levels[steps], 0.999);
    }
}
