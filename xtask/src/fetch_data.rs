//! `cargo xtask fetch-data`: brings datasets into the data folder, checked.

mod display;
mod hint;
mod list;
mod sizes;

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{anyhow, bail};
use clap::Args;
use nopropdt_data::DatasetName;
use nopropdt_fetch::{FetchError, FetchOptions, FetchPlan, FetchReport, Fetcher, Manifest, ManifestDataset};
use nopropdt_train::commands::typed_path;
use nopropdt_train::commands::{complain, print};
use nopropdt_train::home::at_home;

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
    #[arg(long, value_parser = typed_path(), value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

/// Fetches every dataset named, or lists them. What all of them take is told, and the disks looked at, before the first transfer.
///
/// # Errors
/// A dataset's failure; the other datasets are fetched all the same. None is when a disk has too little room.
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
    fetch_all(&fetcher, manifest.datasets.iter().filter(wanted), from.as_deref())
}

fn fetch_all<'a>(
    fetcher: &Fetcher,
    datasets: impl Iterator<Item = &'a ManifestDataset>,
    from: Option<&Path>,
) -> anyhow::Result<()> {
    let (mut plans, mut failures) = (Vec::new(), Vec::new());
    for dataset in datasets {
        if dataset.embedded {
            print(&format!("{}: part of the program; nothing to fetch", dataset.name))?;
            continue;
        }
        match fetcher.plan(dataset) {
            Ok(plan) => plans.push(plan),
            Err(error) => failures.push((dataset.name.as_str(), with_remedy(error))),
        }
    }
    for line in sizes::lines(&plans, from) {
        complain(&line);
    }
    if let Err(error) = fetcher.check_space(&plans) {
        failures.push(("disk", with_remedy(error)));
        plans.clear();
    }
    for plan in &plans {
        match fetch(fetcher, plan) {
            Ok(text) => print(&text)?,
            Err(error) => failures.push((&plan.dataset.name, error)),
        }
    }
    told(failures)
}

/// All failures in one error.
fn told(mut failures: Vec<(&str, anyhow::Error)>) -> anyhow::Result<()> {
    match &failures[..] {
        [] => Ok(()),
        [(_, _)] => Err(failures.remove(0).1),
        _ => {
            let lines: Vec<String> =
                failures.iter().map(|(name, error)| format!("{name}: {error:#}")).collect();
            bail!("not everything could be fetched\n  {}", lines.join("\n  "))
        }
    }
}

fn fetch(fetcher: &Fetcher, plan: &FetchPlan<'_>) -> anyhow::Result<String> {
    let mut display = Display::new(plan.dataset);
    let report = fetcher.carry_out(plan, &mut |event| display.show(&event)).map_err(with_remedy)?;
    let summary = summary(plan.dataset, &report);
    Ok(match hint::hint(plan.dataset, &report, &env::current_dir()?) {
        Some(hint) => format!("{summary}\n{hint}"),
        None => summary,
    })
}

/// An error with what its user can do about it.
fn with_remedy(error: FetchError) -> anyhow::Error {
    match error {
        FetchError::NoSpace { .. } => anyhow!("{error}; make room or use --data-dir"),
        FetchError::AllMirrorsFailed { .. } => {
            anyhow!("{error}; try again later, or use --mirror URL or --from DIR")
        }
        error => error.into(),
    }
}

fn summary(dataset: &ManifestDataset, report: &FetchReport) -> String {
    let state = match report.fetched.len() {
        0 => "already complete".to_owned(),
        fetched => format!("complete, {fetched} fetched"),
    };
    let (files, size) = (dataset.files.len(), sizes::megabytes(report.bytes));
    let (name, folder) = (&dataset.name, report.folder.display());
    let files = if files == 1 { "1 file".to_owned() } else { format!("{files} files") };
    format!("{name}: {state}; {files}, {size}, hashes right, in {folder}")
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
    let path = at_home(Path::new(text));
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

    /// Where a file that is no folder is told from a missing one.
    #[cfg(unix)]
    #[test]
    fn too_little_room_hides_no_other_failure() {
        let manifest = Manifest::embedded().unwrap();
        let mut datasets = ["mnist", "kmnist"].map(|name| manifest.dataset(name).unwrap().clone());
        datasets[1].files[0].bytes = 1 << 62;
        let data = tempfile::TempDir::new().unwrap();
        // A file where a dataset's folder should be.
        std::fs::write(data.path().join("mnist"), "").unwrap();
        let fetcher = Fetcher::new(FetchOptions::new(data.path()));
        let text = fetch_all(&fetcher, datasets.iter(), None).unwrap_err().to_string();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!((lines.len(), lines[0]), (3, "not everything could be fetched"), "{text}");
        assert!(lines[1].starts_with("  mnist: ") && lines[1].contains("can't look at"), "{text}");
        assert!(lines[2].starts_with("  disk: ") && lines[2].contains("make room"), "{text}");
        assert!(!data.path().join("kmnist").exists());
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
