//! What a training method promises, through the public interface alone.

mod configuration;
mod continuous;
mod gradients;
mod init;
mod locality;
mod names;
mod reference;
mod sampling;
mod shapes;

use nopropdt_blocks::{
    Batch, BlockConfig, DtConfig, EmbeddingConfig, EmbeddingStart, HeadConfig, Method, NoPropDt,
    ObjectiveKind, Sampler, ScheduleKind, Weights,
};
use nopropdt_tensor::Tensor;
use nopropdt_tensor::random::Stream;

const IMAGE: [usize; 3] = [9, 8, 2];
const LEARNED: EmbeddingConfig = EmbeddingConfig::Learned { dim: 5, start: EmbeddingStart::Orthogonal };

/// A network small enough to differentiate numerically: the paper's loss and block, four classes, three steps.
fn small() -> DtConfig {
    DtConfig {
        image: IMAGE,
        classes: 4,
        steps: 3,
        eta: 0.1,
        schedule: ScheduleKind::Cosine,
        objective: ObjectiveKind::Paper,
        embedding: LEARNED,
        head: HeadConfig::Softmax,
        block: BlockConfig { channels: [3, 4, 5], hidden: 6, join: [7, 5], ..BlockConfig::paper() },
        sampler: Sampler::Stochastic,
    }
}

/// The reference repository's loss, chain, schedule and block, with its decoder, as small.
fn small_reference() -> DtConfig {
    let block = BlockConfig {
        decoder: true,
        channels: [3, 4, 5],
        hidden: 6,
        join: [7, 5],
        ..BlockConfig::reference()
    };
    DtConfig {
        schedule: ScheduleKind::Reference,
        objective: ObjectiveKind::Reference,
        steps: 10,
        block,
        ..small()
    }
}

fn without_dropout(config: DtConfig) -> DtConfig {
    DtConfig { block: BlockConfig { dropout: 0.0, ..config.block }, ..config }
}

fn network(config: &DtConfig) -> (NoPropDt, Weights) {
    let net = NoPropDt::new(config).unwrap();
    let weights = net.init(3);
    (net, weights)
}

/// Random images, of a contrast of their own each, of random classes.
fn batch(config: &DtConfig, rows: usize) -> Batch {
    let [height, width, channels] = config.image;
    let stream = Stream::new(4);
    let images = Tensor::filled_by(&[rows, height, width, channels], |data| {
        stream.fill_uniform(data);
        for (row, image) in data.chunks_exact_mut(height * width * channels).enumerate() {
            image.iter_mut().for_each(|pixel| *pixel *= (row + 1) as f32 / rows as f32);
        }
    });
    let mut classes = vec![0; rows];
    stream.purpose("labels").fill_u16_at(0, &mut classes);
    Batch { images, labels: classes.into_iter().map(|class| usize::from(class) % config.classes).collect() }
}
