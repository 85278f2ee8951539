//! `eval`: how good a trained network is.

use super::train::{image_shape, load as load_data};
use super::{EvalArguments, Readout, UsageError, output, percent, thread_pool};
use crate::config::RunConfig;
use crate::evaluate::{Accuracy, Reading, mean_and_error, read};
use crate::model_file::{Model, ModelMetadata, load};
use anyhow::{Result, bail};
use nopropdt_blocks::Method;
use nopropdt_data::{Channels, Dataset, DatasetSource, LoadOptions};
use nopropdt_tensor::kernels::Isa;
use serde::Serialize;
use std::fmt::Write;

/// Most draws of the noise: far more than any standard error needs.
const MOST_RUNS: u64 = 10_000;

/// Mean and standard error over draws of the noise, fractions.
#[derive(Debug, Serialize)]
struct Measured {
    mean: f64,
    standard_error: f64,
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Evaluation {
    model: String,
    dataset: String,
    images: usize,
    runs: u64,
    draws: u64,
    readout: &'static str,
    accuracy: Measured,
    test_accuracy: Measured,
    test_accuracy_consensus: Measured,
    test_accuracy_per_block: Vec<Measured>,
}

pub(super) fn run(arguments: &EvalArguments) -> Result<()> {
    for (flag, found) in [("runs", arguments.runs), ("draws", arguments.draws)] {
        if !(1..=MOST_RUNS).contains(&found) {
            return Err(UsageError(format!("--{flag}: must be from 1 to {MOST_RUNS}; found {found}")).into());
        }
    }
    if arguments.limit_test == Some(0) {
        return Err(UsageError("--limit-test: must be at least 1; found 0".into()).into());
    }
    Isa::selected().map_err(|error| UsageError(error.to_string()))?;
    let pool = thread_pool(arguments.threads)?;
    let model = load(&arguments.model)?;
    let source = arguments.dataset.as_ref().unwrap_or(&model.metadata.config.dataset);
    let mut dataset =
        pool.install(|| load_data(source, &load_options(arguments, &model.metadata, source)))?;
    check_fit(&arguments.model.display().to_string(), &model.metadata, &dataset)?;
    dataset.test = dataset.test.limited(arguments.limit_test);
    if let Some(normalisation) = model.metadata.normalisation.clone() {
        dataset.test = dataset.test.with_normalisation(normalisation)?;
    }
    let network = sampled_as_asked(arguments, &model)?;
    let seed = arguments.seed.unwrap_or(model.metadata.config.seed);
    let EvalArguments { runs, draws, stop_after, .. } = *arguments;
    let reading = Reading { seed, runs, draws, stop_after };
    let accuracies = pool.install(|| read(network.as_ref(), &model.weights, &dataset.test, &reading));
    let evaluation = evaluation(arguments, &dataset, &accuracies);
    let on_the_way = model.metadata.config.method.readout();
    output::print(&match arguments.json {
        true => serde_json::to_string(&evaluation)?,
        false => describe(&evaluation, on_the_way)?,
    })
}

/// The model's network, with the steps and the sampler that were asked for.
fn sampled_as_asked(arguments: &EvalArguments, model: &Model) -> Result<Box<dyn Method>> {
    let ModelMetadata { config, image, class_names, .. } = &model.metadata;
    let has_blocks = config.method.has_blocks();
    if let Some(count) = arguments.stop_after {
        let most = if has_blocks { config.steps } else { 0 };
        if !(1..=most).contains(&count) {
            let rule = match has_blocks {
                true => format!("must be from 1 to the {most} blocks of the model"),
                false => "must be left out for a network without blocks; --steps takes fewer steps".into(),
            };
            return Err(UsageError(format!("--stop-after: {rule}; found {count}")).into());
        }
    }
    if let Some(steps) = arguments.steps.filter(|&steps| has_blocks && steps != config.steps) {
        let rule = format!("must be left out for a network of {} blocks", config.steps);
        return Err(UsageError(format!("--steps: {rule}; --stop-after runs fewer; found {steps}")).into());
    }
    let config = RunConfig {
        steps: arguments.steps.unwrap_or(config.steps),
        sampler: arguments.sampler.or(config.sampler),
        ..config.clone()
    };
    config.validate()?;
    Ok(config.network(*image, class_names.len())?)
}

/// How to read the dataset: pictures of a folder as the model wants them, whatever their size.
fn load_options(arguments: &EvalArguments, model: &ModelMetadata, source: &DatasetSource) -> LoadOptions {
    let options = LoadOptions { split: arguments.split, ..LoadOptions::new(&arguments.data_dir) };
    if !matches!(source, DatasetSource::Folder(_)) {
        return options;
    }
    LoadOptions {
        image_size: Some((model.image.height, model.image.width)),
        channels: if model.image.channels == 1 { Channels::Grey } else { Channels::Rgb },
        // The pictures held out in training, not others, are the test set of the same folder.
        split: arguments.split.or(model.config.split.filter(|_| *source == model.config.dataset)),
        ..options
    }
}

fn check_fit(file: &str, metadata: &ModelMetadata, dataset: &Dataset) -> Result<()> {
    let (wants, found) = (metadata.image, image_shape(dataset));
    if wants != found {
        let shape = dataset.shape();
        bail!(
            "{file}: wants images of {}×{}×{}; {} has {shape}",
            wants.height,
            wants.width,
            wants.channels,
            dataset.name
        );
    }
    let (wants, found) = (metadata.class_names.len(), dataset.classes());
    if wants != found {
        bail!("{file}: knows {wants} classes; {} has {found}", dataset.name);
    }
    let mut pairs = metadata.class_names.iter().zip(&dataset.class_names).enumerate();
    if let Some((class, (wants, found))) = pairs.find(|(_, (wants, found))| wants != found) {
        bail!("{file}: knows class {class} as {wants:?}; {} has {found:?} there", dataset.name);
    }
    Ok(())
}

fn evaluation(arguments: &EvalArguments, dataset: &Dataset, draws: &[Accuracy]) -> Evaluation {
    let measured = |value: &dyn Fn(&Accuracy) -> f64| {
        let (mean, standard_error) = mean_and_error(&draws.iter().map(value).collect::<Vec<_>>());
        Measured { mean, standard_error }
    };
    let chain = || measured(&|draw| draw.chain);
    let consensus = || measured(&|draw| draw.consensus);
    let (readout, accuracy) = match arguments.readout {
        Readout::Chain => ("chain", chain()),
        Readout::Consensus => ("consensus", consensus()),
    };
    Evaluation {
        model: arguments.model.display().to_string(),
        dataset: dataset.name.clone(),
        images: dataset.test.len(),
        runs: arguments.runs,
        draws: arguments.draws,
        readout,
        accuracy,
        test_accuracy: chain(),
        test_accuracy_consensus: consensus(),
        test_accuracy_per_block: (0..draws[0].per_block.len())
            .map(|block| measured(&|draw| draw.per_block[block]))
            .collect(),
    }
}

fn describe(evaluation: &Evaluation, on_the_way: &str) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    let show = |m: &Measured| format!("{} ± {:.2}", percent(m.mean), 100.0 * m.standard_error);
    let Evaluation { dataset, images, runs, draws, readout, .. } = evaluation;
    let averaged = if *draws > 1 { format!(" of {draws} averaged draws each") } else { String::new() };
    writeln!(text, "{dataset}, {images} test images, {runs} runs{averaged} (mean ± standard error)")?;
    writeln!(text, "accuracy ({readout})  {}", show(&evaluation.accuracy))?;
    writeln!(text, "chain                 {}", show(&evaluation.test_accuracy))?;
    writeln!(text, "consensus             {}", show(&evaluation.test_accuracy_consensus))?;
    for (index, block) in evaluation.test_accuracy_per_block.iter().enumerate() {
        writeln!(text, "{:<21} {}", format!("after {on_the_way} {}", index + 1), show(block))?;
    }
    Ok(text)
}
