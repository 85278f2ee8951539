//! `info`: this machine, and the network that the settings or a model file describe.

use super::estimate::Estimate;
use super::{InfoArguments, UsageError, must_exist, output, thread_pool};
use crate::config::{Overrides, RunConfig};
use crate::estimate::Work;
use crate::images::{opened, settled};
use crate::machine::cpu_name;
use crate::model_file::load_in;
use crate::registry::Registry;
use anyhow::Result;
use nopropdt_blocks::{Method, Weights};
use nopropdt_data::InputShape;
use nopropdt_tensor::Isa;
use nopropdt_tensor::Parameters;
use serde::Serialize;
use std::fmt::Write;
use std::path::Path;

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Info {
    cpu: String,
    isa: String,
    threads: usize,
    precision: String,
    image: InputShape,
    classes: usize,
    blocks: usize,
    parameters_per_block: usize,
    parameters_shared: usize,
    parameters: usize,
    /// Of one image through one block: image path (once an image), label path and join (once a denoising).
    multiply_adds_image: u64,
    multiply_adds_label: u64,
    tensors: Vec<(String, Vec<usize>)>,
    /// What a run would take; null for a model file.
    estimate: Option<Estimate>,
}

/// A network to show, and the run that would train it; none for a trained one.
struct Shown {
    network: Box<dyn Method>,
    weights: Weights,
    image: InputShape,
    run: Option<(RunConfig, Work)>,
}

pub(super) fn run(arguments: &InfoArguments, registry: &Registry) -> Result<()> {
    let isa = Isa::selected().map_err(|error| UsageError(error.to_string()))?;
    let pool = thread_pool(arguments.threads)?;
    let Shown { network, weights, image, run } = shown(arguments, registry)?;
    let mut info = info(isa, pool.current_num_threads(), network.as_ref(), &weights, image);
    // Training has weights of its own.
    drop(weights);
    if let Some((config, work)) = run {
        nopropdt_kernels::give_back_freed_memory();
        let timed = !arguments.no_timing;
        let estimate = pool.install(|| Estimate::new(&config, network.as_ref(), &work, timed))?;
        info.estimate = Some(estimate);
    }
    output::print(&if arguments.json { serde_json::to_string(&info)? } else { describe(&info)? })
}

fn info(isa: Isa, threads: usize, network: &dyn Method, weights: &Weights, image: InputShape) -> Info {
    let (multiply_adds_image, multiply_adds_label) = network.facts().block.multiply_adds();
    Info {
        cpu: cpu_name(),
        isa: isa.to_string(),
        threads,
        precision: network.facts().precision.to_string(),
        image,
        classes: network.facts().classes,
        blocks: network.facts().blocks,
        parameters_per_block: weights.blocks[0].len(),
        parameters_shared: weights.shared.values().map(Parameters::len).sum(),
        parameters: weights.len(),
        multiply_adds_image,
        multiply_adds_label,
        tensors: weights.blocks[0].entries().map(|entry| (entry.name.clone(), entry.shape.clone())).collect(),
        estimate: None,
    }
}

fn shown(arguments: &InfoArguments, registry: &Registry) -> Result<Shown> {
    must_exist("--config", arguments.config.as_deref())?;
    if let Some(path) = &arguments.model {
        if !arguments.overrides.is_empty() {
            return Err(
                UsageError("--model: describes the whole network; leave the other flags out".into()).into()
            );
        }
        must_exist("--model", Some(path))?;
        let model = load_in(path, registry)?;
        let (network, weights, image) = (model.network, model.weights, model.metadata.input);
        return Ok(Shown { network, weights, image, run: None });
    }
    let file = arguments.config.as_deref().map(|path| Overrides::from_file_in(path, registry)).transpose()?;
    let config =
        arguments.overrides.clone().over(file.unwrap_or_default()).resolve_in(registry, arguments.preset)?;
    let opened = opened(&config.data.dataset, &config.data.load_options(Path::new("data")), registry)?;
    let config = settled(config, &opened);
    let shape = opened.shape();
    let network = config.network(shape.sizes(), opened.classes())?;
    let weights = network.init(config.training.seed);
    let work = Work::of(&config, &opened);
    Ok(Shown { network, weights, image: shape, run: Some((config, work)) })
}

fn describe(info: &Info) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    let sizes: Vec<String> = info.image.sizes().iter().map(usize::to_string).collect();
    writeln!(text, "cpu        {}", info.cpu)?;
    writeln!(text, "kernels    {}", info.isa)?;
    writeln!(text, "threads    {}", info.threads)?;
    writeln!(text, "precision  {}", info.precision)?;
    writeln!(text)?;
    writeln!(
        text,
        "{} blocks for {} of {}, {} classes",
        info.blocks,
        info.image.noun(),
        sizes.join("×"),
        info.classes
    )?;
    writeln!(text)?;
    writeln!(text, "{:<32} {:>18} {:>12}", "tensor of a block", "shape", "values")?;
    for (name, shape) in &info.tensors {
        let sizes: Vec<String> = shape.iter().map(usize::to_string).collect();
        writeln!(text, "{name:<32} {:>18} {:>12}", sizes.join("×"), shape.iter().product::<usize>())?;
    }
    writeln!(text)?;
    writeln!(text, "parameters a block               {:>12}", info.parameters_per_block)?;
    writeln!(text, "parameters shared                {:>12}", info.parameters_shared)?;
    writeln!(text, "parameters in all                {:>12}", info.parameters)?;
    writeln!(
        text,
        "multiply-adds an image, a block  {:>12}  image path, once an image",
        info.multiply_adds_image
    )?;
    writeln!(
        text,
        "                                 {:>12}  label path and join, once a denoising",
        info.multiply_adds_label
    )?;
    if let Some(estimate) = &info.estimate {
        write!(text, "\n{}", estimate.describe()?)?;
    }
    Ok(text)
}
