//! `fetch`: brings datasets into the data folder, checked.

mod arguments;
mod display;
mod hint;
mod list;
mod sizes;

use super::output::{complain, print};
use crate::data_folder::DataFolder;
use anyhow::{anyhow, bail};
use arguments::{ALL, LIST};
use display::Display;
use nopropdt_fetch::{FetchError, FetchOptions, FetchPlan, FetchReport, Fetcher, Manifest, ManifestDataset};
use std::path::Path;

/// What brings a dataset.
pub(super) const COMMAND: &str = "nopropdt-train fetch";

pub use arguments::FetchArguments;

/// Fetches every dataset named, or lists them. What all of them take is told, and the disks looked at, before the first transfer.
///
/// # Errors
/// A dataset's failure; the other datasets are fetched all the same. None is when a disk has too little room.
pub fn fetch(arguments: FetchArguments) -> anyhow::Result<()> {
    let manifest = Manifest::embedded()?;
    let from = arguments.from.clone();
    let fetcher = Fetcher::new(FetchOptions {
        from: arguments.from,
        mirror: arguments.mirror,
        ..FetchOptions::new(DataFolder::find(arguments.data_dir.as_deref()).path)
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
        match fetch_one(fetcher, plan) {
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

fn fetch_one(fetcher: &Fetcher, plan: &FetchPlan<'_>) -> anyhow::Result<String> {
    let mut display = Display::new(plan.dataset);
    let report = fetcher.carry_out(plan, &mut |event| display.show(&event)).map_err(with_remedy)?;
    let summary = summary(plan.dataset, &report);
    Ok(match hint::hint(plan.dataset, &report, &DataFolder::find(None).path) {
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

#[cfg(test)]
mod tests {
    use super::*;

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
