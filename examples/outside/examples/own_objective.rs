//! An objective and a schedule of one's own: NoProp-DT whose blocks all weigh the squared error alike, along levels in equal steps.
//!
//! `cargo run --example own_objective`

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use nopropdt_blocks::{
    Batch, ConvBlock, Loss, LossTape, LossTerms, NetworkConfig, NoPropDt, NoiseSchedule, Objective, Sampler,
};
use nopropdt_data::{DatasetName, load};
use nopropdt_tensor::random::Stream;
use nopropdt_train::config::Overrides;
use nopropdt_train::evaluate::accuracy;
use nopropdt_train::trainer::{Progress, Trainer, batches_per_epoch};

/// CE(f(z_T), y) + weight·‖û_t − u_y‖², the same weight for every block.
#[derive(Debug)]
struct Flat {
    weight: f32,
}

impl Objective for Flat {
    fn loss(
        &self,
        t: usize,
        levels: &NoiseSchedule,
        on: &mut LossTape<'_>,
        batch: &Batch,
        stream: Stream,
    ) -> Loss {
        let [noise, last] = ["z", "last"].map(|name| on.noise(stream.purpose(name)));
        let z = on.noised(levels.noising(t - 1), noise);
        let logits = on.logits(batch, z, None, stream.purpose("dropout"));
        let estimate = on.estimate(logits);
        let error = batch.squared_error(&mut on.tape, estimate, on.target);
        let z_last = on.noised(levels.noising(levels.steps()), last);
        let logits = on.head(z_last);
        let cross_entropy = batch.cross_entropy(&mut on.tape, logits);
        let total = on.tape.linear_combination(&[(error, self.weight), (cross_entropy, 1.0)], 0.0);
        let [squared_error, cross_entropy] = [error, cross_entropy].map(|term| on.scalar(term));
        Loss { total, terms: LossTerms { total: on.scalar(total), squared_error, cross_entropy, kl: 0.0 } }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let data = load(DatasetName::Digits, Path::new("data"))?;
    let network = NetworkConfig::new(&data.shape().sizes(), data.classes(), ConvBlock::paper());
    let levels: Vec<f64> = (0..=5).map(|t| 0.01 + 0.19 * f64::from(t)).collect();
    let schedule = NoiseSchedule::from_levels(levels)?;
    let method =
        NoPropDt::with_objective(&network, schedule, Arc::new(Flat { weight: 1.0 }), Sampler::Stochastic)?;
    let config = Overrides::default().with("epochs", 12).resolve(None)?;
    let mut trainer =
        Trainer::new(&method, &config, batches_per_epoch(data.train.len(), config.training.batch_size))?;
    for epoch in 0..config.training.epochs {
        trainer.epoch(&data.train, epoch, &Progress { on_step: &|_, _, _| (), stop: &|| false })?;
    }
    let found = accuracy(&method, trainer.weights(), &data.test, config.training.seed, 1).remove(0);
    println!("chain {:.3}, consensus {:.3}", found.chain, found.consensus);
    assert!(found.consensus > 0.95);
    Ok(())
}
