//! `train`: from a configuration to a run folder.

use super::counter::Counter;
use super::progress::Display;
use super::tracked::train_tracked;
use super::{TrainArguments, UsageError, data_folder, images, must_exist, output, percent, thread_pool};
use crate::class_balance::is_unequal;
use crate::config::{InitFrom, Overrides, RunConfig, Value};
use crate::metrics::Summary;
use crate::one_line::one_line;
use crate::registry::Registry;
use crate::run::{Extended, Prepared, Run, Saved, Start, check_new};
use crate::run_folder::{RunFolder, RunFolderError};
use crate::signals::interruption_flag;
use anyhow::{Context, Result};
use nopropdt_blocks::Readout;
use nopropdt_data::Examples;
use nopropdt_tensor::Isa;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

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
    let prepared = match arguments.cache_mib {
        Some(mib) => prepared.within(mib << 20),
        None => prepared,
    };
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
        Some(folder) => match epochs(&arguments.overrides) {
            Some(epochs) => Run::extend(loaded, folder, epochs)?,
            None => Run::resume(loaded, folder)?,
        },
        None => {
            let folder = new_folder(arguments, &loaded.name())?;
            Run::begin(loaded, folder)?
        }
    };
    let minutes = arguments.checkpoint_minutes;
    let run = run.saved_within_epochs((minutes > 0).then(|| Duration::from_secs(60 * minutes)));
    let stop = interruption_flag().context("can't listen for signals")?;
    let report = run.folder().report();
    let chosen = run.has_validation();
    let unequal = is_unequal(&run.dataset().test.class_counts(run.dataset().classes()));
    let display = Display::new(&run, arguments.no_progress, arguments.json, stop);
    match run.result() {
        Some(_) => going_on(&run).iter().for_each(|line| display.line(line)),
        None => introduce(&run, &display, arguments.resume.is_none()),
    }
    let trained = train_tracked(run, &display, arguments.tensorboard);
    display.finish();
    let (summary, tracked) = trained?;
    print_result(&summary, &report, arguments.json, unequal, chosen)?;
    tracked
}

/// The run at `path`. Of the other flags only two may be given: the place where its images lie now, and a number of epochs.
fn saved(overrides: &Overrides, path: &Path, registry: &Registry) -> Result<Saved> {
    let place = overrides.get("dataset").and_then(Value::text).map(|text| registry.dataset_source(text));
    if !overrides.clone().without("dataset").without("epochs").is_empty() {
        let rule =
            "--resume: a run goes on with its own settings but for --epochs; leave the other flags out";
        return Err(UsageError(rule.into()).into());
    }
    let saved = Saved::open_in(path, place.transpose()?, registry)?;
    let told = format!("say where they are now: --resume {}", path.display());
    images::must_be_there(&saved.config.data.dataset, &told)?;
    Ok(saved)
}

/// The number of epochs that a run is to have from now on, if one is typed.
fn epochs(overrides: &Overrides) -> Option<usize> {
    match overrides.get("epochs")? {
        // Beyond what a number of epochs may be, it is refused like any other.
        Value::Whole(epochs) => Some(usize::try_from(*epochs).unwrap_or(usize::MAX)),
        _ => None,
    }
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
    going_on(run).iter().for_each(|line| display.line(line));
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

/// Where a run goes on, and with which number of epochs if that is another now.
fn going_on(run: &Run) -> Vec<String> {
    let (folder, finished) = (run.folder().path().display(), run.finished());
    let nothing_left = match (run.needs_no_epoch(), run.stopped_early()) {
        (true, false) => ", the last: nothing is left to train",
        (true, true) => {
            ", where its patience ran out: nothing is left to train, unless --epochs is given with --resume"
        }
        (false, _) => "",
    };
    let place = match run.begun() {
        0.0 => (finished > 0).then(|| format!("{folder}: going on after epoch {finished}{nothing_left}")),
        begun => Some(format!(
            "{folder}: going on in epoch {}, of which {:.1} % is done",
            finished + 1,
            100.0 * begun
        )),
    };
    let schedule = Value::of(&run.config().training.lr_schedule);
    let extended =
        run.extended().map(|extended| extended_line(extended, schedule.text().unwrap_or_default()));
    place.into_iter().chain(extended).collect()
}

/// What is said of a run that was given another number of epochs.
fn extended_line(extended: &Extended, schedule: &str) -> String {
    let Extended { before, epochs, finished, .. } = *extended;
    let what = if epochs == before {
        format!("{epochs} epochs")
    } else {
        format!("{epochs} epochs instead of {before}")
    };
    let patience = if extended.patience_anew {
        format!("; patience counts anew from epoch {finished} on")
    } else {
        String::new()
    };
    let what = what + &patience;
    let Some([first, last]) = extended.rates.map(|rates| rates.map(significant)) else { return what };
    match extended.rate_before.map(significant) {
        None => what,
        Some(rate) if extended.as_from_the_start && rate == first && first == last => {
            format!("{what}; the learning rate stays {rate}")
        }
        Some(_) if extended.as_from_the_start => {
            format!("{what}; the learning rate goes on from {first} to {last}, as from the start")
        }
        Some(rate) => format!(
            "{what}; the learning rate, {rate} so far, now follows `{schedule}` over {epochs} epochs: \
             from {first} to {last}"
        ),
    }
}

/// A number to three digits.
fn significant(number: f64) -> String {
    let rounded = format!("{number:.2e}").parse::<f64>();
    rounded.map_or_else(|_| number.to_string(), |rounded| rounded.to_string())
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

/// Where the answer is read, and how good it is; `chosen` on validation images.
fn answer_line(summary: &Summary, chosen: bool) -> String {
    let Some((readout, accuracy)) = summary.readout.zip(summary.answer_accuracy) else {
        return String::new();
    };
    let why = if chosen { ", the better on validation images" } else { "" };
    format!("  answer read by {}{why}: {}\n", with_article(readout), percent(accuracy))
}

fn with_article(readout: Readout) -> &'static str {
    match readout {
        Readout::Chain => "the chain",
        Readout::Consensus => "the consensus",
    }
}

/// What is said of a model that is not that of the last epoch, and of a run that ended before it.
fn model_line(summary: &Summary) -> String {
    let Summary { epochs, best_epoch, stopped_early, .. } = summary;
    let stopped = match stopped_early {
        Some(true) => format!(
            "stopped after epoch {epochs}: none was better on the validation images for as long as --patience\n"
        ),
        _ => String::new(),
    };
    let model = match best_epoch {
        Some(best) => {
            format!("the model is that of epoch {best} of {epochs}, the best on the validation images\n")
        }
        None => String::new(),
    };
    stopped + &model
}

/// The result; where the test images of classes differ in number, with the mean over classes.
fn print_result(summary: &Summary, report: &Path, json: bool, unequal: bool, chosen: bool) -> Result<()> {
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
        "{}test accuracy {}\n  after each block: {} %\n  consensus of all blocks: {}\n{}{}\
         {}{:.1} s of training and testing, peak memory {} MiB\nreport: {}",
        model_line(summary),
        percent(summary.test_accuracy),
        blocks.join(" "),
        percent(summary.test_accuracy_consensus),
        balanced,
        answer_line(summary, chosen),
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
    fn a_longer_run_says_what_its_learning_rate_does() {
        let extended = |rate_before, rates, as_from_the_start| Extended {
            before: 5,
            epochs: 10,
            finished: 5,
            rate_before,
            rates,
            patience_anew: false,
            as_from_the_start,
        };
        let line = |extended: Extended| extended_line(&extended, "cosine");
        let constant = extended(Some(0.001f32.into()), Some([0.001f32.into(); 2]), true);
        assert_eq!(line(constant), "10 epochs instead of 5; the learning rate stays 0.001");
        let cosine = extended(Some(1.23456e-5), Some([5e-4, 0.0]), false);
        assert_eq!(
            line(cosine),
            "10 epochs instead of 5; the learning rate, 0.0000123 so far, now follows `cosine` over 10 epochs: from \
             0.0005 to 0"
        );
        let rising = extended(Some(0.1), Some([0.2, 0.3]), true);
        assert!(line(rising).ends_with("the learning rate goes on from 0.2 to 0.3, as from the start"));
        assert_eq!(line(extended(None, Some([0.001, 0.0]), true)), "10 epochs instead of 5");
        assert_eq!(line(extended(Some(0.1), None, false)), "10 epochs instead of 5");
        let same = Extended { before: 10, patience_anew: true, ..constant };
        assert_eq!(
            line(same),
            "10 epochs; patience counts anew from epoch 5 on; the learning rate stays 0.001"
        );
    }

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
