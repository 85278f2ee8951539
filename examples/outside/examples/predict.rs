//! Asks a trained network what some images show: `cargo run -- run`, then `cargo run --example predict`.

use nopropdt_data::{DatasetName, Examples, load};
use nopropdt_train::predictor::Predictor;
use std::error::Error;
use std::path::Path;

fn main() -> Result<(), Box<dyn Error>> {
    let model = std::env::args().nth(1).unwrap_or("run/model.safetensors".into());
    let predictor = Predictor::load(Path::new(&model))?.with_draws(5);
    // Any values in 0..1 will do; here they are test digits.
    let digits = load(DatasetName::Digits, Path::new("data"))?.test;
    let mut images = vec![vec![0.0; digits.shape().len()]; 10];
    images.iter_mut().enumerate().for_each(|(index, image)| Examples::fill(&digits, index, image));
    for (index, answer) in predictor.predict_all(&images)?.into_iter().enumerate() {
        let (first, second) = (100.0 * answer.probability, &answer.runner_up.name);
        println!("a {}: taken for {} ({first:.0} %), else {second}", digits.label(index), answer.name);
    }
    Ok(())
}
