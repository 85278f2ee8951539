//! `eval`: how good a trained network is.

use super::train::{image_shape, load as load_data};
use super::{EvalArguments, Readout, UsageError, output, percent, thread_pool};
use crate::evaluate::{Accuracy, accuracy, mean_and_error};
use crate::model_file::{ModelMetadata, load};
use anyhow::{Result, bail};
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
    readout: &'static str,
    accuracy: Measured,
    test_accuracy: Measured,
    test_accuracy_consensus: Measured,
    test_accuracy_per_block: Vec<Measured>,
}

pub(super) fn run(arguments: &EvalArguments) -> Result<()> {
    if !(1..=MOST_RUNS).contains(&arguments.runs) {
        let found = arguments.runs;
        return Err(UsageError(format!("--runs: must be from 1 to {MOST_RUNS}; found {found}")).into());
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
    let seed = arguments.seed.unwrap_or(model.metadata.config.seed);
    let draws = pool
        .install(|| accuracy(model.network.as_ref(), &model.weights, &dataset.test, seed, arguments.runs));
    let evaluation = evaluation(arguments, &dataset, &draws);
    output::print(&if arguments.json { serde_json::to_string(&evaluation)? } else { describe(&evaluation)? })
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
        readout,
        accuracy,
        test_accuracy: chain(),
        test_accuracy_consensus: consensus(),
        test_accuracy_per_block: (0..draws[0].per_block.len())
            .map(|block| measured(&|draw| draw.per_block[block]))
            .collect(),
    }
}

fn describe(evaluation: &Evaluation) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    let show = |m: &Measured| format!("{} ± {:.2}", percent(m.mean), 100.0 * m.standard_error);
    let Evaluation { dataset, images, runs, readout, .. } = evaluation;
    writeln!(text, "{dataset}, {images} test images, {runs} draws of the noise (mean ± standard error)")?;
    writeln!(text, "accuracy ({readout})  {}", show(&evaluation.accuracy))?;
    writeln!(text, "chain                 {}", show(&evaluation.test_accuracy))?;
    writeln!(text, "consensus             {}", show(&evaluation.test_accuracy_consensus))?;
    for (index, block) in evaluation.test_accuracy_per_block.iter().enumerate() {
        writeln!(text, "after block {:<9} {}", index + 1, show(block))?;
    }
    Ok(text)
}
