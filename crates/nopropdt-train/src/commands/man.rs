//! `man`: manual pages.

use super::paths::typed_path;
use super::{Cli, output};
use crate::files::replace_file;
use crate::registry::Registry;
use anyhow::{Context, Result};
use clap::{Args, Command};
use clap_mangen::Man;
use std::io;
use std::path::{Path, PathBuf};

/// Arguments of `man`.
#[derive(Debug, Args)]
pub struct ManArguments {
    /// Write a page for the program and each command into this folder
    #[arg(long, value_parser = typed_path(), value_name = "DIR")]
    pub out: Option<PathBuf>,
}

pub(super) fn run(arguments: &ManArguments, registry: &Registry) -> Result<()> {
    let mut command = Cli::command_in(registry).disable_help_subcommand(true);
    command.build();
    match &arguments.out {
        None => output::print(&String::from_utf8_lossy(&page(&command).context("the page can't be made")?)),
        Some(folder) => {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("{}: folder can't be made", folder.display()))?;
            write(&command, folder)
        }
    }
}

/// The page of one command, in roff.
fn page(command: &Command) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    Man::new(command.clone()).render(&mut text)?;
    Ok(text)
}

/// Writes the pages of a command and of those below it: `nopropdt-train.1`, `nopropdt-train-eval.1`, …
fn write(command: &Command, folder: &Path) -> Result<()> {
    let name = command.get_display_name().unwrap_or_else(|| command.get_name());
    replace_file(&folder.join(format!("{name}.1")), &page(command).context("a page can't be made")?)?;
    command.get_subcommands().try_for_each(|command| write(command, folder))
}
