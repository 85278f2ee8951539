//! The arguments of `sweep`.

use crate::commands::numbers;
use crate::commands::paths::{DATA_DIR_HELP, typed_path};
use crate::experiments::Shard;
use clap::Args;
use std::path::PathBuf;

/// Arguments of `sweep`.
#[derive(Debug, Args)]
pub struct SweepArguments {
    /// TOML file that says what is trained: settings in common, what varies, named arms, seeds
    #[arg(value_name = "GRID.toml", value_parser = typed_path())]
    pub grid: PathBuf,
    /// Folder of results, work and page [default: runs/NAME OF THE GRID'S FILE]
    #[arg(long, value_parser = typed_path(), value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Run every n-th cell from the i-th: several processes or machines share the work
    #[arg(long, value_name = "I/N", value_parser = str::parse::<Shard>, allow_hyphen_values = true, default_value = "1/1")]
    pub shard: Shard,
    /// Run cells whose name holds this only
    #[arg(long, value_name = "TEXT")]
    pub only: Option<String>,
    /// Show the cells and what is done, and run nothing
    #[arg(long)]
    pub list: bool,
    /// Threads; no accuracy depends on them [default: all]
    #[arg(long, value_parser = numbers::threads, value_name = "N")]
    pub threads: Option<usize>,
    /// Where datasets are
    #[arg(long, value_parser = typed_path(), value_name = "DIR", help = DATA_DIR_HELP)]
    pub data_dir: Option<PathBuf>,
    /// Print sweep.json on standard output instead of the table
    #[arg(long, conflicts_with = "list")]
    pub json: bool,
}
