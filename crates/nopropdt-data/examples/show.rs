//! Prints a dataset's sizes, how long it took to read, its class counts and its first test image:
//! `cargo run -p nopropdt-data --example show [DATASET [FOLDER]]`; DATASET may be `folder:PATH`.

use std::error::Error;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use nopropdt_data::{DatasetName, DatasetSource, Examples, LoadOptions, Split, load_from};

fn main() -> ExitCode {
    match show() {
        Ok(()) => ExitCode::SUCCESS,
        // As behind `| head -1`: nobody reads any more.
        Err(error) if is_closed_pipe(error.as_ref()) => ExitCode::SUCCESS,
        Err(error) => {
            // Where even that fails there is nobody to tell.
            writeln!(io::stderr(), "error: {error}").ok();
            ExitCode::FAILURE
        }
    }
}

fn is_closed_pipe(error: &(dyn Error + 'static)) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

fn show() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let source =
        arguments.next().map_or(Ok(DatasetName::Digits.into()), |name| name.parse::<DatasetSource>())?;
    let folder = arguments.next().map_or_else(|| PathBuf::from("data"), PathBuf::from);
    let began = Instant::now();
    let dataset = load_from(&source, &LoadOptions::new(folder))?;
    let seconds = began.elapsed().as_secs_f64();
    let mut out = io::stdout().lock();
    writeln!(out, "{}: images of {}, read in {seconds:.3} s", dataset.name, dataset.shape())?;
    for (part, split) in [("training", &dataset.train), ("test", &dataset.test)] {
        writeln!(
            out,
            "{part}: {} images, by class {:?}",
            split.len(),
            split.class_counts(dataset.classes())
        )?;
    }
    writeln!(out, "the first test image, a {}:", dataset.class_names[dataset.test.label(0)])?;
    draw(&mut out, &dataset.test, 0)?;
    Ok(())
}

/// Draws the first channel, two characters a pixel.
fn draw(out: &mut impl Write, split: &Split, index: usize) -> io::Result<()> {
    const SHADES: [&str; 5] = ["  ", "░░", "▒▒", "▓▓", "██"];
    let Some((shape, pixels)) = split.picture(index) else { return Ok(()) };
    for row in pixels.chunks_exact(shape.width * shape.channels) {
        let shade = |&pixel: &u8| SHADES[(f32::from(pixel) / 255.0 * 4.0).round() as usize];
        writeln!(out, "{}", row.iter().step_by(shape.channels).map(shade).collect::<String>())?;
    }
    Ok(())
}
