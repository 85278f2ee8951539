//! `cargo xtask reproduce PROFILE`: the paper's tables and figures, run from nothing and written down.
//!
//! A profile is a list of rows; a row and a seed are a cell; a cell is trained and measured by the program itself, in processes
//! and folders of its own, so that what is finished stays finished.

mod cifar;
mod commit;
mod data;
#[cfg(test)]
mod example;
mod figures;
mod memory;
mod page;
mod paper;
mod profile;

use crate::WrongUse;
use anyhow::{Context, Result, bail};
use clap::Args;
use nopropdt_train::commands::{SweepProgress, complain, duration, print, typed_path};
use nopropdt_train::experiments::{ExperimentError, Origin, Program, Runner, Shard};
use nopropdt_train::signals::interruption_flag;
use std::path::{Path, PathBuf};

use data::Places;
use profile::{Planned, Profile, Row};

/// The user wants to stop. What is finished stays, and the same command goes on from there.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("interrupted; the same command goes on from here")]
pub(crate) struct Interrupted;

/// Arguments of `reproduce`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// How much is run
    #[arg(value_enum)]
    profile: Profile,
    /// Where datasets are [default: $NOPROPDT_DATA_DIR, else data if it is here, else data in the project's root]
    #[arg(long, value_parser = typed_path(), value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// CIFAR-10 as JPEG pictures in class folders: a folder, or an archive that is unpacked once [default: ../shared/datasets/cifar10-jpeg.tar.xz]
    #[arg(long, value_parser = typed_path(), value_name = "PATH")]
    cifar10_jpeg: Option<PathBuf>,
    /// Run every n-th cell from the i-th: several machines share the work
    #[arg(long, value_name = "I/N", value_parser = str::parse::<Shard>, allow_hyphen_values = true, default_value = "1/1")]
    shard: Shard,
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
    reproduce(&arguments).map_err(|error| match error.downcast_ref() {
        Some(ExperimentError::Interrupted) => Interrupted.into(),
        _ => error,
    })
}

fn reproduce(arguments: &Arguments) -> Result<()> {
    let profile = arguments.profile;
    let folder = crate::root().join("target/reproduce").join(profile.name());
    let rows = profile.rows();
    if arguments.memory {
        return arguments.measure_memory(&folder, &rows);
    }
    let cells: Vec<Planned> = rows.iter().flat_map(Row::cells).collect();
    let chosen = arguments.chosen(&cells)?;
    if arguments.list {
        return print(&list(&chosen, &folder));
    }
    // What goes wrong from here on is told at the end, below a page of what went well.
    let mut failures = Vec::new();
    let mut memory = memory::read(&folder);
    if !arguments.render {
        let (runner, places) = (runner(&folder)?, arguments.places(&folder)?);
        failures.extend(run_cells(&runner, &places, &chosen)?);
        if profile == Profile::Smoke {
            failures.extend(check_determinism(&runner, &places, &cells[0])?);
        }
        if arguments.only.is_none() && arguments.shard.is_first() {
            let (known, failed) = memory::measure(&runner, &places, profile, false)?;
            memory = known;
            failures.extend(failed);
        }
    }
    let page = page::Page {
        profile: profile.name(),
        origin: Origin::here(commit::commit()?),
        rows: &rows,
        folder: &folder,
        cells: &cells_in(&folder),
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

/// Where results are, of work in a folder.
fn cells_in(folder: &Path) -> PathBuf {
    folder.join("cells")
}

/// Runs cells below a folder by the program, which is built for it.
fn runner(folder: &Path) -> Result<Runner> {
    let program = crate::command::trainer()?;
    let origin = Origin::here(commit::commit()?);
    let stop = interruption_flag().context("can't listen for signals")?;
    Ok(Runner::new(Program::new(program, stop), folder, &cells_in(folder), origin)?)
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
        let (runner, places) = (runner(folder)?, self.places(folder)?);
        let absent = profile::datasets(rows).into_iter().filter_map(|data| {
            let why = places.of(data).err()?;
            Some(format!("{}: {why}", data.title()))
        });
        let absent: Vec<String> = absent.collect();
        let (memory, failures) = match absent.is_empty() {
            true => memory::measure(&runner, &places, self.profile, true)?,
            false => (Vec::new(), absent),
        };
        if !failures.is_empty() {
            let failures = failures.join("\n  ");
            bail!("reproduce: memory is not known of all, so the page stays as it is\n  {failures}");
        }
        let (profile, origin) = (self.profile.name(), Origin::here(commit::commit()?));
        page::Page { profile, origin, rows, folder, cells: &cells_in(folder), memory: &memory }
            .replace_table_2(&out)?;
        print(&out.display().to_string())
    }

    /// Where datasets lie; an archive is unpacked beside the folder of all cells.
    fn places(&self, folder: &Path) -> Result<Places> {
        let target = folder.parent().context("the runs' folder has a parent")?;
        let cifar10_jpeg = cifar::folder(self.cifar10_jpeg.as_deref(), target)?;
        let data_dir = std::path::absolute(crate::data_dir(self.data_dir.as_deref()))?;
        Ok(Places { data_dir, cifar10_jpeg })
    }

    /// The cells of this shard that were asked for.
    fn chosen<'c>(&self, cells: &'c [Planned]) -> Result<Vec<&'c Planned>> {
        let wanted = |planned: &&Planned| {
            self.only.as_ref().is_none_or(|text| planned.cell.name.contains(text.as_str()))
        };
        if let Some(text) = self.only.as_ref().filter(|_| !cells.iter().any(|cell| wanted(&cell))) {
            let rule = format!("--only: must be part of a cell's name, as --list shows them; found {text:?}");
            return Err(WrongUse(rule).into());
        }
        let mine = cells.iter().enumerate().filter(|(index, _)| self.shard.has(*index)).map(|(_, cell)| cell);
        Ok(mine.filter(wanted).collect())
    }
}

/// The plan: a line a cell, and one of them all.
fn list(cells: &[&Planned], folder: &Path) -> String {
    let (mut lines, mut left) = (Vec::new(), 0.0);
    for Planned { cell, flags, .. } in cells {
        let done = cell.finished(&cells_in(folder)).is_some();
        left += if done { 0.0 } else { cell.work };
        let state = if done { "done" } else { "to do" };
        let (name, work, flags) = (&cell.name, duration(cell.work), flags.join(" "));
        lines.push(format!("{state:<6} {name:<44} {work:>8}  {flags}"));
    }
    lines.push(format!("{} cells, about {} to do on two cores", cells.len(), duration(left)));
    lines.join("\n")
}

/// Runs the cells; returns what failed.
fn run_cells(runner: &Runner, places: &Places, planned: &[&Planned]) -> Result<Vec<String>> {
    let to_do = |planned: &&&Planned| {
        planned.cell.finished(runner.cells()).is_none() && places.of(planned.dataset).is_ok()
    };
    let left = planned.iter().filter(to_do).map(|planned| planned.cell.work).sum();
    let progress = SweepProgress::new(planned.len(), left);
    let cells: Vec<_> = planned.iter().map(|planned| (&planned.cell, places.of(planned.dataset))).collect();
    Ok(runner.run_all(&cells, &progress)?)
}

/// Trains a finished cell again: what is wrong, if the model is another one.
fn check_determinism(
    runner: &Runner,
    places: &Places,
    Planned { cell, dataset, .. }: &Planned,
) -> Result<Option<String>> {
    let name = &cell.name;
    if cell.finished(runner.cells()).is_none() {
        complain(&format!("{name}: not compared with a second training, since it is not done here"));
        return Ok(None);
    }
    let place = places.of(*dataset).map_err(anyhow::Error::msg)?;
    Ok(match runner.gives_the_same_model_twice(cell, &place)? {
        Err(line) => Some(format!("{name}, again: {line}")),
        Ok(false) => Some(format!("{name}: must give the same model twice; the two differ")),
        Ok(true) => {
            complain(&format!("{name}: the same model twice, to the byte"));
            None
        }
    })
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
        let cells: Vec<Planned> = Profile::Smoke.rows().iter().flat_map(Row::cells).collect();
        let names = |line: &str| -> Vec<String> {
            parse(line).chosen(&cells).unwrap().iter().map(|planned| planned.cell.name.clone()).collect()
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
