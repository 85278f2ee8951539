//! `cargo xtask guide`: the documentation as a book, and its commands, run.

mod book;
mod commands;
pub(crate) mod page;

use crate::WrongUse;
use anyhow::{Context, Result};
use clap::Args;
use nopropdt_train::commands::typed_path;
use std::path::{Path, PathBuf};

/// Arguments of `guide`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Folder of the book [default: target/guide]
    #[arg(long, value_parser = typed_path(), value_name = "DIR")]
    out: Option<PathBuf>,
    /// Run the commands of the documentation in this folder instead, in the book's order: `.ci/documented` prepares one
    #[arg(long, value_parser = typed_path(), value_name = "DIR", conflicts_with = "out")]
    run: Option<PathBuf>,
    /// Pages whose commands are run, such as docs/guide/install.md [default: README.md and those of the book]
    #[arg(requires = "run", value_name = "PAGE")]
    pages: Vec<String>,
}

pub fn run(arguments: Arguments) -> Result<()> {
    let Some(folder) = arguments.run else {
        let out = arguments.out.unwrap_or_else(|| crate::root().join("target/guide"));
        return book::build(&out);
    };
    if !folder.is_dir() {
        return Err(WrongUse(format!("--run {}: there must be such a folder", folder.display())).into());
    }
    let mut pages = vec!["README.md".to_owned()];
    pages.extend(chapters()?);
    if let Some(unknown) = arguments.pages.iter().find(|page| !pages.contains(page)) {
        return Err(WrongUse(format!("{unknown}: must be README.md or a page of docs/SUMMARY.md")).into());
    }
    pages.retain(|page| arguments.pages.is_empty() || arguments.pages.contains(page));
    commands::run(&folder, &pages)
}

/// The pages of the book in its order, from the root of the repository.
pub(crate) fn chapters() -> Result<Vec<String>> {
    let summary = read(&crate::root().join("docs/SUMMARY.md"))?;
    let links = summary.lines().filter_map(|line| line.split_once("](")?.1.split(')').next());
    Ok(links.map(|link| format!("docs/{link}")).collect())
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| path.display().to_string())
}
