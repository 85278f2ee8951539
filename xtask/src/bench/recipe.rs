//! Whole trainings: seconds from a program's start to an accuracy, the number of epochs fixed beforehand.

use super::rows::write_json;
use crate::WrongUse;
use anyhow::{Context, Result, bail};
use nopropdt_data::{Dataset, Split};
use nopropdt_tensor::Isa;
use nopropdt_train::commands::{complain, print};
use nopropdt_train::config::{Overrides, Preset, RunConfig};
use nopropdt_train::experiments::{Place, Program};
use nopropdt_train::images::{load_splits, opened_for};
use nopropdt_train::machine::cpu_name;
use nopropdt_train::metrics::Summary;
use nopropdt_train::signals::interruption_flag;
use serde::Serialize;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// What is asked for.
pub(super) struct Request<'a> {
    /// The accuracy, a fraction.
    pub(super) target: f64,
    /// A configuration file, over the preset `best`.
    pub(super) recipe: &'a Path,
    pub(super) data_dir: &'a Path,
    /// Where the images of a folder lie.
    pub(super) images: Option<&'a Path>,
    /// Python with PyTorch, if that takes turns.
    pub(super) python: Option<&'a Path>,
    pub(super) seeds: u64,
}

/// Who trains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Who {
    /// The blocks of the recipe, each by its own loss.
    Ours,
    /// One such block as a plain classifier: back-propagation through one network.
    OneBlock,
    /// The blocks of the recipe in PyTorch.
    Pytorch,
}

/// A training, as the JSON file has it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct RecipeRow {
    who: Who,
    seed: u64,
    epochs: usize,
    /// From the program's start to its end: images read, answers to the test images among it.
    seconds: f64,
    /// From the program's start to the end of the last epoch (PyTorch), or of the epochs alone (ours).
    train_seconds: f64,
    /// Of the answer that people get, on the test images.
    accuracy: f64,
    chain: f64,
    threads: usize,
    isa: String,
    precision: String,
}

/// Trains in turns, seed by seed, and prints what was found.
///
/// # Errors
/// [`WrongUse`] for a recipe that can't be used; when a training fails.
pub(super) fn run(request: &Request<'_>, isa: Isa, json: Option<&Path>) -> Result<Vec<RecipeRow>> {
    let config = of_recipe(request, &Overrides::default())?;
    let program =
        Program::new(crate::command::trainer()?, interruption_flag().context("can't listen for signals")?);
    let folder = tempfile::tempdir().context("bench: wants a temporary folder")?;
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut all = vec![(Who::Ours, config.clone())];
    let alone = Overrides::default().with("method", "committee").with("steps", 1);
    all.push((Who::OneBlock, of_recipe(request, &alone)?));
    if request.python.is_some() {
        write_work(&config, request, folder.path())?;
        all.push((Who::Pytorch, config));
    }
    let mut rows = Vec::new();
    for seed in 0..request.seeds {
        for (who, config) in &all {
            complain(&format!("{}: seed {seed} of {}", name(*who), request.seeds));
            let mut config = config.clone();
            config.training.seed = seed;
            let row = match (who, request.python) {
                (Who::Pytorch, Some(python)) => in_pytorch(python, folder.path(), &config, threads, isa)?,
                _ => {
                    let run =
                        folder.path().join(format!("{}-{seed}", name(*who).replace(' ', "-"))).join("run");
                    ours(*who, &program, &config, &run, request)?
                }
            };
            complain(&format!("{:.1} s, {:.2} %", row.seconds, 100.0 * row.accuracy));
            rows.push(row);
            if let Some(path) = json {
                write_json(path, &rows)?;
            }
        }
    }
    print(&table(&rows, request)?)?;
    Ok(rows)
}

fn name(who: Who) -> &'static str {
    match who {
        Who::Ours => "nopropdt",
        Who::OneBlock => "one block",
        Who::Pytorch => "pytorch",
    }
}

/// The settings of the recipe with `own` over them, its epochs and all that follows from the number of its images settled. It is measured
/// once, at the end.
fn of_recipe(request: &Request<'_>, own: &Overrides) -> Result<RunConfig> {
    let file = Overrides::from_file(request.recipe).map_err(|error| WrongUse(error.to_string()))?;
    let config =
        own.clone().over(file).resolve(Some(Preset::Best)).map_err(|error| WrongUse(error.to_string()))?;
    let mut settled = config.clone();
    if let Some(path) = request.images {
        settled.data.dataset = config.data.dataset.with_place(path.display().to_string());
    }
    let (mut config, ..) = opened_for(settled, request.data_dir)?;
    config.training.eval_every = Some(config.training.epochs);
    Ok(config)
}

/// Runs our program.
fn ours(
    who: Who,
    program: &Program,
    config: &RunConfig,
    run: &Path,
    request: &Request<'_>,
) -> Result<RecipeRow> {
    std::fs::create_dir_all(run.parent().context("a run lies in a folder")?)?;
    let images = config.data.dataset.place().map(PathBuf::from);
    let place = Place { data_dir: Some(request.data_dir.to_owned()), images };
    let began = Instant::now();
    if let Err(failure) = program.train(config, run, &place, None, &|| ())? {
        bail!("{}: {failure}", name(who));
    }
    let seconds = began.elapsed().as_secs_f64();
    let path = run.join("summary.json");
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let summary: Summary = serde_json::from_str(&text).with_context(|| path.display().to_string())?;
    Ok(RecipeRow {
        who,
        seed: config.training.seed,
        epochs: summary.epochs,
        seconds,
        train_seconds: summary.train_seconds,
        accuracy: summary.answer_accuracy.unwrap_or(summary.test_accuracy),
        chain: summary.test_accuracy,
        threads: summary.threads,
        isa: summary.isa,
        precision: summary.precision,
    })
}

/// Writes what PyTorch is to do the same with: settings, shapes, and the images as bytes.
fn write_work(config: &RunConfig, request: &Request<'_>, folder: &Path) -> Result<()> {
    let (config, opened, _) = opened_for(config.clone(), request.data_dir)?;
    let (dataset, _) = load_splits(&config, opened)?;
    let shape = dataset.shape().image().context("bench --to: wants images")?;
    let network = config.network(&shape.sizes(), dataset.classes())?;
    let work = json!({
        "settings": config,
        "shape": shape.sizes(),
        "classes": dataset.classes(),
        "alpha_bar": network.alpha_bar(&network.init(0)),
        "precision": network.facts().precision.to_string(),
    });
    std::fs::write(folder.join("work.json"), work.to_string())?;
    let Dataset { train, test, .. } = &dataset;
    for (name, split) in [("train", train), ("test", test)] {
        write_images(&folder.join(name), split)?;
    }
    Ok(())
}

fn write_images(path: &Path, split: &Split) -> Result<()> {
    let mut pixels = Vec::new();
    let mut labels = Vec::new();
    for index in 0..split.len() {
        pixels.extend_from_slice(&split.bytes(index));
        let label = i16::try_from(split.label(index)).context("bench --to: labels must be below 32768")?;
        labels.extend_from_slice(&label.to_le_bytes());
    }
    std::fs::write(path.with_extension("pixels"), pixels)?;
    Ok(std::fs::write(path.with_extension("labels"), labels)?)
}

/// Runs the same in PyTorch, which prints a JSON object a line.
fn in_pytorch(
    python: &Path,
    folder: &Path,
    config: &RunConfig,
    threads: usize,
    isa: Isa,
) -> Result<RecipeRow> {
    let count = threads.to_string();
    let seed = config.training.seed;
    let mut command = Command::new(python);
    command.arg(crate::root().join("xtask/peers/pytorch_recipe.py")).arg(folder);
    command.args(["--threads", &count, "--seed", &seed.to_string()]);
    command.envs([("OMP_NUM_THREADS", &count), ("MKL_NUM_THREADS", &count)]);
    if isa == Isa::Avx2 {
        command.envs(super::peers::AVX2_ONLY);
    }
    let began = Instant::now();
    let output = command.stderr(Stdio::inherit()).output().context("pytorch: can't be started")?;
    let seconds = began.elapsed().as_secs_f64();
    if !output.status.success() {
        bail!("pytorch: {}", output.status);
    }
    let said = String::from_utf8_lossy(&output.stdout);
    let lines = said.lines().map(serde_json::from_str).collect::<Result<Vec<Value>, _>>();
    let lines = lines.context("pytorch: must print a JSON object a line")?;
    let number = |key: &str, line: Option<&Value>| {
        line.and_then(|line| line[key].as_f64()).with_context(|| format!("pytorch: must say {key}"))
    };
    let epochs: Vec<&Value> = lines.iter().filter(|line| line.get("epoch").is_some()).collect();
    Ok(RecipeRow {
        who: Who::Pytorch,
        seed,
        epochs: epochs.len(),
        seconds,
        train_seconds: number("seconds", epochs.last().copied())?,
        accuracy: number("consensus", lines.last())?,
        chain: number("chain", lines.last())?,
        threads,
        isa: isa.to_string(),
        precision: String::new(),
    })
}

/// A line each for all who trained, over the seeds.
fn table(rows: &[RecipeRow], request: &Request<'_>) -> Result<String> {
    let Some(first) = rows.first() else { bail!("bench --to: wants at least one seed") };
    let mut text = String::new();
    writeln!(text, "### {:.2} % by {}\n", 100.0 * request.target, request.recipe.display())?;
    writeln!(
        text,
        "- {}, {} kernels, {} threads, {}",
        cpu_name(),
        first.isa,
        first.threads,
        first.precision
    )?;
    writeln!(
        text,
        "- seconds from the program's start to its end, mean (least to most); accuracy on the test images, mean (least)\n"
    )?;
    writeln!(text, "| who | epochs | seeds | seconds | of training | answer % | chain % | reached |")?;
    writeln!(text, "| --- | --- | --- | --- | --- | --- | --- | --- |")?;
    for who in [Who::Ours, Who::OneBlock, Who::Pytorch] {
        let own: Vec<&RecipeRow> = rows.iter().filter(|row| row.who == who).collect();
        let Some(one) = own.first() else { continue };
        let of = |value: fn(&RecipeRow) -> f64| Over::of(own.iter().map(|row| value(row)));
        let [seconds, training] = [of(|row| row.seconds), of(|row| row.train_seconds)];
        let [answer, chain] = [of(|row| 100.0 * row.accuracy), of(|row| 100.0 * row.chain)];
        writeln!(
            text,
            "| {} | {} | {} | {:.1} ({:.1} to {:.1}) | {:.1} | {:.2} ({:.2}) | {:.2} | {} |",
            name(who),
            one.epochs,
            own.len(),
            seconds.mean,
            seconds.least,
            seconds.most,
            training.mean,
            answer.mean,
            answer.least,
            chain.mean,
            if answer.mean >= 100.0 * request.target { "yes" } else { "no" },
        )?;
    }
    Ok(text)
}

/// A figure over seeds.
#[derive(Debug, PartialEq)]
struct Over {
    mean: f64,
    least: f64,
    most: f64,
}

impl Over {
    fn of(values: impl Iterator<Item = f64>) -> Self {
        let values: Vec<f64> = values.collect();
        Self {
            mean: values.iter().sum::<f64>() / values.len() as f64,
            least: values.iter().copied().fold(f64::INFINITY, f64::min),
            most: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(who: Who, seed: u64, seconds: f64, accuracy: f64) -> RecipeRow {
        RecipeRow {
            who,
            seed,
            epochs: 3,
            seconds,
            train_seconds: seconds - 1.0,
            accuracy,
            chain: accuracy - 0.01,
            threads: 2,
            isa: "avx2".into(),
            precision: "f32".into(),
        }
    }

    #[test]
    fn a_line_each_over_the_seeds() {
        let request = Request {
            target: 0.995,
            recipe: Path::new("mnist.toml"),
            data_dir: Path::new("data"),
            images: None,
            python: None,
            seeds: 2,
        };
        let rows = [
            row(Who::Ours, 0, 100.0, 0.9945),
            row(Who::Pytorch, 0, 200.0, 0.9940),
            row(Who::Ours, 1, 110.0, 0.9957),
        ];
        let text = table(&rows, &request).unwrap();
        assert!(
            text.contains(
                "| nopropdt | 3 | 2 | 105.0 (100.0 to 110.0) | 104.0 | 99.51 (99.45) | 98.51 | yes |"
            ),
            "{text}"
        );
        assert!(
            text.contains(
                "| pytorch | 3 | 1 | 200.0 (200.0 to 200.0) | 199.0 | 99.40 (99.40) | 98.40 | no |"
            ),
            "{text}"
        );
        assert!(!text.contains("one block") && text.starts_with("### 99.50 % by mnist.toml"), "{text}");
        assert!(table(&[], &request).is_err());
    }
}
