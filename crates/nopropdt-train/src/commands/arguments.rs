//! The command line as typed.

use super::completions::CompletionsArguments;
use super::fetch::FetchArguments;
use super::indices::Indices;
use super::man::ManArguments;
use super::numbers;
use super::paths::{DATA_DIR_HELP, typed_path};
use super::runs::RunsArguments;
use super::sweep::SweepArguments;
use crate::config::{Overrides, Preset, whole, with_registry};
use crate::registry::Registry;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use nopropdt_blocks::{Readout, Sampler};
use nopropdt_data::DatasetSource;
use std::path::PathBuf;

/// Trains neural networks by NoProp: every block learns alone, nothing is propagated back through the network.
///
/// Without arguments: trains NoProp-DT on the embedded digits, which takes about half a minute on two idle cores.
#[derive(Debug, Parser)]
#[command(
    name = "nopropdt-train",
    version,
    args_conflicts_with_subcommands = true,
    allow_negative_numbers = true
)]
pub struct Cli {
    /// What to do; train when left out.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Arguments of train.
    #[command(flatten)]
    pub train: TrainArguments,
}

impl Cli {
    /// The command line of this process, with the names of `registry` in flags and help. Help, and what is wrong, end the process.
    pub fn parse_in(registry: &Registry) -> Self {
        let matches = Self::command_in(registry).get_matches();
        Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
    }

    /// What the command line takes, with the names of `registry`.
    pub fn command_in(registry: &Registry) -> clap::Command {
        with_registry(Self::command(), registry)
    }
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Train a network (the default command)
    #[command(allow_negative_numbers = true)]
    Train(TrainArguments),
    /// Measure a trained network: mean ± standard error over runs with noise of their own
    #[command(allow_negative_numbers = true)]
    Eval(EvalArguments),
    /// Say what pictures show: class, probability, and what comes second
    Predict(PredictArguments),
    /// Write a trained network as a file for other programs: ONNX or PyTorch
    Export(ExportArguments),
    /// Lay runs side by side: one page with their settings, curves and results
    Report(ReportArguments),
    /// Fetch datasets, from the network or a folder, and check them
    Fetch(FetchArguments),
    /// Make a model file of a network that the reference repository's program trained
    Import(ImportArguments),
    /// Show this machine, the network, and what a run would take: parameters and multiply-adds per block, memory, time
    #[command(allow_negative_numbers = true)]
    Info(InfoArguments),
    /// List runs: what they reached, and in which settings they differ
    Runs(RunsArguments),
    /// Run a grid of trainings, seed by seed, and compare its arms
    Sweep(SweepArguments),
    /// Print what a shell needs to complete commands, flags and names
    Completions(CompletionsArguments),
    /// Print the manual page, or write one for each command
    Man(ManArguments),
}

/// Arguments of `train`.
#[derive(Debug, Args)]
pub struct TrainArguments {
    /// Settings that decide the result.
    #[command(flatten)]
    pub overrides: Overrides,
    /// Named settings, below --config and the flags
    #[arg(long, value_enum)]
    pub preset: Option<Preset>,
    /// Settings from a TOML file (such as a run's config.toml), below the flags
    #[arg(long, value_parser = typed_path(), value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Where datasets are
    #[arg(long, value_parser = typed_path(), value_name = "DIR", help = DATA_DIR_HELP, help_heading = "Data")]
    pub data_dir: Option<PathBuf>,
    /// Folder of the new run [default: runs/DATASET-METHOD, then -2, -3, …]
    #[arg(long, value_parser = typed_path(), value_name = "DIR", help_heading = "Run")]
    pub out: Option<PathBuf>,
    /// Continue the run in this folder where it was saved last; --epochs changes its number of epochs
    #[arg(long, value_parser = typed_path(), value_name = "DIR", conflicts_with_all = ["out", "config", "preset"], help_heading = "Run")]
    pub resume: Option<PathBuf>,
    /// Threads; the result does not depend on them [default: all]
    #[arg(long, value_parser = numbers::threads, value_name = "N", help_heading = "Run")]
    pub threads: Option<usize>,
    /// Most memory for the decoded pictures of a folder, in MiB; the others lie in a temporary file; the result does not depend on it [default: all in memory]
    #[arg(long, value_parser = numbers::cache_mib, value_name = "N", help_heading = "Data")]
    pub cache_mib: Option<u64>,
    /// Also save in the middle of an epoch, M minutes after the last save, so that a crash loses at most that much; 0: never
    #[arg(long, value_parser = numbers::checkpoint_minutes, value_name = "M", default_value_t = 10, help_heading = "Run")]
    pub checkpoint_minutes: u64,
    /// Write an event file into the run's folder for TensorBoard, epoch by epoch: losses, accuracies, settings, sample images
    #[arg(long, help_heading = "Run")]
    pub tensorboard: bool,
    /// Plain lines instead of a progress bar
    #[arg(long, help_heading = "Run")]
    pub no_progress: bool,
    /// Print the summary as JSON on standard output, everything else on standard error
    #[arg(long, help_heading = "Run")]
    pub json: bool,
}

/// Arguments of `eval`.
#[derive(Debug, Args)]
pub struct EvalArguments {
    /// model.safetensors of a run
    #[arg(long, value_parser = typed_path(), value_name = "FILE")]
    pub model: PathBuf,
    /// Dataset [default: the one the model was trained on]
    #[arg(long, value_name = "NAME")]
    pub dataset: Option<DatasetSource>,
    /// Test on this share of a folder that has no test pictures, 1 for all of it [default: of the folder trained on, the share held out]
    #[arg(long, value_name = "SHARE")]
    pub split: Option<f64>,
    /// Where datasets are
    #[arg(long, value_parser = typed_path(), value_name = "DIR", help = DATA_DIR_HELP)]
    pub data_dir: Option<PathBuf>,
    /// Measurements, each with noise of its own
    #[arg(long, value_parser = numbers::runs, value_name = "R", default_value_t = 5)]
    pub runs: u64,
    /// Draws of the noise whose class probabilities are averaged into one answer
    #[arg(long, value_parser = numbers::draws, value_name = "K", default_value_t = 1)]
    pub draws: u64,
    /// Run the first K of the T blocks (dt, backprop): the chain's answer is then block K's own, the consensus that of K blocks
    #[arg(long, value_parser = numbers::stop_after, value_name = "K")]
    pub stop_after: Option<usize>,
    /// Steps of an answer of ct, fm or adjoint [default: the model's]
    #[arg(long, value_parser = |text: &str| whole::STEPS.parse::<usize>(text), value_name = "N")]
    pub steps: Option<usize>,
    /// From noise to answer: stochastic, euler or heun [default: the model's]
    #[arg(long, value_parser = numbers::sampler(), value_name = "NAME", hide_possible_values = true)]
    pub sampler: Option<Sampler>,
    /// Which answer is the headline: chain (the paper's, read at its end) or consensus (the mean of the class probabilities
    /// on the way) [default: as the model file recommends, else the chain]
    #[arg(long, value_parser = numbers::readout(), value_name = "NAME")]
    pub readout: Option<Readout>,
    /// Show each class: how many images, how many right, what it is taken for
    #[arg(long)]
    pub per_class: bool,
    /// Show what each block does, measured on N test images: alone and in the chain, with its own latent and another's [without N: 2000]
    #[arg(long, value_parser = numbers::diagnostics, value_name = "N", num_args = 0..=1, default_missing_value = "2000")]
    pub diagnostics: Option<usize>,
    /// Test on the first N test images only
    #[arg(long, value_parser = |text: &str| whole::LIMIT_TEST.parse::<usize>(text), value_name = "N")]
    pub limit_test: Option<usize>,
    /// Seed of the noise [default: the model's]
    #[arg(long, value_parser = |text: &str| whole::SEED.parse::<u64>(text), value_name = "SEED")]
    pub seed: Option<u64>,
    /// Threads; the result does not depend on them [default: all]
    #[arg(long, value_parser = numbers::threads, value_name = "N")]
    pub threads: Option<usize>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `predict`.
#[derive(Debug, Args)]
pub struct PredictArguments {
    /// model.safetensors of a run
    #[arg(long, value_parser = typed_path(), value_name = "FILE")]
    pub model: PathBuf,
    /// Pictures (PNG, JPEG, BMP, WebP), folders of them with their subfolders, IDX files of images, or NumPy files (.npz)
    #[arg(value_parser = typed_path(), value_name = "PATH", required = true)]
    pub paths: Vec<PathBuf>,
    /// Images of an IDX or NumPy file, from 0: 7, 0-9, or 3,5,8-12 [default: all]
    #[arg(long, value_parser = Indices::parse, value_name = "LIST")]
    pub index: Option<Indices>,
    /// Array of a NumPy file [default: test_images, images, x_test or x, or the only one]
    #[arg(long, value_name = "NAME")]
    pub array: Option<String>,
    /// Draws of the noise whose class probabilities are averaged into one answer
    #[arg(long, value_parser = numbers::draws, value_name = "K", default_value_t = 1)]
    pub draws: u64,
    /// Where the answer is read: chain (at its end) or consensus (the mean of the class probabilities on the way)
    /// [default: as the model file recommends, else the chain]
    #[arg(long, value_parser = numbers::readout(), value_name = "NAME")]
    pub readout: Option<Readout>,
    /// Turn dark into light and light into dark, for pictures that are the other way round than those trained on
    #[arg(long)]
    pub invert: bool,
    /// Show the probabilities after each block as bars [default: of a single image on a terminal]
    #[arg(long, conflicts_with_all = ["csv", "json"])]
    pub chart: bool,
    /// Seed of the noise [default: the model's]
    #[arg(long, value_parser = |text: &str| whole::SEED.parse::<u64>(text), value_name = "SEED")]
    pub seed: Option<u64>,
    /// Threads; the answers do not depend on them [default: all]
    #[arg(long, value_parser = numbers::threads, value_name = "N")]
    pub threads: Option<usize>,
    /// Print CSV, a line an image
    #[arg(long, conflicts_with = "json")]
    pub csv: bool,
    /// Print JSON: a list with an object an image
    #[arg(long)]
    pub json: bool,
}

/// What other programs' files are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// An ONNX file, opset 17
    Onnx,
    /// A Python file with the network in PyTorch, and its weights as .safetensors beside it
    Pytorch,
}

/// Arguments of `export`.
#[derive(Debug, Args)]
pub struct ExportArguments {
    /// model.safetensors of a run
    #[arg(long, value_parser = typed_path(), value_name = "FILE")]
    pub model: PathBuf,
    /// What is written
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub to: ExportFormat,
    /// The file to write; one that is there is replaced
    #[arg(long, value_parser = typed_path(), value_name = "PATH")]
    pub out: PathBuf,
    /// Steps of an answer of ct, fm or adjoint [default: the model's]
    #[arg(long, value_parser = |text: &str| whole::STEPS.parse::<usize>(text), value_name = "N")]
    pub steps: Option<usize>,
    /// From noise to answer: stochastic, euler or heun [default: the model's]
    #[arg(long, value_parser = numbers::sampler(), value_name = "NAME", hide_possible_values = true)]
    pub sampler: Option<Sampler>,
    /// Also write sample inputs with this program's answers, as safetensors, to test other programs against
    #[arg(long, value_parser = typed_path(), value_name = "FILE")]
    pub example: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `report`.
#[derive(Debug, Args)]
pub struct ReportArguments {
    /// Folders of runs, or folders that hold them at any depth
    #[arg(value_parser = typed_path(), value_name = "RUN", required = true)]
    pub runs: Vec<PathBuf>,
    /// The page; one that is there is replaced
    #[arg(long, value_parser = typed_path(), value_name = "FILE", default_value = "comparison.html")]
    pub out: PathBuf,
}

/// Arguments of `import`.
#[derive(Debug, Args)]
pub struct ImportArguments {
    /// Its state dict, saved as safetensors
    #[arg(value_parser = typed_path(), value_name = "FILE")]
    pub file: PathBuf,
    /// The model file to write; there must be none
    #[arg(long, value_parser = typed_path(), value_name = "PATH")]
    pub out: PathBuf,
    /// Dataset that it was trained on, of those with names [default: mnist of grey images, cifar10 of colour]
    #[arg(long, value_name = "NAME")]
    pub dataset: Option<DatasetSource>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `info`.
#[derive(Debug, Args)]
pub struct InfoArguments {
    /// Settings of the network.
    #[command(flatten)]
    pub overrides: Overrides,
    /// Named settings, below --config and the flags
    #[arg(long, value_enum)]
    pub preset: Option<Preset>,
    /// Settings from a TOML file, below the flags
    #[arg(long, value_parser = typed_path(), value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// A trained model instead of settings
    #[arg(long, value_parser = typed_path(), value_name = "FILE", conflicts_with_all = ["config", "preset"])]
    pub model: Option<PathBuf>,
    /// Threads [default: all]
    #[arg(long, value_parser = numbers::threads, value_name = "N")]
    pub threads: Option<usize>,
    /// Time no steps of training: no estimate of the time
    #[arg(long)]
    pub no_timing: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command_in(&Registry::builtin()).debug_assert();
    }
}
