//! `cargo xtask reproduce PROFILE`: the paper's tables and figures, run from nothing and written down.
//!
//! A profile is a list of rows; a row and a seed are a cell; a cell is trained and measured by the program itself, in processes
//! and folders of its own, so that what is finished stays finished.

mod cell;
mod cifar;
mod figures;
mod memory;
mod origin;
mod outcome;
mod page;
mod paper;
mod process;
mod profile;
mod progress;
mod runner;

use crate::WrongUse;
use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use nopropdt_train::commands::print;
use nopropdt_train::commands::{DATA_DIR_HELP, typed_path};
use std::path::{Path, PathBuf};

use cell::Cell;
use origin::Origin;
pub(crate) use process::Interrupted;
use profile::Row;
use progress::{Progress, duration};
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
    #[arg(long, value_parser = typed_path(), value_name = "DIR", help = DATA_DIR_HELP)]
    data_dir: Option<PathBuf>,
    /// CIFAR-10 as JPEG pictures in class folders: a folder, or an archive that is unpacked once [default: ../shared/datasets/cifar10-jpeg.tar.xz]
    #[arg(long, value_parser = typed_path(), value_name = "PATH")]
    cifar10_jpeg: Option<PathBuf>,
    /// Run every n-th cell from the i-th: several machines share the work
    #[arg(long, value_name = "I/N", value_parser = cell::Shard::parse, allow_hyphen_values = true, default_value = "1/1")]
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
    /// Measure memory only, again, and put Table 2 into a page that is there
    #[arg(long, conflicts_with_all = ["list", "render", "only", "shard"])]
    memory: bool,
    /// The page [default: docs/reproduction.md; for smoke a file beside the runs]
    #[arg(long, value_parser = typed_path(), value_name = "FILE")]
    out: Option<PathBuf>,
}

pub fn run(arguments: Arguments) -> Result<()> {
    let profile = arguments.profile;
    let folder = crate::root().join("target/reproduce").join(profile.name());
    let rows = profile.rows();
    if arguments.memory {
        return arguments.measure_memory(&folder, &rows);
    }
    let cells: Vec<Cell> = rows.iter().flat_map(Row::cells).collect();
    let chosen = arguments.chosen(&cells)?;
    if arguments.list {
        return print(&list(&chosen, &folder));
    }
    // What goes wrong from here on is told at the end, below a page of what went well.
    let mut failures = Vec::new();
    let mut memory = memory::read(&folder);
    if !arguments.render {
        let runner = Runner::new(
            &folder,
            &crate::data_dir(arguments.data_dir.as_deref()),
            arguments.cifar10_jpeg.as_deref(),
        )?;
        failures.extend(run_cells(&runner, &chosen)?);
        if profile == Profile::Smoke {
            failures.extend(runner.check_determinism(&cells[0])?);
        }
        if arguments.only.is_none() && arguments.shard.is_first() {
            let (known, failed) = memory::measure(&runner, profile, false)?;
            memory = known;
            failures.extend(failed);
        }
    }
    let page = page::Page {
        profile: profile.name(),
        origin: Origin::here()?,
        rows: &rows,
        folder: &folder,
        memory: &memory,
    };
    let out = arguments.page(&folder);
    page.write(&out, &crate::data_dir(arguments.data_dir.as_deref()))?;
    print(&out.display().to_string())?;
    failures.extend(page.below_their_bounds());
    if !failures.is_empty() {
        let count = failures.len();
        bail!(
            "reproduce: {count} failed; the same command tries only these again\n  {}",
            failures.join("\n  ")
        );
    }
    Ok(())
}

impl Arguments {
    /// Where the page is.
    fn page(&self, folder: &Path) -> PathBuf {
        self.out.clone().unwrap_or_else(|| match self.profile {
            Profile::Smoke => folder.join("reproduction.md"),
            Profile::Quick | Profile::Full => crate::root().join("docs/reproduction.md"),
        })
    }

    /// Measures memory again, and replaces Table 2 by the outcome if that is complete.
    fn measure_memory(&self, folder: &Path, rows: &[Row]) -> Result<()> {
        let out = self.page(folder);
        page::check_table_2(&out)?;
        let runner =
            Runner::new(folder, &crate::data_dir(self.data_dir.as_deref()), self.cifar10_jpeg.as_deref())?;
        let absent = cell::Data::of(rows).into_iter().filter_map(|data| {
            let why = runner.data_flags(data).err()?;
            Some(format!("{}: {why}", data.title()))
        });
        let absent: Vec<String> = absent.collect();
        let (memory, failures) = match absent.is_empty() {
            true => memory::measure(&runner, self.profile, true)?,
            false => (Vec::new(), absent),
        };
        if !failures.is_empty() {
            let failures = failures.join("\n  ");
            bail!("reproduce: memory is not known of all, so the page stays as it is\n  {failures}");
        }
        let (profile, origin) = (self.profile.name(), Origin::here()?);
        page::Page { profile, origin, rows, folder, memory: &memory }.replace_table_2(&out)?;
        print(&out.display().to_string())
    }

    /// The cells of this shard that were asked for.
    fn chosen<'c>(&self, cells: &'c [Cell]) -> Result<Vec<&'c Cell>> {
        let wanted = |cell: &&Cell| self.only.as_ref().is_none_or(|text| cell.name.contains(text.as_str()));
        if let Some(text) = self.only.as_ref().filter(|_| !cells.iter().any(|cell| wanted(&cell))) {
            let rule = format!("--only: must be part of a cell's name, as --list shows them; found {text:?}");
            return Err(WrongUse(rule).into());
        }
        let mine = cells.iter().enumerate().filter(|(index, _)| self.shard.has(*index)).map(|(_, cell)| cell);
        Ok(mine.filter(wanted).collect())
    }
}

/// The plan: a line a cell, and one of them all.
fn list(cells: &[&Cell], folder: &Path) -> String {
    let (mut lines, mut left) = (Vec::new(), 0.0);
    for cell in cells {
        let done = cell.finished(folder).is_some();
        left += if done { 0.0 } else { cell.work };
        let state = if done { "done" } else { "to do" };
        let (name, work, flags) = (&cell.name, duration(cell.work), cell.flags.join(" "));
        lines.push(format!("{state:<6} {name:<44} {work:>8}  {flags}"));
    }
    lines.push(format!("{} cells, about {} to do on two cores", cells.len(), duration(left)));
    lines.join("\n")
}

/// Runs the cells; returns what failed.
fn run_cells(runner: &Runner, cells: &[&Cell]) -> Result<Vec<String>> {
    let to_do =
        |cell: &&&Cell| cell.finished(runner.folder()).is_none() && runner.data_flags(cell.dataset).is_ok();
    let progress = Progress::new(cells.len(), cells.iter().filter(to_do).map(|cell| cell.work).sum());
    let mut failures = Vec::new();
    for (index, cell) in cells.iter().enumerate() {
        if to_do(&cell) {
            progress.begin(index, cell, runner.run_folder(cell));
        }
        match runner.run(cell, &|| progress.tick())? {
            Fate::AlreadyDone => progress.pass(index, cell, "done before"),
            Fate::Absent(why) => progress.pass(index, cell, &format!("left out, {why}")),
            Fate::Failed(line) => {
                progress.end(cell, false, &format!("failed: {line}"));
                failures.push(format!("{}: {line}", cell.name));
            }
            Fate::Done(outcome) => {
                progress.end(cell, true, &format!("{:.2} %", 100.0 * outcome.chain.mean));
            }
        }
    }
    Ok(failures)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Arguments,
    }

    fn parse(line: &str) -> Arguments {
        Line::try_parse_from(["reproduce"].into_iter().chain(line.split_whitespace())).unwrap().arguments
    }

    #[test]
    fn a_shard_that_is_none_says_what_is_right() {
        for bad in ["0/3", "4/3", "-1/3", "1/-3", "1", "a/b", "1/99999999999999999999"] {
            for typed in [
                vec!["reproduce", "smoke", "--shard", bad],
                vec!["reproduce", "smoke", &*format!("--shard={bad}")],
            ] {
                let error = Line::try_parse_from(typed).unwrap_err();
                let line = format!(
                    "error: invalid value '{bad}' for '--shard <I/N>': must be whole numbers I/N with I from 1 to N"
                );
                assert_eq!(error.to_string().lines().next(), Some(line.as_str()));
                assert_eq!(error.exit_code(), 2);
            }
        }
    }

    #[test]
    fn shards_and_words_choose_cells() {
        let cells: Vec<Cell> = Profile::Smoke.rows().iter().flat_map(Row::cells).collect();
        let names = |line: &str| -> Vec<String> {
            parse(line).chosen(&cells).unwrap().iter().map(|cell| cell.name.clone()).collect()
        };
        assert_eq!(names("smoke").len(), cells.len());
        let (first, second) = (names("smoke --shard 1/2"), names("smoke --shard 2/2"));
        assert_eq!(first.len() + second.len(), cells.len());
        assert!(first.iter().all(|name| !second.contains(name)));
        assert!(names("smoke --only prototype").iter().all(|name| name.contains("prototype")));
        let error = parse("smoke --only cats").chosen(&cells).unwrap_err();
        assert!(error.is::<WrongUse>() && error.to_string().ends_with("found \"cats\""), "{error}");
    }
}
