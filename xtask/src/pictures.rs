//! `cargo xtask pictures`: the pictures of the documentation, drawn and photographed again.

mod diagram;
mod report;

use crate::WrongUse;
use anyhow::{Context, Result};
use clap::Args;
use nopropdt_train::commands::{print, typed_path};
use std::path::PathBuf;

/// Arguments of `pictures`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The Chromium that photographs the report [default: one on the PATH]
    #[arg(long, value_parser = typed_path(), value_name = "PATH")]
    chromium: Option<PathBuf>,
    /// Folder of the pictures [default: docs/pictures]
    #[arg(long, value_parser = typed_path(), value_name = "DIR")]
    out: Option<PathBuf>,
}

pub fn run(arguments: Arguments) -> Result<()> {
    let folder = arguments.out.unwrap_or_else(|| crate::root().join("docs/pictures"));
    if let Some(chromium) = arguments.chromium.as_deref().filter(|path| !path.is_file()) {
        let rule = format!("--chromium {}: there is no such file", chromium.display());
        return Err(WrongUse(rule).into());
    }
    std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    let diagram = folder.join(diagram::FILE);
    std::fs::write(&diagram, diagram::draw()).with_context(|| diagram.display().to_string())?;
    print(&format!("{}\n", diagram.display()))?;
    let chromium = match arguments.chromium {
        Some(chromium) => chromium,
        None => report::find_chromium(std::env::var_os("PATH").as_deref())?,
    };
    let photograph = folder.join(report::FILE);
    report::photograph(&chromium, &photograph)?;
    print(&format!("{}\n", photograph.display()))
}
