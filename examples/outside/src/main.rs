//! Trains on the embedded digits into a run folder, stops after an epoch, and goes on: `cargo run -- FOLDER`.

use nopropdt_train::config::{Overrides, RunConfig};
use nopropdt_train::metrics::{EpochMetrics, Summary};
use nopropdt_train::run::{self, Observer, RunError};
use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Says what each epoch reached, and stops after `most` of them.
struct Stops {
    most: usize,
    epochs: AtomicUsize,
}

impl Observer for Stops {
    fn epoch(&self, epoch: &EpochMetrics, _left: Duration) {
        if let Some(accuracy) = epoch.test_accuracy {
            println!("epoch {}: test accuracy {accuracy:.3}", epoch.epoch);
        }
        self.epochs.fetch_add(1, Ordering::Relaxed);
    }

    fn stop(&self) -> bool {
        self.epochs.load(Ordering::Relaxed) >= self.most
    }
}

fn stops_after(most: usize) -> Stops {
    Stops { most, epochs: AtomicUsize::new(0) }
}

/// Where datasets would lie; the digits are embedded.
const DATA: &str = "data";

fn train_in_two_parts(config: RunConfig, folder: &Path) -> Result<Summary, Box<dyn Error>> {
    match run::begin(config, DATA.as_ref(), folder)?.train(&stops_after(1)) {
        Err(RunError::Stopped { saved, .. }) => println!("stopped after epoch {saved}"),
        done => return Ok(done?),
    }
    let taken_up = run::resume(folder, DATA.as_ref())?;
    println!("going on after epoch {}", taken_up.finished());
    Ok(taken_up.train(&stops_after(usize::MAX))?)
}

/// Three small blocks, three epochs.
fn own() -> Overrides {
    Overrides::default().with("steps", 3).with("epochs", 3)
}

/// The run's folder, and its settings.
#[cfg(not(feature = "cli"))]
fn arguments() -> (PathBuf, Overrides) {
    (std::env::args_os().nth(1).unwrap_or("run".into()).into(), own())
}

/// The same with a flag for every setting: `cargo run --features cli -- FOLDER --epochs 5`.
#[cfg(feature = "cli")]
fn arguments() -> (PathBuf, Overrides) {
    use clap::Parser;

    #[derive(Parser)]
    struct Arguments {
        #[arg(default_value = "run")]
        folder: PathBuf,
        #[command(flatten)]
        settings: Overrides,
    }

    let Arguments { folder, settings } = Arguments::parse();
    (folder, settings.over(own()))
}

fn main() -> Result<(), Box<dyn Error>> {
    let (folder, settings) = arguments();
    let summary = train_in_two_parts(settings.resolve(None)?, &folder)?;
    println!("{}: test accuracy {:.3}", folder.display(), summary.test_accuracy);
    Ok(())
}
