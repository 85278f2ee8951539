//! The page: what was run, beside what the paper reports. Every figure comes from the files of cells.

mod cells;
mod controls;
mod table_1;
mod table_2;
#[cfg(test)]
mod tests;

use super::figures::Figure;
use super::memory::Memory;
use super::profile::Profile;
use super::row::Row;
use anyhow::{Context, Result};
use nopropdt_train::experiments::{Origin, Outcome, summary};
use nopropdt_train::files::replace_file;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

/// What stands in a page.
pub(super) struct Page<'a> {
    /// The command that writes it.
    pub(super) command: String,
    /// Of the page; each cell knows its own.
    pub(super) origin: Origin,
    pub(super) rows: &'a [Row<'a>],
    pub(super) memory: &'a [Memory],
    pub(super) figures: &'a [Figure],
}

/// The folder of a page's own files: its name without the ending.
pub(super) fn folder(page: &Path) -> Result<std::path::PathBuf> {
    let stem = page.file_stem().with_context(|| format!("{}: must be a file", page.display()))?;
    Ok(page.with_file_name(stem))
}

impl Page<'_> {
    /// Writes the page.
    pub(super) fn write(&self, out: &Path) -> Result<()> {
        let folder = folder(out)?;
        let stem =
            folder.file_name().and_then(|name| name.to_str()).context("--out: must be a name in UTF-8")?;
        Ok(replace_file(out, self.text(stem)?.as_bytes())?)
    }

    fn of(&self, profiles: &[Profile]) -> Vec<Row<'_>> {
        self.rows.iter().filter(|row| profiles.contains(&row.profile)).copied().collect()
    }

    fn text(&self, stem: &str) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        let (command, Origin { commit, date, .. }) = (&self.command, &self.origin);
        writeln!(
            text,
            "# The paper, reproduced\n\n`{command}`; page written on {date} at commit {commit}, by the rules of [protocol.md](protocol.md). Only the columns *paper* are copied from the paper (arXiv 2503.24322, version 1). What was not run says so.\n\n**Run so far**: {}.\n",
            progress(self.rows)
        )?;
        let outcomes: Vec<&Outcome> =
            self.rows.iter().flat_map(|row| row.results.outcomes().map(|(_, outcome)| outcome)).collect();
        let origins: Vec<Origin> = outcomes.iter().map(|outcome| outcome.origin.clone()).collect();
        write_origins(&mut text, "cells", &origins)?;
        let controls = self.of(&[Profile::Controls]);
        if !controls.is_empty() {
            controls::section(&mut text, &controls)?;
        }
        table_1::section(
            &mut text,
            &self.of(&[Profile::Smoke, Profile::Controls, Profile::Quick, Profile::Full]),
        )?;
        table_2::section(&mut text, self.memory)?;
        for Figure { title, file, caption } in self.figures {
            writeln!(text, "## {title}\n\n![{title}]({stem}/{file})\n\n{caption}\n")?;
        }
        let choice = self.of(&[Profile::Choice]);
        if !choice.is_empty() {
            cells::choice(&mut text, &choice)?;
        }
        cells::section(&mut text, self.rows, stem)?;
        Ok(text.trim_end().to_owned() + "\n")
    }
}

/// Says so where results of several commits, processors, kernels or precisions stand together: they round differently. A paragraph, or
/// nothing.
fn mixture(rows: &[Row<'_>]) -> String {
    let outcomes = || rows.iter().flat_map(|row| row.results.outcomes().map(|(_, outcome)| outcome));
    let all = |of: &dyn Fn(&Outcome) -> &str| {
        outcomes().map(|outcome| of(outcome).to_owned()).collect::<BTreeSet<String>>()
    };
    let kinds = [
        ("commits", all(&|outcome| &outcome.origin.commit)),
        ("processors", all(&|outcome| &outcome.origin.processor)),
        ("kernels", all(&|outcome| &outcome.isa)),
        ("precisions", all(&|outcome| &outcome.precision)),
    ];
    let mixed = kinds.into_iter().filter(|(_, found)| found.len() > 1);
    let mixed: Vec<String> = mixed
        .map(|(what, found)| format!("{what} ({})", found.into_iter().collect::<Vec<_>>().join(", ")))
        .collect();
    match mixed[..] {
        [] => String::new(),
        _ => format!("The table mixes {}; the last section has those of each cell.\n", mixed.join(" and ")),
    }
}

/// How much of each profile was run.
fn progress(rows: &[Row<'_>]) -> String {
    let mut told: Vec<(Profile, usize, usize)> = Vec::new();
    for row in rows {
        let (done, all) = (row.seeds(), row.results.cells.len());
        match told.iter_mut().find(|(profile, ..)| *profile == row.profile) {
            Some((_, so_far, of)) => (*so_far, *of) = (*so_far + done, *of + all),
            None => told.push((row.profile, done, all)),
        }
    }
    let each =
        told.into_iter().map(|(profile, done, all)| format!("{done} of {all} of `{}`", profile.name()));
    each.collect::<Vec<_>>().join(", ")
}

/// A list of what was made where.
fn write_origins(text: &mut String, what: &str, origins: &[Origin]) -> std::fmt::Result {
    summary(what, origins).iter().try_for_each(|line| writeln!(text, "- {line}"))?;
    writeln!(text)
}
