//! `train`: from a configuration to a run folder.

use super::counter::Counter;
use super::progress::Display;
use super::{TrainArguments, UsageError, data_folder, images, must_exist, output, percent, thread_pool};
use crate::class_balance::is_unequal;
use crate::config::{InitFrom, Overrides, RunConfig, Value};
use crate::metrics::Summary;
use crate::one_line::one_line;
use crate::registry::Registry;
use crate::run::{Prepared, Run, Saved, Start, check_new};
use crate::run_folder::{RunFolder, RunFolderError};
use crate::signals::interruption_flag;
use anyhow::{Context, Result};
use nopropdt_data::Examples;
use nopropdt_tensor::Isa;
use std::path::Path;
use std::sync::Arc;

pub(super) fn run(arguments: &TrainArguments, registry: &Registry) -> Result<()> {
    Isa::selected().map_err(|error| UsageError(error.to_string()))?;
    // Everything runs on these threads: a pool of rayon's own would not know the bounds.
    thread_pool(arguments.threads)?.install(|| train(arguments, registry))
}

fn train(arguments: &TrainArguments, registry: &Registry) -> Result<()> {
    let data_dir = data_folder(arguments.data_dir.as_deref())?;
    let (config, saved) = match &arguments.resume {
        Some(path) => {
            let Saved { config, folder } = saved(&arguments.overrides, path, registry)?;
            (config, Some(folder))
        }
        None => (new_config(arguments, registry)?, None),
    };
    let prepared = Prepared::open(config, &data_dir)?;
    if let Some(shortfall) = prepared.shortfall() {
        let lower = if shortfall.is_least { "--steps" } else { "--batch-size, --threads, --steps" };
        output::complain(&format!(
            "warning: {shortfall}; the system may end it (exit code 137 or 134); lower {lower} or, for a folder, --image-size"
        ));
    }
    let reading = Arc::new(Counter::new("reading pictures", arguments.no_progress));
    let loaded = prepared.watched(reading.watcher()).load();
    reading.finish();
    let mut loaded = loaded?;
    nopropdt_kernels::give_back_freed_memory();
    loaded.count_memory_anew();
    let run = match saved {
        Some(folder) => Run::resume(loaded, folder)?,
        None => {
            let folder = new_folder(arguments, &loaded.name())?;
            Run::begin(loaded, folder)?
        }
    };
    let stop = interruption_flag().context("can't listen for signals")?;
    let report = run.folder().report();
    let unequal = is_unequal(&run.dataset().test.class_counts(run.dataset().classes()));
    let display = Display::new(&run, arguments.no_progress, arguments.json, stop);
    match run.result() {
        Some(_) => display.line(&going_on(&run)),
        None => introduce(&run, &display, arguments.resume.is_none()),
    }
    let summary = run.train(&display);
    display.finish();
    print_result(&summary?, &report, arguments.json, unequal)
}

/// The run at `path`; of the other flags only one may be given, that of the place where its images lie now.
fn saved(overrides: &Overrides, path: &Path, registry: &Registry) -> Result<Saved> {
    let place = overrides.get("dataset").and_then(Value::text).map(|text| registry.dataset_source(text));
    if !overrides.clone().without("dataset").is_empty() {
        let rule = "--resume: a run goes on with its own settings; leave the other flags out";
        return Err(UsageError(rule.into()).into());
    }
    let saved = Saved::open_in(path, place.transpose()?, registry)?;
    let told = format!("say where they are now: --resume {}", path.display());
    images::must_be_there(&saved.config.data.dataset, &told)?;
    Ok(saved)
}

/// The folder of a new run.
fn new_folder(arguments: &TrainArguments, name: &str) -> Result<RunFolder, RunFolderError> {
    match &arguments.out {
        Some(path) => RunFolder::create(path),
        None => RunFolder::create_numbered(Path::new("runs"), name),
    }
}

/// The configuration of a new run.
fn new_config(arguments: &TrainArguments, registry: &Registry) -> Result<RunConfig> {
    must_exist("--config", arguments.config.as_deref())?;
    let file = arguments.config.as_deref().map(|path| Overrides::from_file_in(path, registry)).transpose()?;
    let overrides = arguments.overrides.clone().over(file.unwrap_or_default());
    let config = overrides.resolve_in(registry, arguments.preset)?;
    check_new(&config)?;
    must_exist("--init-from", config.training.init_from.as_ref().and_then(InitFrom::path).as_deref())?;
    Ok(config)
}

/// What the run is, line by line.
fn introduce(run: &Run, display: &Display, is_new: bool) {
    let (config, facts) = (run.config(), run.network().facts());
    for line in images::introduction(config, run.dataset(), is_new) {
        display.line(&line);
    }
    display.line(&format!(
        "{}: {} {}, {} parameters, {} epochs, seed {}; {}, {} kernels, {} threads",
        facts.name,
        facts.steps,
        if facts.one_network { "steps" } else { "blocks" },
        facts.parameters,
        config.training.epochs,
        config.training.seed,
        facts.precision,
        run.isa(),
        rayon::current_num_threads()
    ));
    for line in run.start().map(start_lines).unwrap_or_default() {
        display.line(&line);
    }
    if run.finished() > 0 {
        display.line(&going_on(run));
    }
}

/// Names of tensors told in one line.
const MOST_NAMES: usize = 5;

/// What is said of the model file that a run starts from.
fn start_lines(start: &Start) -> Vec<String> {
    let Start { file, started, other_names } = start;
    let (taken, fresh) = (started.taken.len(), started.fresh.len());
    let told = match fresh {
        0 => format!("all {taken} tensors taken"),
        _ => {
            let shown = started.fresh[..fresh.min(MOST_NAMES)].join(", ");
            let more = fresh.saturating_sub(MOST_NAMES);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            format!("{taken} of {} tensors taken; fresh: {shown}{more}", taken + fresh)
        }
    };
    let names = other_names.as_ref().map(|names| {
        let names = images::first_names(names);
        one_line(&format!("note: {file} has other class names ({names}); its weights are taken all the same"))
    });
    [format!("starting from {file}: {told}")].into_iter().chain(names).collect()
}

fn going_on(run: &Run) -> String {
    let (folder, finished) = (run.folder().path().display(), run.finished());
    let nothing_left =
        if finished == run.config().training.epochs { ", the last: nothing is left to train" } else { "" };
    format!("{folder}: going on after epoch {finished}{nothing_left}")
}

/// The consensus is so much better than the chain that the head must be what is wrong.
const FAR: f64 = 0.1;

/// What is said of a chain that is far below its consensus.
fn head_note(chain: f64, consensus: f64) -> &'static str {
    if consensus - chain <= FAR {
        return "";
    }
    "note: the chain is far below the consensus, so what reads its end has learned too little; more --epochs or a smaller \
     --batch-size give it more steps, and `eval --readout consensus` does without it\n"
}

/// The result; where the test images of classes differ in number, with the mean over classes.
fn print_result(summary: &Summary, report: &Path, json: bool, unequal: bool) -> Result<()> {
    if json {
        return output::print(&serde_json::to_string(summary)?);
    }
    let blocks: Vec<String> =
        summary.test_accuracy_per_block.iter().map(|share| format!("{:.2}", 100.0 * share)).collect();
    let balanced = [summary.test_balanced_accuracy, summary.test_balanced_accuracy_consensus];
    let balanced = match balanced.map(|share| share.filter(|_| unequal)) {
        [Some(chain), Some(consensus)] => format!(
            "  mean over classes of unequal size: {}, consensus {}\n",
            percent(chain),
            percent(consensus)
        ),
        _ => String::new(),
    };
    output::print(&format!(
        "test accuracy {}\n  after each block: {} %\n  consensus of all blocks: {}\n{}{}\
         {:.1} s of training and testing, peak memory {} MiB\nreport: {}",
        percent(summary.test_accuracy),
        blocks.join(" "),
        percent(summary.test_accuracy_consensus),
        balanced,
        head_note(summary.test_accuracy, summary.test_accuracy_consensus),
        summary.seconds,
        summary.peak_rss_bytes / (1 << 20),
        report.display()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_chain_far_below_its_consensus_is_spoken_of() {
        for (chain, consensus) in [(0.9861, 0.9917), (0.5, 0.6), (0.99, 0.6)] {
            assert_eq!(head_note(chain, consensus), "");
        }
        let note = head_note(0.5, 1.0);
        assert!(
            note.starts_with("note: the chain is far below the consensus") && note.ends_with('\n'),
            "{note}"
        );
    }
}
