//! A training method of one's own in about a hundred lines: `cargo run -p nopropdt-train --example own_method`.
//!
//! T small classifiers, each trained alone by its own cross-entropy, answer together by the mean of their class probabilities: what
//! is left of NoProp without noise and denoising. Whatever implements `Method` is trained, resumed and measured like the others.

use std::error::Error;
use std::path::Path;

use nopropdt_blocks::{
    Batch, BlockConfig, BlockInputs, BlockStep, DenoiseBlock, EmbeddingConfig, Facts, Features,
    LabelEmbedding, LossTerms, Method, Trace, Weights,
};
use nopropdt_data::{DatasetName, load};
use nopropdt_tensor::random::Stream;
use nopropdt_tensor::{Mode, ParameterBuilder, Parameters, Precision, Tape, Tensor};
use nopropdt_train::config::Overrides;
use nopropdt_train::evaluate::accuracy;
use nopropdt_train::trainer::{Progress, Trainer, batches_per_epoch};

const IMAGE: [usize; 3] = [8, 8, 1];
const CLASSES: usize = 10;

/// Blocks that look at the image alone.
#[derive(Debug)]
struct Committee {
    members: usize,
    block: DenoiseBlock,
    embedding: LabelEmbedding,
}

/// One member's parameters, and the handles to them, which all members share.
fn member(stream: Stream) -> (DenoiseBlock, LabelEmbedding, Parameters) {
    let mut builder = ParameterBuilder::new(stream);
    let embedding =
        LabelEmbedding::new(&EmbeddingConfig::OneHot, CLASSES, IMAGE, &mut builder).expect("ten classes");
    let config = BlockConfig {
        channels: [16, 32, 64],
        hidden: 64,
        dropout: 0.0,
        join: [64, 32],
        ..BlockConfig::paper()
    };
    let block =
        DenoiseBlock::new(&config, IMAGE, CLASSES, CLASSES, &mut builder).expect("the image is large enough");
    (block, embedding, builder.build())
}

/// Class logits [B, m] of a member on features [B, hidden] and a latent that says nothing.
fn logits(block: &DenoiseBlock, own: &Parameters, features: &Tensor) -> Tensor {
    let mut tape = Tape::new(Mode::Eval);
    let slot = tape.attach(own);
    let zeros = tape.constant(Tensor::zeros(&[features.shape()[0], CLASSES]));
    let features = tape.constant(features.clone());
    let logits = block.logits(&mut tape, slot, BlockInputs::new(features, zeros));
    tape.value(logits).clone()
}

impl Method for Committee {
    fn facts(&self) -> Facts<'_> {
        Facts {
            name: "committee",
            parameters: self.members * member(Stream::new(0)).2.len(),
            blocks: self.members,
            together: 1,
            slices: 1,
            classes: CLASSES,
            readouts: self.members,
            precision: Precision::F32,
            embedding: &self.embedding,
            multiply_adds: self.block.multiply_adds(),
        }
    }

    fn init(&self, seed: u64) -> Weights {
        let own = |index| member(Stream::new(seed).child(index as u64)).2;
        let shared = || ParameterBuilder::new(Stream::new(seed)).build();
        Weights { blocks: (0..self.members).map(own).collect(), shared: vec![shared(), shared()] }
    }

    fn shown(&self, loss: &LossTerms) -> f64 {
        loss.cross_entropy
    }

    fn block_step(
        &self,
        _: usize,
        own: &[Parameters],
        _: &[Parameters],
        batch: &Batch,
        stream: Stream,
    ) -> BlockStep {
        let mut tape = Tape::new(Mode::Train);
        let slot = tape.attach(&own[0]);
        let images = tape.constant(batch.images.clone());
        let zeros = tape.constant(Tensor::zeros(&[batch.labels.len(), CLASSES]));
        let features = self.block.features(&mut tape, slot, images, Some(stream.purpose("dropout")));
        let logits = self.block.logits(&mut tape, slot, BlockInputs::new(features, zeros));
        let loss = tape.cross_entropy(logits, &batch.labels);
        let value = f64::from(tape.value(loss).item());
        let mut gradients = tape.backward(loss);
        BlockStep {
            loss: LossTerms { total: value, cross_entropy: value, ..LossTerms::default() },
            own: vec![gradients.take_parameters(slot)],
            shared: vec![None, None],
            statistics: vec![gradients.take_statistics(slot)],
        }
    }

    fn features(&self, weights: &Weights, images: &Tensor) -> Features {
        let of_member = |own| {
            let mut tape = Tape::new(Mode::Eval);
            let slot = tape.attach(own);
            let images = tape.constant(images.clone());
            let features = self.block.features(&mut tape, slot, images, None);
            tape.value(features).clone()
        };
        Features { of_blocks: weights.blocks.iter().map(of_member).collect() }
    }

    fn sample(&self, weights: &Weights, features: &Features, _: &dyn Fn(usize) -> Stream) -> Trace {
        let pairs = weights.blocks.iter().zip(&features.of_blocks);
        let block_logits: Vec<Tensor> =
            pairs.map(|(own, features)| logits(&self.block, own, features)).collect();
        let head_logits = block_logits.last().expect("there is a member").clone();
        Trace { block_logits, head_logits }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let (block, embedding, _) = member(Stream::new(0));
    let method = Committee { members: 4, block, embedding };
    let data = load(DatasetName::Digits, Path::new("data"))?;
    let config = Overrides { epochs: Some(8), ..Overrides::default() }.resolve(None)?;
    let mut trainer = Trainer::new(&method, &config, batches_per_epoch(data.train.len(), config.batch_size))?;
    let quiet = Progress { on_step: &|_, _, _| (), stop: &|| false };
    for epoch in 0..config.epochs {
        let loss = trainer.epoch(&data.train, epoch, &quiet)?;
        println!("epoch {}: cross-entropy of each member {:.3?}", epoch + 1, loss.shown);
    }
    let found = accuracy(&method, trainer.weights(), &data.test, config.seed, 1).remove(0);
    println!("each member {:.3?}, all together {:.3}", found.per_block, found.consensus);
    if found.consensus < 0.9 {
        return Err(format!("the committee should know 9 of 10 digits; it knows {}", found.consensus).into());
    }
    Ok(())
}
