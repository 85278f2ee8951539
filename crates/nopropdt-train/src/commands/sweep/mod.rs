//! `sweep`: many trainings as a grid, each a process of its own, and what they reached.

mod arguments;
mod progress;
mod table;

pub use arguments::SweepArguments;
pub use progress::{SweepProgress, duration};

use super::{UsageError, complain, data_folder, output};
use crate::experiments::{
    Arm, Cell, ExperimentError, Figures, Grid, Origin, Place, Program, Results, Runner, write_record,
};
use crate::files::replace_file;
use crate::registry::Registry;
use crate::report::render_sweep;
use crate::signals::interruption_flag;
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};

/// What there is of a program that was built without telling its commit.
const VERSION: &str = concat!("version ", env!("CARGO_PKG_VERSION"));

pub(super) fn run(arguments: &SweepArguments, registry: &Registry) -> Result<()> {
    let grid =
        Grid::from_file_in(&arguments.grid, registry).map_err(|error| UsageError(error.to_string()))?;
    data_folder(arguments.data_dir.as_deref())?;
    let folders = Folders::of(arguments);
    let chosen = chosen(arguments, &grid)?;
    if arguments.list {
        return output::print(&list(&chosen, &folders.cells));
    }
    let told = train(arguments, &folders, &chosen);
    // Interrupted or not, the page shows what is there.
    let figures = write(&folders, &grid)?;
    let mut failures = told?;
    failures.extend(figures.below_their_bounds());
    output::print(&match arguments.json {
        true => serde_json::to_string(&figures)?,
        false => format!("{}\n{}", table::text(&figures), folders.page.display()),
    })?;
    if !failures.is_empty() {
        bail!(
            "sweep: {} failed; the same command tries only these again\n  {}",
            failures.len(),
            failures.join("\n  ")
        );
    }
    Ok(())
}

/// Where everything goes.
struct Folders {
    work: PathBuf,
    cells: PathBuf,
    figures: PathBuf,
    page: PathBuf,
}

impl Folders {
    fn of(arguments: &SweepArguments) -> Self {
        let stem = arguments.grid.file_stem().unwrap_or(arguments.grid.as_os_str());
        let root = arguments.out.clone().unwrap_or_else(|| Path::new("runs").join(stem));
        let [work, cells, figures, page] =
            ["work", "cells", "sweep.json", "sweep.html"].map(|name| root.join(name));
        Self { work, cells, figures, page }
    }
}

/// The cells of this shard that were asked for, each with its arm.
fn chosen<'g>(arguments: &SweepArguments, grid: &'g Grid) -> Result<Vec<(&'g Arm, &'g Cell)>> {
    let all = grid.arms().iter().flat_map(|arm| arm.cells().iter().map(move |cell| (arm, cell)));
    let wanted = |cell: &Cell| arguments.only.as_ref().is_none_or(|text| cell.name.contains(text.as_str()));
    if let Some(text) = arguments.only.as_ref().filter(|_| !grid.cells().any(wanted)) {
        let rule = format!("--only: must be part of a cell's name, as --list shows them; found {text:?}");
        return Err(UsageError(rule).into());
    }
    let mine = all.enumerate().filter(|(index, _)| arguments.shard.has(*index)).map(|(_, cell)| cell);
    Ok(mine.filter(|(_, cell)| wanted(cell)).collect())
}

/// The plan: a line a cell, and one of them all.
fn list(chosen: &[(&Arm, &Cell)], cells: &Path) -> String {
    let mut lines: Vec<String> = chosen
        .iter()
        .map(|(_, cell)| {
            let state = if cell.finished(cells).is_some() { "done" } else { "to do" };
            format!("{state:<6} {}", cell.name)
        })
        .collect();
    lines.push(outlook(chosen, cells));
    lines.join("\n")
}

/// The cells that are not finished.
fn to_do<'c, 'g>(
    chosen: &'c [(&'g Arm, &'g Cell)],
    cells: &Path,
) -> impl Iterator<Item = &'c (&'g Arm, &'g Cell)> {
    chosen.iter().filter(|(_, cell)| cell.finished(cells).is_none())
}

/// "6 cells, 4 to do, about 10 min": the time where the grid says what each takes.
fn outlook(chosen: &[(&Arm, &Cell)], cells: &Path) -> String {
    let left = to_do(chosen, cells).count();
    let seconds: Option<f64> = to_do(chosen, cells).map(|(arm, _)| arm.seconds()).sum();
    let about = seconds.filter(|_| left > 0);
    let about = about.map_or_else(String::new, |seconds| format!(", about {}", duration(seconds)));
    format!("{} cells, {left} to do{about}", chosen.len())
}

/// Trains and measures what is not finished; gives a line for each cell that failed.
fn train(arguments: &SweepArguments, folders: &Folders, chosen: &[(&Arm, &Cell)]) -> Result<Vec<String>> {
    let program = std::env::current_exe().context("this program: can't be found")?;
    let stop = interruption_flag().context("can't listen for signals")?;
    let program = Program::new(program, stop);
    let runner = Runner::new(program, &folders.work, &folders.cells, Origin::here(VERSION.to_owned()))?;
    let runner = runner.with_threads(arguments.threads);
    let place = |arm: &Arm| {
        Ok(Place { data_dir: arguments.data_dir.clone(), images: arm.images().map(Path::to_owned) })
    };
    let cells: Vec<_> = chosen.iter().map(|(arm, cell)| (*cell, place(arm))).collect();
    complain(&outlook(chosen, &folders.cells));
    let left = to_do(chosen, &folders.cells).map(|(_, cell)| cell.work).sum();
    let progress = SweepProgress::new(chosen.len(), left);
    let failures: Result<Vec<String>, ExperimentError> = runner.run_all(&cells, &progress);
    Ok(failures?)
}

/// Writes the figures and the page from whatever results are there.
fn write(folders: &Folders, grid: &Grid) -> Result<Figures> {
    let results = Results::read(grid, &folders.cells);
    let figures = results.figures();
    write_record(&folders.figures, &figures)?;
    replace_file(&folders.page, render_sweep(&results).as_bytes())?;
    Ok(figures)
}
