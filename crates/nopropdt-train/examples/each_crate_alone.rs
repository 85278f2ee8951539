//! The snippets of the workspace's README, each in a function: `cargo run -p nopropdt-train --example each_crate_alone`.
//! A test of xtask compares them line by line.

type Result = std::result::Result<(), Box<dyn std::error::Error>>;

fn tensor() {
    use nopropdt_tensor::{Mode, ParameterBuilder, Tape, Tensor, layers::Linear, random::Stream};

    let mut builder = ParameterBuilder::new(Stream::new(7));
    let layer = Linear::new(&mut builder, "fc", 2, 3);
    let parameters = builder.build();

    let mut tape = Tape::new(Mode::Train);
    let slot = tape.attach(&parameters);
    let x = tape.constant(Tensor::filled_by(&[4, 2], |data| Stream::new(8).fill_normal(data)));
    let logits = layer.forward(&mut tape, slot, x);
    let loss = tape.cross_entropy(logits, &[0, 1, 2, 0]);
    let gradient = tape.backward(loss).take_parameters(slot);
    assert_eq!(gradient.len(), parameters.len());
}

fn data() -> Result {
    use nopropdt_data::{DatasetName, ImageSet, batches, epoch_order, load};

    let digits = load(DatasetName::Digits, "data".as_ref())?;
    let mut labels = Vec::new();
    for indices in batches(&epoch_order(digits.train.len(), 0, 0), 64) {
        let mut images = vec![0.0; indices.len() * digits.shape().len()]; // [B, 8, 8, 1], each value in 0..1
        digits.train.fill_batch(indices, &mut images, &mut labels);
    }
    Ok(())
}

fn blocks() -> Result {
    use nopropdt_blocks::{NoiseSchedule, ScheduleKind};

    let schedule = NoiseSchedule::new(ScheduleKind::Cosine, 10)?;
    for t in 1..=schedule.steps() {
        println!("block {t}: alpha_bar {:.4}, weight {:.3}", schedule.alpha_bar()[t], schedule.snr_weight(t));
    }
    Ok(())
}

fn train() -> Result {
    use nopropdt_train::config::{Overrides, Preset};

    let mine = Overrides { epochs: Some(3), ..Overrides::default() };
    let config = mine.resolve(Some(Preset::Paper))?;
    print!("{}", config.to_toml());
    Ok(())
}

fn main() -> Result {
    tensor();
    data()?;
    blocks()?;
    train()
}
