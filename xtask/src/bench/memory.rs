//! Peak memory of a training run, in a process of its own.

use super::cases::{BATCH, CLASSES, Case, Format, Plan};
use anyhow::{Context, Result, bail};
use nopropdt_blocks::Method;
use nopropdt_train::checkpoint::Checkpoint;
use nopropdt_train::commands::print;
use nopropdt_train::evaluate::accuracy;
use nopropdt_train::image_hash::image_hash;
use nopropdt_train::memory::peak_rss_bytes;
use nopropdt_train::model_file::{ModelMetadata, save};
use nopropdt_train::trainer::{Progress, Trainer, batches_per_epoch};
use std::process::Command;

/// Epochs of a memory run.
pub(super) const EPOCHS: usize = 3;
/// Batches trained on in each; the memory of a step does not depend on how many follow.
const BATCHES: usize = 2;
/// Images evaluated after each.
const EVALUATED: usize = 400;

/// What this process does when it is the memory run: holds all images, trains on some, evaluates, writes model and checkpoint, epoch by
/// epoch. Prints the peak so far after each as a JSON list.
pub(super) fn child(case: &Case, format: Format, plan: &Plan) -> Result<()> {
    let config = case.config(format, plan)?;
    let network = config.dt_network(&case.image.sizes(), CLASSES)?;
    let all = case.images(plan.images)?;
    let train = all.select(&(0..(BATCHES * BATCH) as u32).collect::<Vec<_>>());
    let test = all.select(&(0..EVALUATED as u32).collect::<Vec<_>>());
    let mut trainer = Trainer::new(&network, &config, batches_per_epoch(train.len(), BATCH))?;
    let names: Vec<String> = (0..CLASSES).map(|class| class.to_string()).collect();
    let folder = tempfile::tempdir().context("memory run: wants a temporary folder")?;
    let mut peaks = Vec::new();
    for epoch in 0..EPOCHS {
        trainer.epoch(&train, epoch, &Progress { on_step: &|_, _, _| (), stop: &|| false })?;
        accuracy(&network, trainer.weights(), &test, 0, 1);
        let metadata = ModelMetadata::new(&config, case.image, network.alpha_bar(trainer.weights()), &names);
        save(&folder.path().join("model.safetensors"), &metadata, &network, trainer.weights())?;
        let states = trainer.optimizer_states();
        Checkpoint::new(config.to_toml(), image_hash(&[&train, &test]), 0.0, &[], trainer.weights(), states)
            .write(&folder.path().join("checkpoint.bin"))?;
        peaks.push(peak_rss_bytes());
    }
    // Still held, as a run holds them.
    assert_eq!(all.len(), plan.images);
    print(&serde_json::to_string(&peaks)?)
}

/// Runs [`child`] in a fresh process: peak resident memory after each epoch. Empty where the system does not tell.
pub(super) fn measure(case: &Case, format: Format, quick: bool) -> Result<Vec<f64>> {
    let program = std::env::current_exe().context("memory run: this program's file can't be found")?;
    let mut command = Command::new(program);
    command.args(["bench", "--memory-run", "--block", case.block, "--input", case.input]);
    command.args(["--precision", format.name]);
    if quick {
        command.arg("--quick");
    }
    let output =
        command.stderr(std::process::Stdio::inherit()).output().context("memory run: can't be started")?;
    if !output.status.success() {
        bail!("memory run: {}", output.status);
    }
    let peaks: Vec<u64> = serde_json::from_slice(&output.stdout).context("memory run: must print a list")?;
    Ok(peaks.into_iter().filter(|peak| *peak > 0).map(|peak| peak as f64).collect())
}
