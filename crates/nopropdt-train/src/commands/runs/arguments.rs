//! The arguments of `runs`.

use crate::commands::paths::typed_path;
use crate::runs::{Filter, Order};
use clap::Args;
use std::path::PathBuf;

/// Where runs are when nobody says.
pub(super) const RUNS: &str = "runs";

/// Arguments of `runs`.
#[derive(Debug, Args)]
pub struct RunsArguments {
    /// Folder of runs, or of folders of runs
    #[arg(value_name = "DIR", value_parser = typed_path(), default_value = RUNS)]
    pub folder: PathBuf,
    /// Sort by a column, a key of summary.json or a setting: accuracies from the best down, others from the smallest up, -KEY from
    /// the largest down [default: name]
    #[arg(long, value_name = "KEY", value_parser = |key: &str| Ok::<_, String>(Order::new(key)), allow_hyphen_values = true)]
    pub sort: Option<Order>,
    /// Turn the order round
    #[arg(long)]
    pub reverse: bool,
    /// Only runs of which this holds: KEY=VALUE or KEY!=VALUE, of numbers also >=, <=, > and <; several must all hold
    #[arg(long, value_name = "KEY=VALUE", value_parser = |text: &str| text.parse::<Filter>())]
    pub filter: Vec<Filter>,
    /// Print a JSON list with an object a run
    #[arg(long, conflicts_with = "csv")]
    pub json: bool,
    /// Print comma-separated values, a line a run
    #[arg(long)]
    pub csv: bool,
}
