//! Says what a picture shows: `cargo run -p nopropdt-train --example predict -- MODEL PICTURE`.

use nopropdt_train::predictor::Predictor;
use std::path::Path;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [model, picture] = &arguments[..] else { return Err("wants MODEL and PICTURE".into()) };
    let predictor = Predictor::load(Path::new(model))?;
    let answer = predictor.predict(&predictor.picture(Path::new(picture))?)?;
    println!("{} ({:.1} %)", answer.name, 100.0 * answer.probability);
    println!("or {} ({:.1} %)", answer.runner_up.name, 100.0 * answer.runner_up.probability);
    Ok(())
}
