//! `cargo xtask reproduce PROFILE`: the paper's tables and figures, run from nothing and written down.
//!
//! A profile is a grid; an arm of it and a seed are a cell; a cell is trained and measured by the program itself, in processes and folders of its
//! own, so that what is finished stays finished. Results are small files that stand with the page: cells of all days and machines add up.

mod cifar;
mod commit;
mod data;
mod figures;
mod memory;
mod page;
mod paper;
mod profile;
mod row;

use crate::WrongUse;
use anyhow::{Context, Result, bail};
use clap::Args;
use nopropdt_train::commands::{SweepProgress, complain, duration, print, typed_path};
use nopropdt_train::experiments::{
    Cell, ExperimentError, Grid, Origin, Place, Program, Results, Runner, Shard,
};
use nopropdt_train::signals::interruption_flag;
use std::path::{Path, PathBuf};

use data::{Data, Places};
use profile::Profile;
use row::Row;

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
    /// Measure memory only, again, and write the page
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
    let grid = profile.grid()?;
    let chosen = arguments.chosen(&grid)?;
    if arguments.list {
        return print(&list(&chosen, &profile.cells()));
    }
    // What goes wrong from here on is told at the end, below a page of what went well.
    let mut failures = Vec::new();
    if !arguments.render {
        let (runner, places) = (runner(profile)?, arguments.places(&profile.work())?);
        if !arguments.memory {
            failures.extend(run_cells(&runner, &places, &chosen)?);
        }
        if profile == Profile::Smoke {
            failures.extend(check_determinism(&runner, &places, &grid)?);
        }
        if arguments.memory || profile == Profile::Smoke {
            failures.extend(memory::measure(&runner, &places, profile, arguments.memory)?);
        }
    }
    let out = arguments.page();
    write_page(arguments, &out)?;
    print(&out.display().to_string())?;
    failures.extend(Results::read(&grid, &profile.cells()).figures().below_their_bounds());
    if !failures.is_empty() {
        let count = failures.len();
        bail!(
            "reproduce: {count} failed; the same command tries only these again\n  {}",
            failures.join("\n  ")
        );
    }
    Ok(())
}

/// Writes the page of the profile: of smoke its own, else the published one, with the results of all that is published.
fn write_page(arguments: &Arguments, out: &Path) -> Result<()> {
    let profile = arguments.profile;
    let profiles = if profile == Profile::Smoke { &[Profile::Smoke][..] } else { &Profile::PUBLISHED };
    let grids = profiles.iter().map(|&profile| Ok((profile, profile.grid()?))).collect::<Result<Vec<_>>>()?;
    let results: Vec<(Profile, Results<'_>)> =
        grids.iter().map(|(profile, grid)| (*profile, Results::read(grid, &profile.cells()))).collect();
    let mut rows = Vec::new();
    for (profile, results) in &results {
        for results in results.arms() {
            let data = Data::of(&results.arm.config().data.dataset).map_err(anyhow::Error::msg)?;
            rows.push(Row { profile: *profile, data, results });
        }
    }
    let figures = figures::draw(&rows, &crate::data_dir(arguments.data_dir.as_deref()), &page::folder(out)?)?;
    let page = page::Page {
        command: format!("cargo xtask reproduce {}", profile.name()),
        origin: Origin::here(commit::commit()?),
        rows: &rows,
        memory: &memory::read(profile),
        figures: &figures,
    };
    page.write(out)
}

/// Runs the cells of a profile by the program, which is built for it.
fn runner(profile: Profile) -> Result<Runner> {
    let program = crate::command::trainer()?;
    let origin = Origin::here(commit::commit()?);
    let stop = interruption_flag().context("can't listen for signals")?;
    Ok(Runner::new(Program::new(program, stop), &profile.work(), &profile.cells(), origin)?)
}

impl Arguments {
    /// Where the page is.
    fn page(&self) -> PathBuf {
        self.out.clone().unwrap_or_else(|| match self.profile {
            Profile::Smoke => Profile::Smoke.work().join("reproduction.md"),
            _ => crate::root().join("docs/reproduction.md"),
        })
    }

    /// Where datasets lie; an archive is unpacked beside the folder of all cells.
    fn places(&self, work: &Path) -> Result<Places> {
        let target = work.parent().context("the runs' folder has a parent")?;
        let cifar10_jpeg = cifar::folder(self.cifar10_jpeg.as_deref(), target)?;
        let data_dir = std::path::absolute(crate::data_dir(self.data_dir.as_deref()))?;
        Ok(Places { data_dir, cifar10_jpeg })
    }

    /// The cells of this shard that were asked for, seed by seed, so that all arms have the first seed before any has the second. Each seed begins
    /// with the next arm, so that no arm falls to one shard alone.
    fn chosen<'g>(&self, grid: &'g Grid) -> Result<Vec<&'g Cell>> {
        let count = grid.arms().len();
        let each = grid.arms().iter().enumerate().flat_map(|(arm, of)| {
            of.cells()
                .iter()
                .enumerate()
                .map(move |(seed, cell)| ((seed, (arm + count - seed % count) % count), cell))
        });
        let mut cells: Vec<_> = each.collect();
        cells.sort_by_key(|(place, _)| *place);
        let cells: Vec<&Cell> = cells.into_iter().map(|(_, cell)| cell).collect();
        let wanted = |cell: &&Cell| self.only.as_ref().is_none_or(|text| cell.name.contains(text.as_str()));
        if let Some(text) = self.only.as_ref().filter(|_| !cells.iter().any(wanted)) {
            let rule = format!("--only: must be part of a cell's name, as --list shows them; found {text:?}");
            return Err(WrongUse(rule).into());
        }
        let mine = cells.into_iter().enumerate().filter(|(index, _)| self.shard.has(*index));
        Ok(mine.map(|(_, cell)| cell).filter(wanted).collect())
    }
}

/// Where a cell's images lie, or why they are not there.
fn place(places: &Places, cell: &Cell) -> Result<Place, String> {
    Data::of(&cell.config.data.dataset).and_then(|data| places.of(data))
}

/// The plan: a line a cell, and one of them all.
fn list(cells: &[&Cell], folder: &Path) -> String {
    let (mut lines, mut left) = (Vec::new(), 0.0);
    for cell in cells {
        let done = cell.finished(folder).is_some();
        left += if done { 0.0 } else { cell.work };
        let state = if done { "done" } else { "to do" };
        lines.push(format!("{state:<6} {:<44} {:>8}", cell.name, duration(cell.work)));
    }
    lines.push(format!("{} cells, about {} to do on two cores", cells.len(), duration(left)));
    lines.join("\n")
}

/// Runs the cells; returns what failed.
fn run_cells(runner: &Runner, places: &Places, cells: &[&Cell]) -> Result<Vec<String>> {
    let placed: Vec<_> = cells.iter().map(|&cell| (cell, place(places, cell))).collect();
    let to_do =
        placed.iter().filter(|(cell, place)| place.is_ok() && cell.finished(runner.cells()).is_none());
    let progress = SweepProgress::new(cells.len(), to_do.map(|(cell, _)| cell.work).sum());
    Ok(runner.run_all(&placed, &progress)?)
}

/// Trains a finished cell again: what is wrong, if the model is another one.
fn check_determinism(runner: &Runner, places: &Places, grid: &Grid) -> Result<Option<String>> {
    let cell = grid.cells().next().context("a grid has a cell")?;
    let name = &cell.name;
    if cell.finished(runner.cells()).is_none() || !cell.run_folder(runner.work()).is_dir() {
        complain(&format!("{name}: not compared with a second training, since it is not done here"));
        return Ok(None);
    }
    let place = place(places, cell).map_err(anyhow::Error::msg)?;
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
        let grid = Profile::Smoke.grid().unwrap();
        let names = |line: &str| -> Vec<String> {
            parse(line).chosen(&grid).unwrap().iter().map(|cell| cell.name.clone()).collect()
        };
        assert_eq!(names("smoke").len(), grid.cells().count());
        let (first, second) = (names("smoke --shard 1/2"), names("smoke --shard 2/2"));
        assert_eq!(first.len() + second.len(), grid.cells().count());
        assert!(first.iter().all(|name| !second.contains(name)));
        assert!(names("smoke --only prototype").iter().all(|name| name.contains("prototype")));
        let error = parse("smoke --only cats").chosen(&grid).unwrap_err();
        assert!(error.is::<WrongUse>() && error.to_string().ends_with("found \"cats\""), "{error}");
        // All arms have a seed before any has the next.
        let grid = Profile::Controls.grid().unwrap();
        let seeds: Vec<u64> =
            parse("controls").chosen(&grid).unwrap().iter().map(|cell| cell.seed()).collect();
        assert!(seeds.is_sorted() && seeds.len() == 45, "{seeds:?}");
    }
}
