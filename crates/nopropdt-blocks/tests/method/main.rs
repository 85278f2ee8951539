//! What a training method promises, through the public interface alone.

mod configuration;
mod continuous;
mod gradients;
mod init;
mod locality;
mod mirrored;
mod names;
mod reference;
mod sampling;
mod shapes;
mod weights;

use nopropdt_blocks::{
    Batch, BlockDesign, ConvBlock, DtConfig, EmbeddingConfig, EmbeddingStart, Method, NetworkConfig,
    NoPropDt, ObjectiveKind, Sampler, ScheduleKind, Weights,
};
use nopropdt_tensor::Tensor;
use nopropdt_tensor::random::Stream;
use std::sync::Arc;

const IMAGE: [usize; 3] = [9, 8, 2];
const LEARNED: EmbeddingConfig = EmbeddingConfig::Learned { dim: 5, start: EmbeddingStart::Orthogonal };

/// A network small enough to differentiate numerically: the paper's loss and block, four classes, three steps.
fn small() -> DtConfig {
    DtConfig {
        network: NetworkConfig { embedding: LEARNED, ..NetworkConfig::new(&IMAGE, 4, small_block()) },
        steps: 3,
        eta: 0.1,
        schedule: ScheduleKind::Cosine,
        objective: ObjectiveKind::Paper,
        sampler: Sampler::Stochastic,
    }
}

fn small_block() -> ConvBlock {
    ConvBlock { channels: [3, 4, 5], hidden: 6, join: [7, 5], ..ConvBlock::paper() }
}

/// The reference repository's loss, chain, schedule and block, with its decoder, as small.
fn small_reference() -> DtConfig {
    let config = DtConfig {
        schedule: ScheduleKind::Reference,
        objective: ObjectiveKind::Reference,
        steps: 10,
        ..small()
    };
    with_block(config, small_reference_block())
}

fn small_reference_block() -> ConvBlock {
    ConvBlock { decoder: true, channels: [3, 4, 5], hidden: 6, join: [7, 5], ..ConvBlock::reference() }
}

fn without_dropout(block: ConvBlock) -> ConvBlock {
    ConvBlock { dropout: 0.0, ..block }
}

/// The same on other blocks.
fn with_block(config: DtConfig, block: impl BlockDesign + 'static) -> DtConfig {
    with_network(config, |network| network.block = Arc::new(block))
}

/// The same with another network.
fn with_network(mut config: DtConfig, change: impl FnOnce(&mut NetworkConfig)) -> DtConfig {
    change(&mut config.network);
    config
}

fn network(config: &DtConfig) -> (NoPropDt, Weights) {
    let net = NoPropDt::new(config).unwrap();
    let weights = net.init(3);
    (net, weights)
}

/// Random images, of a contrast of their own each, of random classes.
fn batch(config: &DtConfig, rows: usize) -> Batch {
    let input = &config.network.input;
    let stream = Stream::new(4);
    let inputs = Tensor::filled_by(&[&[rows], input.as_slice()].concat(), |data| {
        stream.fill_uniform(data);
        for (row, image) in data.chunks_exact_mut(input.iter().product()).enumerate() {
            image.iter_mut().for_each(|pixel| *pixel *= (row + 1) as f32 / rows as f32);
        }
    });
    let mut classes = vec![0; rows];
    stream.purpose("labels").fill_u16_at(0, &mut classes);
    let labels = classes.into_iter().map(|class| usize::from(class) % config.network.classes).collect();
    Batch::new(inputs, labels)
}
