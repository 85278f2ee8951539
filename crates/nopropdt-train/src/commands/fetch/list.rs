//! The table of datasets.

use std::fmt::Write;

use nopropdt_fetch::{Fetcher, Manifest, ManifestDataset, ManifestFile};

/// One line a dataset: name, bytes to transfer and on disk, whether it is here, terms, homepage.
pub(super) fn table(manifest: &Manifest, fetcher: &Fetcher) -> String {
    let mut text = format!(
        "{:<14} {:>9} {:>9}  {:<8}  {:<54}  homepage",
        "dataset", "transfer", "on disk", "here", "licence"
    );
    for dataset in &manifest.datasets {
        let here = match (dataset.embedded, fetcher.is_present(dataset)) {
            (true, _) => "embedded",
            (false, true) => "yes",
            (false, false) if fetcher.is_local(dataset) => "package",
            (false, false) => "no",
        };
        let (name, licence, homepage) = (&dataset.name, &dataset.licence, &dataset.homepage);
        // Writing to a string can't fail.
        let _ = write!(
            text,
            "\n{name:<14} {:>9} {:>9}  {here:<8}  {licence:<54}  {homepage}",
            megabytes(dataset, ManifestFile::transfer_bytes),
            on_disk(dataset)
        );
    }
    text
}

/// Bytes on disk; what an archive holds is known only by its bound.
fn on_disk(dataset: &ManifestDataset) -> String {
    let bounded = dataset.files.iter().any(|file| file.unpack().is_archive());
    format!("{}{}", if bounded { "≤" } else { "" }, megabytes(dataset, ManifestFile::disk_bytes))
}

fn megabytes(dataset: &ManifestDataset, bytes: fn(&ManifestFile) -> u64) -> String {
    if dataset.embedded {
        return "-".to_owned();
    }
    super::sizes::megabytes(dataset.files.iter().map(bytes).sum())
}

#[cfg(test)]
mod tests {
    use nopropdt_fetch::FetchOptions;

    use super::*;

    #[test]
    fn every_dataset_has_its_line() {
        let data = tempfile::TempDir::new().unwrap();
        let (manifest, fetcher) =
            (Manifest::embedded().unwrap(), Fetcher::new(FetchOptions::new(data.path())));
        let table = table(&manifest, &fetcher);
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(lines.len(), 1 + manifest.datasets.len());
        let line = |name: &str| *lines.iter().find(|line| line.starts_with(&format!("{name} "))).unwrap();
        assert!(line("digits").contains(" embedded ") && line("mnist").contains(" no "));
        assert!(line("mnist").contains("11.6 MB") && line("mnist").contains(" 55.0 MB"));
        assert!(line("cifar10").contains(" ≤184.4 MB"));
        assert!(line("cifar10").ends_with("https://www.cs.toronto.edu/~kriz/cifar.html"));
    }
}
