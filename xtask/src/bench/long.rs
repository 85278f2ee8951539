//! A long run: whether its late epochs take longer than its early ones, as they do when running averages sink into subnormal numbers,
//! with which processors are slow.

use super::cases::Format;
use anyhow::{Context, Result};
use nopropdt_data::{DatasetName, DatasetSource, load};
use nopropdt_kernels::measure::Times;
use nopropdt_tensor::Isa;
use nopropdt_tensor::optim::OptimizerState;
use nopropdt_train::commands::{complain, print};
use nopropdt_train::config::{Order, Overrides, Preset, RunConfig};
use nopropdt_train::machine::cpu_name;
use nopropdt_train::trainer::{Progress, Trainer, batches_per_epoch};
use serde::Serialize;
use std::ops::Range;
use std::path::Path;
use std::time::Instant;

/// Epochs of the run, and of one that shows that it works.
const EPOCHS: [usize; 2] = [400, 20];

/// What was found of a run, as the JSON file has it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct LongRow {
    /// What was trained.
    run: &'static str,
    isa: String,
    precision: &'static str,
    threads: usize,
    epochs: usize,
    /// Median seconds of an early epoch: from the second to the last of the first tenth.
    early_seconds: f64,
    /// Median seconds of an epoch of the last tenth.
    late_seconds: f64,
    late_over_early: f64,
    /// Running averages in the optimisers' memory, and those of them that are subnormal in the end.
    moments: usize,
    subnormal_moments: usize,
}

/// The training: the paper's settings but for one block, small batches, no dropout and many epochs. Without dropout and with a constant
/// rate the gradients of most weights fade away.
fn config(format: Format, epochs: usize) -> Result<RunConfig> {
    let overrides = Overrides::default()
        .with("dataset", DatasetSource::from(DatasetName::Digits))
        .with("steps", 1)
        .with("epochs", epochs)
        .with("batch-size", 64)
        .with("dropout", 0.0)
        .with("order", Order::Interleaved)
        .with("precision", format.precision)
        .with("seed", 0);
    Ok(overrides.resolve(Some(Preset::Paper))?)
}

/// Trains once in each precision, on one thread, and prints what was found.
pub(super) fn run(isa: Isa, formats: &[Format], quick: bool) -> Result<Vec<LongRow>> {
    let epochs = EPOCHS[usize::from(quick)];
    let rows = formats.iter().map(|format| measure(isa, *format, epochs)).collect::<Result<Vec<_>>>()?;
    print(&table(&rows, quick))?;
    Ok(rows)
}

fn measure(isa: Isa, format: Format, epochs: usize) -> Result<LongRow> {
    let config = config(format, epochs)?;
    let digits = load(DatasetName::Digits, Path::new("data"))?;
    let network = config.network(digits.shape().sizes(), digits.classes())?;
    let batches = batches_per_epoch(digits.train.len(), config.training.batch_size);
    let mut trainer = Trainer::new(network.as_ref(), &config, batches)?;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    let mut seconds = Vec::with_capacity(epochs);
    for epoch in 0..epochs {
        if epoch % (epochs / 10) == 0 {
            complain(&format!("long run, {}: epoch {} of {epochs}", format.name, epoch + 1));
        }
        let progress = Progress { on_step: &|_, _, _| (), stop: &|| false };
        let start = Instant::now();
        pool.install(|| trainer.epoch(&digits.train, epoch, &progress))?;
        seconds.push(start.elapsed().as_secs_f64());
    }
    let median = |part: Range<usize>| {
        let times = Times::from_seconds(seconds[part].to_vec());
        times.map(|times| times.median()).context("long run: times must be above 0 and finite")
    };
    let [early_seconds, late_seconds] = [median(early(epochs))?, median(late(epochs))?];
    let (moments, subnormal_moments) = count(trainer.optimizer_states());
    Ok(LongRow {
        run: "digits, one block",
        isa: isa.to_string(),
        precision: format.name,
        threads: 1,
        epochs,
        early_seconds,
        late_seconds,
        late_over_early: late_seconds / early_seconds,
        moments,
        subnormal_moments,
    })
}

/// The first tenth of the epochs without the very first, in which memory is taken.
fn early(epochs: usize) -> Range<usize> {
    1..epochs / 10
}

/// The last tenth.
fn late(epochs: usize) -> Range<usize> {
    epochs - epochs / 10..epochs
}

/// Running averages, and how many of them are subnormal.
fn count<'s>(states: impl Iterator<Item = &'s OptimizerState>) -> (usize, usize) {
    let mut counts = (0, 0);
    for value in states.flat_map(|state| state.moments.iter().flatten()) {
        counts.0 += 1;
        counts.1 += usize::from(value.is_subnormal());
    }
    counts
}

fn table(rows: &[LongRow], quick: bool) -> String {
    let mut lines = vec![
        "### long run: digits, one block, constant learning rate, no dropout".to_owned(),
        String::new(),
        format!("- {}", cpu_name()),
    ];
    if quick {
        lines.push("- --quick: shows that the benchmark works; its figures mean little".to_owned());
    }
    lines.push(String::new());
    lines.push("| precision | kernels | threads | epochs | early, s/epoch | late, s/epoch | late / early | subnormal moments |".to_owned());
    lines.push("| --- | --- | --- | --- | --- | --- | --- | --- |".to_owned());
    lines.extend(rows.iter().map(|row| {
        let LongRow { precision, isa, threads, epochs, moments, subnormal_moments, .. } = row;
        let LongRow { early_seconds, late_seconds, late_over_early, .. } = row;
        format!(
            "| {precision} | {isa} | {threads} | {epochs} | {early_seconds:.4} | {late_seconds:.4} | {late_over_early:.3} | {subnormal_moments} of {moments} |"
        )
    }));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::super::cases::FORMATS;
    use super::*;
    use nopropdt_train::config::LearningRateKind;

    #[test]
    fn early_and_late_epochs_are_tenths() {
        assert_eq!((early(400), late(400)), (1..40, 360..400));
        assert!(EPOCHS.iter().all(|&epochs| !early(epochs).is_empty() && !late(epochs).is_empty()));
    }

    #[test]
    fn subnormal_numbers_are_counted() {
        let least = f32::MIN_POSITIVE;
        let state = |moments: &[&[f32]]| OptimizerState {
            step: 1,
            moments: moments.iter().map(|values| values.to_vec()).collect(),
        };
        let states =
            [state(&[&[0.0, -0.0, 1.0, least], &[least / 2.0, -1e-45, least, 0.0]]), state(&[&[1e-40]])];
        assert_eq!(count(states.iter()), (9, 3));
        assert_eq!(count(states[..0].iter()), (0, 0));
    }

    #[test]
    fn the_run_is_the_one_that_is_documented() {
        let config = config(FORMATS[0], 400).unwrap();
        assert_eq!(
            (
                config.method.get("steps"),
                config.training.epochs,
                config.training.batch_size,
                config.block.get("dropout")
            ),
            (Some(1), 400, 64, Some(0.0))
        );
        assert_eq!((config.training.lr_schedule, config.training.lr), (LearningRateKind::Constant, 0.001));
        assert_eq!(config.data.dataset, DatasetName::Digits.into());
    }
}
