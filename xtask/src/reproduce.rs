//! `cargo xtask reproduce PROFILE`: the paper's tables and figures, run from nothing and written down.
//!
//! A profile is a list of rows; a row and a seed are a cell; a cell is trained and measured by the program itself, in processes
//! and folders of its own, so that what is finished stays finished.

mod cell;
mod cifar;
mod figures;
mod memory;
mod outcome;
mod page;
mod paper;
mod process;
mod profile;
mod runner;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use nopropdt_train::commands::cpu_name;
use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use cell::Cell;
pub(crate) use process::Interrupted;
use profile::Row;
use runner::{Fate, Runner};

/// How much is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Profile {
    /// Minutes, on the digits: every method and embedding learns, and does so the same twice
    Smoke,
    /// Hours: MNIST and CIFAR-10 (JPEG), reduced
    Quick,
    /// Days: Table 3 of the paper as printed
    Full,
}

impl Profile {
    fn name(self) -> &'static str {
        match self {
            Self::Smoke => "smoke",
            Self::Quick => "quick",
            Self::Full => "full",
        }
    }
}

/// Arguments of `reproduce`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// How much is run
    #[arg(value_enum)]
    profile: Profile,
    /// Where datasets are
    #[arg(long, value_name = "DIR", default_value = "data")]
    data_dir: PathBuf,
    /// CIFAR-10 as JPEG pictures in class folders: a folder, or an archive that is unpacked once [default: ../shared/datasets/cifar10-jpeg.tar.xz]
    #[arg(long, value_name = "PATH")]
    cifar10_jpeg: Option<PathBuf>,
    /// Run every n-th cell from the i-th: several machines share the work
    #[arg(long, value_name = "I/N", value_parser = cell::Shard::parse, default_value = "1/1")]
    shard: cell::Shard,
    /// Run cells whose name holds this only
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Show the cells and what is done, and run nothing
    #[arg(long)]
    list: bool,
    /// Write the page from what is there, and run nothing
    #[arg(long)]
    render: bool,
    /// The page [default: docs/reproduction.md; for smoke a file beside the runs]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub fn run(arguments: Arguments) -> Result<()> {
    let profile = arguments.profile;
    let folder = crate::root().join("target/reproduce").join(profile.name());
    let rows = profile.rows();
    let cells: Vec<Cell> = rows.iter().flat_map(Row::cells).collect();
    if arguments.list {
        return list(&cells, &folder);
    }
    let mut failed = 0;
    let mut memory = memory::read(&folder);
    if !arguments.render {
        let runner = Runner::new(&folder, &arguments.data_dir, &arguments.cifar10_jpeg)?;
        failed = run_cells(&runner, &arguments, &cells)?;
        if profile == Profile::Smoke {
            runner.check_determinism(&cells[0])?;
        }
        if memory.is_empty() && arguments.only.is_none() {
            memory = memory::measure(&runner, profile, &folder)?;
        }
    }
    let page = page::Page {
        profile: profile.name(),
        commit: commit()?,
        machine: cpu_name(),
        rows: &rows,
        folder: &folder,
        memory: &memory,
    };
    let default = match profile {
        Profile::Smoke => folder.join("reproduction.md"),
        Profile::Quick | Profile::Full => crate::root().join("docs/reproduction.md"),
    };
    let out = arguments.out.unwrap_or(default);
    page.write(&out, &arguments.data_dir)?;
    println!("{}", out.display());
    let below = page.below_their_bounds();
    if !below.is_empty() {
        bail!("reproduce: every row must reach its bound; {}", below.join("; "));
    }
    if failed > 0 {
        bail!("reproduce: {failed} cells failed; run the same command again to try them once more");
    }
    Ok(())
}

fn list(cells: &[Cell], folder: &std::path::Path) -> Result<()> {
    for cell in cells {
        let state = if cell.finished(folder).is_some() { "done" } else { "to do" };
        println!("{state:<6} {:<44} {}", cell.name, cell.flags.join(" "));
    }
    Ok(())
}

/// Runs what this shard has to; returns how many failed.
fn run_cells(runner: &Runner, arguments: &Arguments, cells: &[Cell]) -> Result<usize> {
    let wanted = |cell: &&Cell| arguments.only.as_ref().is_none_or(|text| cell.name.contains(text.as_str()));
    let chosen: Vec<&Cell> =
        cells.iter().enumerate().filter(|(index, _)| arguments.shard.has(*index)).map(|(_, c)| c).collect();
    let chosen: Vec<&Cell> = chosen.into_iter().filter(wanted).collect();
    let (mut failed, mut spent, mut work) = (0, 0.0, 0.0);
    let total: f64 =
        chosen.iter().filter(|cell| cell.finished(runner.folder()).is_none()).map(|c| c.work).sum();
    for (index, cell) in chosen.iter().enumerate() {
        let start = Instant::now();
        let place = format!("[{}/{}] {}", index + 1, chosen.len(), cell.name);
        match runner.run(cell)? {
            Fate::AlreadyDone => eprintln!("{place}: done before"),
            Fate::Absent(why) => eprintln!("{place}: left out, {why}"),
            Fate::Failed(line) => {
                failed += 1;
                eprintln!("{place}: failed: {line}");
            }
            Fate::Done(outcome) => {
                spent += start.elapsed().as_secs_f64();
                work += cell.work;
                let left = (total - work).max(0.0) * spent / work;
                let (accuracy, seconds) = (100.0 * outcome.chain.mean, start.elapsed().as_secs());
                eprintln!("{place}: {accuracy:.2} % in {seconds} s; about {} left", duration(left));
            }
        }
    }
    Ok(failed)
}

fn duration(seconds: f64) -> String {
    match seconds {
        0.0..100.0 => format!("{seconds:.0} s"),
        100.0..6000.0 => format!("{:.0} min", seconds / 60.0),
        _ => format!("{:.1} h", seconds / 3600.0),
    }
}

/// The commit, and whether the source was changed since.
fn commit() -> Result<String> {
    let git = |arguments: &[&str]| -> Result<String> {
        let output = Command::new("git").args(arguments).current_dir(crate::root()).output();
        let output = output.context("git: can't be started")?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let changed =
        !git(&["status", "--porcelain", "--untracked-files=no", "--", "crates", "xtask"])?.is_empty();
    let id = git(&["rev-parse", "--short=12", "HEAD"])?;
    Ok(if changed { format!("{id} with changes") } else { id })
}
