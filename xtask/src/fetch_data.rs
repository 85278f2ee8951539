//! `cargo xtask fetch-data`: brings datasets into the data folder, checked.

mod display;
mod list;

use std::env;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use nopropdt_data::{
    DatasetName, FetchOptions, FetchReport, Fetcher, Manifest, ManifestDataset, ManifestFile,
};

use display::Display;

/// Stands for every dataset.
const ALL: &str = "all";
/// Stands for the table of datasets.
const LIST: &str = "list";

/// The command's arguments.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Datasets to fetch; `all` for every one, `list` for a table of them
    #[arg(value_name = "NAME", default_value = "mnist", value_parser = known_name)]
    names: Vec<String>,
    /// Take the files from this folder, plain or as they are sent, instead of the network
    #[arg(long, value_name = "DIR", value_parser = existing_folder)]
    from: Option<PathBuf>,
    /// Download from URL/FILE instead of the manifest's mirrors
    #[arg(long, value_name = "URL", conflicts_with = "from", value_parser = http_address)]
    mirror: Option<String>,
    /// Folder of all datasets [default: data in the project's root]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

/// Fetches every dataset named, or lists them.
///
/// # Errors
/// A dataset's failure; the other datasets are fetched all the same.
pub fn run(arguments: Arguments) -> anyhow::Result<()> {
    let manifest = Manifest::embedded()?;
    let from = arguments.from.clone();
    let fetcher = Fetcher::new(FetchOptions {
        from: arguments.from,
        mirror: arguments.mirror,
        ..FetchOptions::new(arguments.data_dir.unwrap_or_else(default_data_dir))
    });
    if arguments.names.iter().any(|name| name == LIST) {
        return print(&list::table(&manifest, &fetcher));
    }
    let all = arguments.names.iter().any(|name| name == ALL);
    let wanted = |dataset: &&ManifestDataset| all || arguments.names.contains(&dataset.name);
    let mut failures = Vec::new();
    for dataset in manifest.datasets.iter().filter(wanted) {
        match fetch(&fetcher, dataset, from.as_deref()) {
            Ok(line) => print(&line)?,
            Err(error) => failures.push((&dataset.name, error)),
        }
    }
    match &failures[..] {
        [] => Ok(()),
        [(_, _)] => Err(failures.remove(0).1),
        _ => {
            let lines: Vec<String> =
                failures.iter().map(|(name, error)| format!("{name}: {error:#}")).collect();
            bail!("{} datasets could not be fetched\n  {}", lines.len(), lines.join("\n  "))
        }
    }
}

fn fetch(fetcher: &Fetcher, dataset: &ManifestDataset, from: Option<&Path>) -> anyhow::Result<String> {
    if dataset.embedded {
        return Ok(format!("{}: part of the program; nothing to fetch", dataset.name));
    }
    if !fetcher.is_present(dataset) {
        eprintln!("{}", sizes(fetcher, dataset, from));
    }
    let mut display = Display::new(dataset);
    let report = fetcher.fetch(dataset, &mut |event| display.show(&event))?;
    Ok(summary(dataset, &report))
}

fn print(text: &str) -> anyhow::Result<()> {
    writeln!(io::stdout(), "{text}").context("can't write to standard output")
}

/// What fetching will take, before it begins.
fn sizes(fetcher: &Fetcher, dataset: &ManifestDataset, from: Option<&Path>) -> String {
    let sum = |bytes: fn(&ManifestFile) -> u64| megabytes(dataset.files.iter().map(bytes).sum());
    let transfer = match from {
        Some(folder) => format!("nothing to transfer (taken from {})", folder.display()),
        None if fetcher.is_local(dataset) => {
            "nothing to transfer (a package of this system has it)".to_owned()
        }
        None => format!("{} to transfer", sum(ManifestFile::transfer_bytes)),
    };
    format!("{}: {transfer}, {} on disk; {}", dataset.name, sum(ManifestFile::disk_bytes), dataset.licence)
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

fn summary(dataset: &ManifestDataset, report: &FetchReport) -> String {
    let state = match report.fetched.len() {
        0 => "already complete".to_owned(),
        fetched => format!("complete, {fetched} fetched"),
    };
    let (files, size) = (dataset.files.len(), megabytes(report.bytes));
    let (name, folder) = (&dataset.name, report.folder.display());
    let files = if files == 1 { "1 file".to_owned() } else { format!("{files} files") };
    let mut line = format!("{name}: {state}; {files}, {size}, hashes right, in {folder}");
    // A dataset that somebody added: the program knows no such name, but it can read a folder of pictures.
    let is_known = DatasetName::ALL.iter().any(|known| known.files() == name);
    if let (false, Some(root)) = (is_known, report.roots.first()) {
        line += &format!(
            "\nif these are class folders of pictures: --dataset folder:{}",
            report.folder.join(root).display()
        );
    }
    line
}

/// `data` in the project's root, wherever in the project the command was given.
fn default_data_dir() -> PathBuf {
    let root = env::var_os("CARGO_MANIFEST_DIR").and_then(|own| Path::new(&own).parent().map(Path::to_owned));
    match (root, env::current_dir()) {
        (Some(root), Ok(here)) if root != here => root.join("data"),
        _ => PathBuf::from("data"),
    }
}

/// The manifest's name of what was typed.
fn known_name(text: &str) -> Result<String, String> {
    let manifest = Manifest::embedded().map_err(|error| error.to_string())?;
    let name = text.parse::<DatasetName>().map_or(text, |name| name.files());
    if [ALL, LIST].contains(&name) || manifest.dataset(name).is_some() {
        return Ok(name.to_owned());
    }
    let names: Vec<&str> = manifest.datasets.iter().map(|dataset| dataset.name.as_str()).collect();
    Err(format!("must be one of {}, {ALL}, {LIST}", names.join(", ")))
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
        assert_eq!(parse(&[]).unwrap().names, ["mnist"]);
        assert_eq!(
            parse(&["digits", "cifar100-coarse", "all"]).unwrap().names,
            ["digits", "cifar100", "all"]
        );
    }

    #[test]
    fn wrong_use_says_what_is_right() {
        let message = parse(&["cats"]).unwrap_err();
        assert!(
            message.contains("must be one of digits, mnist, fashion-mnist, ")
                && message.contains(", all, list")
        );
        assert!(parse(&["--from", "/no/such/folder"]).unwrap_err().contains("there must be such a folder"));
        assert!(parse(&["--mirror", "host/mnist"]).unwrap_err().contains("http:// or https://"));
        assert!(
            parse(&["--mirror", "http://host", "--from", "."]).unwrap_err().contains("cannot be used with")
        );
    }

    #[test]
    fn sizes_are_told_before_anything_is_fetched() {
        let manifest = Manifest::embedded().unwrap();
        let fetcher = Fetcher::new(FetchOptions::new("unused"));
        assert_eq!(
            sizes(&fetcher, manifest.dataset("cifar10").unwrap(), None),
            "cifar10: 170.1 MB to transfer, 184.4 MB on disk; none stated; for research, with credit"
        );
    }

    #[test]
    fn the_summary_says_where_the_files_are() {
        let manifest = Manifest::embedded().unwrap();
        let mnist = manifest.dataset("mnist").unwrap();
        let folder = tempfile::TempDir::new().unwrap();
        let empty = ManifestDataset { files: Vec::new(), ..mnist.clone() };
        let report = Fetcher::new(FetchOptions::new(folder.path())).fetch(&empty, &mut |_| ()).unwrap();
        let place = folder.path().join("mnist").display().to_string();
        assert_eq!(
            summary(&empty, &report),
            format!("mnist: already complete; 0 files, 0.0 MB, hashes right, in {place}")
        );
    }
}
