//! Trains NoProp-DT on images that this program makes itself, and writes a model file:
//! `cargo run -p nopropdt-train --example own_dataset [MODEL.safetensors]`.
//!
//! Anything that implements `Examples` can be trained on: images drawn on the fly as here, read from a database, or changed
//! on their way to the network. Nothing of the command line is used.

use std::error::Error;
use std::path::PathBuf;

use nopropdt_data::{DatasetSource, Examples, ImageShape};
use nopropdt_tensor::random::Stream;
use nopropdt_train::config::{EmbeddingKind, Overrides};
use nopropdt_train::evaluate::accuracy;
use nopropdt_train::model_file::{self, ModelMetadata};
use nopropdt_train::trainer::{Progress, Trainer, batches_per_epoch};

/// Grey pictures of one bright bar on noise: class 0 lies, class 1 stands, class 2 falls to the right.
struct Bars {
    count: usize,
    /// Training and test pictures are drawn from streams of different names.
    stream: Stream,
}

const SIDE: usize = 12;
const CLASSES: [&str; 3] = ["lying", "standing", "falling"];

impl Examples for Bars {
    fn len(&self) -> usize {
        self.count
    }

    fn shape(&self) -> Vec<usize> {
        vec![SIDE, SIDE, 1]
    }

    fn label(&self, index: usize) -> usize {
        index % CLASSES.len()
    }

    /// A pure function of the index: nothing is kept in memory.
    fn fill(&self, index: usize, image: &mut [f32]) {
        let stream = self.stream.child(index as u64);
        stream.purpose("noise").fill_uniform(image);
        image.iter_mut().for_each(|value| *value *= 0.6);
        let mut place = [0.0];
        stream.purpose("place").fill_uniform(&mut place);
        let offset = (place[0] * SIDE as f32) as usize % SIDE;
        for along in 0..SIDE {
            let (row, column) = match self.label(index) {
                0 => (offset, along),
                1 => (along, offset),
                _ => (along, (along + offset) % SIDE),
            };
            image[row * SIDE + column] = 1.0;
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let train = Bars { count: 1500, stream: Stream::new(0).purpose("training bars") };
    let test = Bars { count: 300, stream: Stream::new(0).purpose("test bars") };

    // Settings as the command line has them; what is not set has its default.
    let config = Overrides::default()
        .with("dataset", DatasetSource::Own("bars".into()))
        .with("steps", 5)
        .with("embedding", EmbeddingKind::OneHot)
        .with("epochs", 8)
        .with("batch-size", 25);
    let config = config.resolve(None)?;
    let image = ImageShape { height: SIDE, width: SIDE, channels: 1 };
    let network = config.network(&image.sizes(), CLASSES.len())?;

    let mut trainer =
        Trainer::new(network.as_ref(), &config, batches_per_epoch(train.len(), config.training.batch_size))?;
    let quiet = Progress { on_step: &|_, _, _| (), stop: &|| false };
    for epoch in 0..config.training.epochs {
        let loss = trainer.epoch(&train, epoch, &quiet)?;
        let tested = accuracy(network.as_ref(), trainer.weights(), &test, config.training.seed, 1).remove(0);
        println!(
            "epoch {}: error of the last block {:.4}, test accuracy {:.1} %, consensus {:.1} %",
            epoch + 1,
            loss.shown.last().expect("there are blocks"),
            100.0 * tested.chain,
            100.0 * tested.consensus
        );
    }

    let tested = accuracy(network.as_ref(), trainer.weights(), &test, config.training.seed, 1).remove(0);
    if tested.consensus < 0.9 {
        return Err(format!("the consensus should know 9 of 10 bars; it knows {}", tested.consensus).into());
    }
    if let Some(path) = std::env::args_os().nth(1).map(PathBuf::from) {
        let names = CLASSES.map(str::to_owned);
        let metadata = ModelMetadata::new(&config, image, network.alpha_bar(trainer.weights()), &names);
        model_file::save(&path, &metadata, network.as_ref(), trainer.weights())?;
        let model = model_file::load(&path)?;
        println!("{}: a model of {}", path.display(), model.metadata.class_names.join(", "));
    }
    Ok(())
}
