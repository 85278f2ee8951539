//! `eval`: how good a trained network is.

use super::counter::Counter;
use super::dataset_remedies::failure;
use super::diagnosis;
use super::images::must_be_there;
use super::numbers::{DRAWS, RUNS, within};
use super::sampled::sampled_as_asked;
use super::{EvalArguments, UsageError, complain, data_folder, must_exist, output, percent, thread_pool};
use crate::class_balance::is_unequal;
use crate::config::{Overrides, RunConfig};
use crate::diagnostics::{HeldOut, diagnose};
use crate::evaluate::{Accuracy, Reading, Readings, read_watched};
use crate::evaluation::{Evaluation, RunAccuracy};
use crate::images::{ImagesError, load_test_images, with_home};
use crate::model_file::{Model, ModelMetadata, load_in};
use crate::one_line::one_line;
use crate::per_class::{ClassResult, per_class};
use crate::registry::Registry;
use crate::statistics::Measured;
use anyhow::{Result, anyhow, bail};
use nopropdt_blocks::{Method, Readout};
use nopropdt_data::{DatasetSource, Examples, LoadOptions, Split, Watcher};
use nopropdt_tensor::Isa;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::sync::Arc;

pub(super) fn run(arguments: &EvalArguments, registry: &Registry) -> Result<()> {
    within(&RUNS, "--runs", arguments.runs, &arguments.runs)?;
    within(&DRAWS, "--draws", arguments.draws, &arguments.draws)?;
    if arguments.limit_test == Some(0) {
        return Err(UsageError("--limit-test: must be at least 1; found 0".into()).into());
    }
    Isa::selected().map_err(|error| UsageError(error.to_string()))?;
    let pool = thread_pool(arguments.threads)?;
    must_exist("--model", Some(&arguments.model))?;
    data_folder(arguments.data_dir.as_deref())?;
    let model = pool.install(|| load_in(&arguments.model, registry))?;
    let trained_on = TrainedOn::find(&arguments.model, &model.metadata.config, registry);
    let source = arguments.dataset.as_ref().unwrap_or(&trained_on.source);
    if arguments.dataset.is_none() {
        must_be_there(source, "say where to find images to test on:")?;
    }
    let counter = Arc::new(Counter::new("reading pictures", false));
    let images = || test_images(arguments, &model.metadata, source, &trained_on, counter.watcher());
    let test = pool.install(images);
    counter.finish();
    let test = test?;
    let network = network_as_asked(arguments, &model)?;
    let seed = arguments.seed.unwrap_or(model.metadata.config.training.seed);
    let EvalArguments { runs, draws, stop_after, .. } = *arguments;
    let reading = Reading { seed, runs, draws, stop_after };
    let counter = Counter::new("answers of all draws", false);
    let tell = |done, all| counter.told(done, all);
    let readings = pool.install(|| read_watched(network.as_ref(), &model.weights, &test, &reading, &tell));
    counter.finish();
    if !readings.accuracies.iter().all(|accuracy| accuracy.finite) {
        bail!(
            "{}: answers must be finite; they are not, so its weights are too large for them; train with a lower --lr",
            arguments.model.display()
        );
    }
    let mut evaluation = evaluation(arguments, &model, source.short_name(), test.len(), &readings);
    let looked = |count| diagnose(network.as_ref(), &model.weights, &test, HeldOut::Test, seed, count);
    evaluation.diagnostics = arguments.diagnostics.and_then(|count| pool.install(|| looked(count)));
    let on_the_way = network.facts().readout_name();
    output::print(&match arguments.json {
        true => serde_json::to_string(&evaluation)?,
        false => {
            let counts = test.class_counts(model.metadata.class_names.len());
            let chosen = arguments.readout.is_none() && model.metadata.readout.is_some();
            let nouns = Nouns { inputs: test.shape().noun(), on_the_way };
            describe(&evaluation, &nouns, is_unequal(&counts), chosen)?
        }
    })
}

/// Where the images that a model was trained on lie.
struct TrainedOn {
    source: DatasetSource,
    /// Whether that is a folder or file of which only the name is known.
    by_name: bool,
}

impl TrainedOn {
    /// A model file does not keep the place of a folder of pictures or a file; the settings beside it do.
    fn find(model: &Path, config: &RunConfig, registry: &Registry) -> Self {
        let kept = &config.data.dataset;
        let beside = || {
            let config = Overrides::from_file_in(&model.with_file_name("config.toml"), registry).ok()?;
            registry.dataset_source(config.get("dataset")?.text()?).ok()
        };
        match beside().filter(|beside| kept.may_have_moved_to(beside)) {
            Some(source) => Self { source, by_name: false },
            None => {
                let by_name = kept.place().is_some_and(|path| Path::new(path).components().count() == 1);
                Self { source: kept.clone(), by_name }
            }
        }
    }

    /// Whether `other` is that folder or file, as far as anybody can tell: to test on pictures that were trained on is worse than to be told so
    /// of one with the same name.
    fn is(&self, other: &DatasetSource) -> bool {
        let (one, other) = (with_home(&self.source), with_home(other));
        if !one.may_have_moved_to(&other) {
            return false;
        }
        if self.by_name {
            return one.short_name() == other.short_name();
        }
        let at = |source: &DatasetSource| source.place().and_then(|path| fs::canonicalize(path).ok());
        one == other || at(&one).is_some_and(|one| at(&other) == Some(one))
    }
}

/// The model's network, with the steps and the sampler that were asked for.
fn network_as_asked(arguments: &EvalArguments, model: &Model) -> Result<Box<dyn Method>> {
    let facts = model.network.facts();
    if let Some(count) = arguments.stop_after {
        let most = if facts.one_network { 0 } else { facts.steps };
        if !(1..=most).contains(&count) {
            let rule = match facts.one_network {
                false => format!("must be from 1 to the {most} blocks of the model"),
                true => "must be left out for a network without blocks; --steps takes fewer steps".into(),
            };
            return Err(UsageError(format!("--stop-after: {rule}; found {count}")).into());
        }
    }
    sampled_as_asked(model, arguments.steps, arguments.sampler, "; --stop-after runs fewer")
}

/// The images to test on, as the model wants them.
fn test_images(
    arguments: &EvalArguments,
    model: &ModelMetadata,
    source: &DatasetSource,
    trained_on: &TrainedOn,
    watcher: Watcher,
) -> Result<Split> {
    let options = LoadOptions { watcher, ..load_options(arguments, model, source, trained_on)? };
    let (test, notes) = load_test_images(source, &options, model).map_err(|error| match error {
        ImagesError::Data { dataset, error } => failure(&dataset, *error),
        error => anyhow!("{}: {error}", arguments.model.display()),
    })?;
    for note in notes {
        match arguments.json {
            true => complain(&note.to_string()),
            false => output::print(&note.to_string())?,
        }
    }
    Ok(test.limited(arguments.limit_test))
}

/// How to read the dataset.
fn load_options(
    arguments: &EvalArguments,
    model: &ModelMetadata,
    source: &DatasetSource,
    trained_on: &TrainedOn,
) -> Result<LoadOptions> {
    let data_dir = data_folder(arguments.data_dir.as_deref())?;
    let split = match source {
        DatasetSource::Folder(_) => {
            share(arguments.split, model.config.data.split.filter(|_| trained_on.is(source)))?
        }
        _ => arguments.split,
    };
    Ok(LoadOptions { split, ..LoadOptions::new(data_dir) })
}

/// The share of a folder to test on. Of the folder that was trained on it is the one that was held out, and no other.
fn share(asked: Option<f64>, held_out: Option<f64>) -> Result<Option<f64>> {
    match (asked, held_out) {
        (Some(asked), Some(held_out)) if asked != held_out => Err(UsageError(format!(
            "--split: must be {held_out} for the folder that the model was trained on, or left out; found {asked}"
        ))
        .into()),
        (asked, held_out) => Ok(asked.or(held_out)),
    }
}

fn evaluation(
    arguments: &EvalArguments,
    model: &Model,
    dataset: String,
    images: usize,
    readings: &Readings,
) -> Evaluation {
    let runs = &readings.accuracies;
    let measured =
        |value: &dyn Fn(&Accuracy) -> f64| Measured::of(&runs.iter().map(value).collect::<Vec<_>>());
    let readout = arguments.readout.unwrap_or_else(|| model.readout());
    let confusion = &readings.of(readout).confusion;
    let classes = || per_class(confusion, &model.metadata.class_names);
    Evaluation {
        model: arguments.model.display().to_string(),
        dataset,
        images,
        runs: arguments.runs,
        draws: arguments.draws,
        readout,
        accuracy: measured(&|run| run.of(readout)),
        test_accuracy: measured(&|run| run.chain),
        test_accuracy_consensus: measured(&|run| run.consensus),
        test_balanced_accuracy: measured(&|run| run.chain_balanced),
        test_balanced_accuracy_consensus: measured(&|run| run.consensus_balanced),
        test_accuracy_per_block: (0..runs[0].per_block.len())
            .map(|block| measured(&|run| run.per_block[block]))
            .collect(),
        by_run: runs.iter().map(by_run).collect(),
        expected_calibration_error: Some(measured(&|run| run.chain_calibration_error)),
        expected_calibration_error_consensus: Some(measured(&|run| run.consensus_calibration_error)),
        per_class: arguments.per_class.then(classes),
        confusion: arguments.per_class.then(|| confusion.clone()),
        diagnostics: None,
    }
}

fn by_run(run: &Accuracy) -> RunAccuracy {
    RunAccuracy { chain: run.chain, consensus: run.consensus, per_block: run.per_block.clone() }
}

/// What things are called.
struct Nouns<'a> {
    /// What is tested on: `images`.
    inputs: &'a str,
    /// What gives an answer on the way: `block`.
    on_the_way: &'a str,
}

/// The measurement for people; where classes differ in size, with the mean over them. `chosen` says that the model file chose the read-out.
fn describe(
    evaluation: &Evaluation,
    nouns: &Nouns<'_>,
    unequal: bool,
    chosen: bool,
) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    let Evaluation { dataset, images, runs, draws, readout, .. } = evaluation;
    // One measurement says nothing of its error.
    let show = |m: &Measured| match runs {
        1 => percent(m.mean),
        _ => format!("{} ± {:.2}", percent(m.mean), 100.0 * m.standard_error),
    };
    let averaged = if *draws > 1 { format!(" of {draws} averaged draws each") } else { String::new() };
    let measured = match runs {
        1 => format!("1 run{averaged}"),
        _ => format!("{runs} runs{averaged} (mean ± standard error)"),
    };
    let inputs = nouns.inputs;
    writeln!(text, "{dataset}, {images} test {inputs}, {measured}")?;
    let note = |read: Readout| match (read == *readout, chosen) {
        (false, _) => "",
        (true, false) => "  (the answer)",
        (true, true) => "  (the answer, as the model file recommends)",
    };
    for (read, accuracy) in [
        (Readout::Chain, &evaluation.test_accuracy),
        (Readout::Consensus, &evaluation.test_accuracy_consensus),
    ] {
        writeln!(text, "{:<21} {}{}", read.name(), show(accuracy), note(read))?;
    }
    if unequal {
        writeln!(text, "chain, balanced       {}", show(&evaluation.test_balanced_accuracy))?;
        writeln!(text, "consensus, balanced   {}", show(&evaluation.test_balanced_accuracy_consensus))?;
    }
    for (index, block) in evaluation.test_accuracy_per_block.iter().enumerate() {
        writeln!(text, "{:<21} {}", format!("after {} {}", nouns.on_the_way, index + 1), show(block))?;
    }
    if let Some(classes) = &evaluation.per_class {
        text.push_str(&class_table(classes, *runs, nouns.inputs));
    }
    if let Some(diagnostics) = &evaluation.diagnostics {
        text.push_str(&diagnosis::tables(diagnostics, nouns.on_the_way, inputs));
    }
    Ok(text)
}

/// A line for each class.
fn class_table(classes: &[ClassResult], runs: u64, inputs: &str) -> String {
    let mut rows = vec![["class", inputs, "right", "named", "most often mistaken for"].map(String::from)];
    rows.extend(classes.iter().map(|class| {
        let mistaken = class.mistaken_for.as_ref().map(|other| {
            let share = other.answers as f64 / class.answers as f64;
            format!("{} ({})", one_line(&other.name), percent(share))
        });
        [
            one_line(&class.name),
            (class.answers as u64 / runs).to_string(),
            class.accuracy.map_or_else(|| "–".into(), percent),
            format!("{:.1}", class.named as f64 / runs as f64),
            mistaken.unwrap_or_else(|| "–".into()),
        ]
    }));
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let [name, count, right, named] = [0, 1, 2, 3].map(width);
    let line =
        |[a, b, c, d, e]: &[String; 5]| format!("{a:<name$}  {b:>count$}  {c:>right$}  {d:>named$}  {e}\n");
    rows.iter().map(line).collect()
}
