//! What fetching will take, told before it begins.

use std::path::Path;

use nopropdt_fetch::FetchPlan;

/// A line for each dataset of which something is missing, and one for all of them when they are several.
pub(super) fn lines(plans: &[FetchPlan<'_>], from: Option<&Path>) -> Vec<String> {
    let plans: Vec<&FetchPlan<'_>> = plans.iter().filter(|plan| !plan.is_complete()).collect();
    let line = |plan: &&FetchPlan<'_>| {
        format!(
            "{}: {}; {}",
            plan.dataset.name,
            sizes(std::slice::from_ref(plan), from),
            plan.dataset.licence
        )
    };
    let mut lines: Vec<String> = plans.iter().map(line).collect();
    if plans.len() > 1 {
        lines.push(format!("together: {}", sizes(&plans, from)));
    }
    lines
}

fn sizes(plans: &[&FetchPlan<'_>], from: Option<&Path>) -> String {
    let transfer_bytes = plans.iter().map(|plan| plan.transfer_bytes).sum();
    let transfer = match (from, transfer_bytes) {
        (Some(folder), _) => format!("nothing to transfer (taken from {})", folder.display()),
        (None, 0) => "nothing to transfer (it is on this machine)".to_owned(),
        (None, bytes) => format!("{} to transfer", megabytes(bytes)),
    };
    let disk_bytes = plans.iter().map(|plan| plan.disk_bytes).sum();
    // What an archive holds is known only by its bound.
    let bounded = plans.iter().flat_map(|plan| &plan.missing).any(|file| file.unpack().is_archive());
    let most = if bounded { "at most " } else { "" };
    format!("{transfer}, {most}{} on disk", megabytes(disk_bytes))
}

/// Bytes for people.
pub(super) fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

#[cfg(test)]
mod tests {
    use nopropdt_fetch::{FetchOptions, Fetcher, Manifest};

    use super::*;

    /// The lines for these datasets, fetched into `data`.
    fn told(names: &[&str], data: &Path, from: Option<&Path>) -> Vec<String> {
        let manifest = Manifest::embedded().unwrap();
        let fetcher =
            Fetcher::new(FetchOptions { from: from.map(Path::to_owned), ..FetchOptions::new(data) });
        let plan = |name: &&str| fetcher.plan(manifest.dataset(name).unwrap()).unwrap();
        lines(&names.iter().map(plan).collect::<Vec<_>>(), from)
    }

    const CIFAR10: &str =
        "cifar10: 170.1 MB to transfer, at most 184.4 MB on disk; none stated; for research, with credit";

    #[test]
    fn one_dataset_is_one_line() {
        let data = tempfile::TempDir::new().unwrap();
        assert_eq!(told(&["cifar10"], data.path(), None), [CIFAR10]);
        let mnist = "mnist: 11.6 MB to transfer, 55.0 MB on disk; CC BY-SA 3.0";
        assert_eq!(told(&["mnist"], data.path(), None), [mnist]);
        assert!(
            told(&["mnist"], data.path(), Some(Path::new("mine")))[0]
                .starts_with("mnist: nothing to transfer (taken from mine), 55.0 MB")
        );
    }

    #[test]
    fn several_are_added_up() {
        let data = tempfile::TempDir::new().unwrap();
        let lines = told(&["cifar10", "svhn"], data.path(), None);
        assert_eq!((lines.len(), lines[0].as_str()), (3, CIFAR10));
        assert_eq!(lines[2], "together: 416.4 MB to transfer, at most 430.7 MB on disk");
    }

    #[test]
    fn an_archive_that_was_not_unpacked_counts() {
        let data = tempfile::TempDir::new().unwrap();
        let archive = data.path().join("cifar10/cifar-10-binary.tar.gz");
        std::fs::create_dir(data.path().join("cifar10")).unwrap();
        std::fs::File::create(archive).unwrap().set_len(170_052_171).unwrap();
        assert_eq!(told(&["cifar10"], data.path(), None), [CIFAR10]);
    }
}
