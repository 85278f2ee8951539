//! `cargo xtask fetch-data`: brings datasets into the data folder, checked.

mod display;

use std::env;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use nopropdt_data::{DatasetName, FetchOptions, FetchReport, Fetcher, Manifest, ManifestDataset};

use display::Display;

/// The command's arguments.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Datasets to fetch
    #[arg(value_name = "NAME", default_value = "mnist", value_parser = str::parse::<DatasetName>)]
    names: Vec<DatasetName>,
    /// Take the files from this folder, plain or .gz, instead of the network
    #[arg(long, value_name = "DIR", value_parser = existing_folder)]
    from: Option<PathBuf>,
    /// Download from URL/FILE.gz instead of the manifest's mirrors
    #[arg(long, value_name = "URL", conflicts_with = "from", value_parser = http_address)]
    mirror: Option<String>,
    /// Folder of all datasets [default: data in the project's root]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

/// Fetches every dataset named.
///
/// # Errors
/// The first dataset's failure.
pub fn run(arguments: Arguments) -> anyhow::Result<()> {
    let manifest = Manifest::embedded()?;
    let fetcher = Fetcher::new(FetchOptions {
        from: arguments.from,
        mirror: arguments.mirror,
        ..FetchOptions::new(arguments.data_dir.unwrap_or_else(default_data_dir))
    });
    for name in arguments.names {
        let dataset =
            manifest.dataset(name).with_context(|| format!("{name}: dataset is not in the manifest"))?;
        let line = if dataset.embedded {
            format!("{name}: part of the program; nothing to fetch")
        } else {
            let mut display = Display::new(dataset);
            let report = fetcher.fetch(dataset, &mut |event| display.show(&event))?;
            summary(dataset, &report)
        };
        writeln!(io::stdout(), "{line}").context("can't write to standard output")?;
    }
    Ok(())
}

fn summary(dataset: &ManifestDataset, report: &FetchReport) -> String {
    let state = match report.fetched.len() {
        0 => "already complete".to_owned(),
        fetched => format!("complete, {fetched} fetched"),
    };
    let (files, megabytes) = (dataset.files.len(), report.bytes as f64 / 1e6);
    let folder = report.folder.display();
    format!("{}: {state}; {files} files, {megabytes:.1} MB, SHA-256 right, in {folder}", dataset.name)
}

/// `data` in the project's root, wherever in the project the command was given.
fn default_data_dir() -> PathBuf {
    let root = env::var_os("CARGO_MANIFEST_DIR").and_then(|own| Path::new(&own).parent().map(Path::to_owned));
    match (root, env::current_dir()) {
        (Some(root), Ok(here)) if root != here => root.join("data"),
        _ => PathBuf::from("data"),
    }
}

fn existing_folder(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    if path.is_dir() { Ok(path) } else { Err("there must be such a folder".to_owned()) }
}

fn http_address(text: &str) -> Result<String, String> {
    if text.starts_with("http://") || text.starts_with("https://") {
        Ok(text.to_owned())
    } else {
        Err("address must start with http:// or https://".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Arguments,
    }

    fn parse(arguments: &[&str]) -> Result<Arguments, String> {
        Line::try_parse_from([&["fetch-data"], arguments].concat())
            .map(|line| line.arguments)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn without_a_name_it_is_mnist() {
        assert_eq!(parse(&[]).unwrap().names, [DatasetName::Mnist]);
        assert_eq!(parse(&["digits", "mnist"]).unwrap().names, DatasetName::ALL);
    }

    #[test]
    fn wrong_use_says_what_is_right() {
        assert!(parse(&["cats"]).unwrap_err().contains("must be one of digits, mnist"));
        assert!(parse(&["--from", "/no/such/folder"]).unwrap_err().contains("there must be such a folder"));
        assert!(parse(&["--mirror", "host/mnist"]).unwrap_err().contains("http:// or https://"));
        assert!(
            parse(&["--mirror", "http://host", "--from", "."]).unwrap_err().contains("cannot be used with")
        );
    }

    #[test]
    fn the_summary_says_where_the_files_are() {
        let manifest = Manifest::embedded().unwrap();
        let mnist = manifest.dataset(DatasetName::Mnist).unwrap();
        let folder = tempfile::TempDir::new().unwrap();
        let empty = ManifestDataset { files: Vec::new(), ..mnist.clone() };
        let report = Fetcher::new(FetchOptions::new(folder.path())).fetch(&empty, &mut |_| ()).unwrap();
        assert_eq!(
            summary(&empty, &report),
            format!(
                "mnist: already complete; 0 files, 0.0 MB, SHA-256 right, in {}",
                folder.path().join("mnist").display()
            )
        );
    }
}
