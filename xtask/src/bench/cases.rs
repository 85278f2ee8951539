//! What is measured: blocks, inputs, precisions, and how much of each.

use anyhow::Result;
use nopropdt_blocks::{Method, NoPropDt};
use nopropdt_data::ImageShape;
use nopropdt_data::Split;
use nopropdt_kernels::measure::Arithmetic;
use nopropdt_tensor::random::Stream;
use nopropdt_train::config::{LearningRateKind, Overrides, PrecisionKind, RunConfig};
use std::fmt;
use std::time::Duration;

/// Images a training batch.
pub(super) const BATCH: usize = 128;
/// Classes, and length of the one-hot embedding.
pub(super) const CLASSES: usize = 10;
/// Seed of weights, images and noise.
const SEED: u64 = 0;

/// A precision of ours: its name, the setting, and the arithmetic whose peak it is held against.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Format {
    pub(super) name: &'static str,
    pub(super) precision: PrecisionKind,
    pub(super) arithmetic: Arithmetic,
}

/// Every precision there is. A further one is a further line.
pub(super) const FORMATS: [Format; 2] = [
    Format { name: "f32", precision: PrecisionKind::F32, arithmetic: Arithmetic::F32 },
    Format { name: "bf16", precision: PrecisionKind::Bf16, arithmetic: Arithmetic::Bf16 },
];

/// A block and the images it is fed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Case {
    pub(super) block: &'static str,
    /// As people write it: height x width x channels.
    pub(super) input: &'static str,
    pub(super) image: ImageShape,
}

/// Every block and input, in the order of the tables.
pub(super) const CASES: [Case; 4] = [
    Case { block: "paper", input: "28x28x1", image: image(28, 1) },
    Case { block: "paper", input: "32x32x3", image: image(32, 3) },
    Case { block: "reference", input: "28x28x1", image: image(28, 1) },
    Case { block: "deep", input: "32x32x3", image: image(32, 3) },
];

const fn image(side: usize, channels: usize) -> ImageShape {
    ImageShape { height: side, width: side, channels }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.block, self.input)
    }
}

/// How much to measure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Plan {
    /// T, blocks trained side by side.
    pub(super) blocks: usize,
    /// Rounds in which ours and the peers take turns.
    pub(super) rounds: u32,
    /// Seconds for each figure, over all rounds.
    pub(super) seconds: f64,
    /// Seconds for each operation and each peak.
    pub(super) op_seconds: f64,
    /// Training images a memory run holds.
    pub(super) images: usize,
}

impl Plan {
    /// Time for an operation or a peak.
    pub(super) fn op_limit(&self) -> Duration {
        Duration::from_secs_f64(self.op_seconds)
    }

    /// Seconds of a figure that may be used up by the end of a round, from 0.
    pub(super) fn due(&self, round: u32) -> f64 {
        self.seconds * f64::from(round + 1) / f64::from(self.rounds)
    }
}

impl Case {
    /// The whole training setup but for the data: AdamW, gradients clipped to norm 1, a constant learning rate.
    pub(super) fn config(&self, format: Format, plan: &Plan) -> Result<RunConfig> {
        let overrides = Overrides::default()
            .with("block", self.block)
            .with("precision", format.precision)
            .with("steps", plan.blocks)
            .with("batch-size", BATCH)
            .with("clip-norm", 1.0)
            .with("lr-schedule", LearningRateKind::Constant)
            .with("seed", SEED);
        Ok(overrides.resolve(None)?)
    }

    /// Made-up images with labels: pixels uniform in 0..=255.
    pub(super) fn images(&self, count: usize) -> Result<Split> {
        let shape = self.image;
        let mut values = vec![0.0; shape.len()];
        let mut pixels = Vec::with_capacity(count * shape.len());
        for index in 0..count {
            Stream::new(SEED).purpose("bench").child(index as u64).fill_uniform(&mut values);
            pixels.extend(values.iter().map(|value| (value * 256.0) as u8));
        }
        let labels = (0..count).map(|index| (index % CLASSES) as u16).collect();
        Ok(Split::new(shape, pixels, labels)?)
    }
}

/// Floating-point operations of a block step at [`BATCH`]: forward, and backward as twice as much, two a multiply-add. The
/// first convolution's input gradient is counted with the rest though nobody computes it: 1 % for the paper's block.
pub(super) fn step_flop(network: &NoPropDt) -> f64 {
    let (once_an_image, once_a_denoising) = network.facts().block.multiply_adds();
    (3 * 2 * BATCH as u64 * (once_an_image + once_a_denoising)) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) const SMALL: Plan = Plan { blocks: 2, rounds: 4, seconds: 2.0, op_seconds: 0.01, images: 512 };

    #[test]
    fn inputs_are_named_after_their_sizes() {
        for case in CASES {
            let ImageShape { height, width, channels } = case.image;
            assert_eq!(case.input, format!("{height}x{width}x{channels}"));
        }
    }

    #[test]
    fn every_case_is_a_network_of_known_work() {
        let work = CASES.map(|case| {
            let config = case.config(FORMATS[0], &SMALL).unwrap();
            assert_eq!(
                (
                    config.method.get::<usize>("steps").unwrap(),
                    config.training.batch_size,
                    config.training.clip_norm
                ),
                (2, BATCH, 1.0)
            );
            step_flop(&config.dt_network(&case.image.sizes(), CLASSES).unwrap()) / 1e9
        });
        let expected = [15.5, 20.5, 6.0, 116.9];
        assert!(work.iter().zip(expected).all(|(work, expected)| (work - expected).abs() < 0.5), "{work:?}");
    }

    #[test]
    fn images_are_made_up_the_same_every_time() {
        let split = CASES[1].images(20).unwrap();
        assert_eq!(split, CASES[1].images(20).unwrap());
        assert_eq!((split.len(), split.shape().len(), split.label(13)), (20, 32 * 32 * 3, 3));
        assert!(split.pixels(0) != split.pixels(1));
    }

    #[test]
    fn time_is_shared_out_over_the_rounds() {
        assert_eq!([0, 1, 3].map(|round| SMALL.due(round)), [0.5, 1.0, 2.0]);
    }
}
