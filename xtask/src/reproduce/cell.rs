//! One training and its measurements.

use super::outcome::Outcome;
use clap::Parser;
use nopropdt_data::{DatasetName, DatasetSource};
use nopropdt_train::commands::{Cli, TrainArguments};
use nopropdt_train::config::RunConfig;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// A row of a profile with one seed.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Cell {
    /// Its folder's name: `mnist-dt-one-hot-seed0`.
    pub(super) name: String,
    pub(super) dataset: Data,
    /// Flags of the training, but for the data's and the output's.
    pub(super) flags: Vec<String>,
    pub(super) measure: Measure,
    /// Expected work, in any unit, for the time that is left.
    pub(super) work: f64,
}

/// What is learned from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Data {
    Digits,
    Mnist,
    Cifar10,
    Cifar100,
    /// CIFAR-10 encoded again as JPEG: not the paper's images to the bit.
    Cifar10Jpeg,
}

impl Data {
    /// The datasets of rows, each once.
    pub(super) fn of(rows: &[super::profile::Row]) -> Vec<Self> {
        let mut all: Vec<Self> = rows.iter().map(|row| row.dataset).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Digits => "digits",
            Self::Mnist => "MNIST",
            Self::Cifar10 => "CIFAR-10",
            Self::Cifar100 => "CIFAR-100",
            Self::Cifar10Jpeg => "CIFAR-10 (JPEG)",
        }
    }

    /// The name in folders; of a dataset that is fetched, its own.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Digits => "digits",
            Self::Mnist => "mnist",
            Self::Cifar10 => "cifar10",
            Self::Cifar100 => "cifar100",
            Self::Cifar10Jpeg => "cifar10-jpeg",
        }
    }
}

impl Data {
    /// The dataset as the program is told of it; where a folder lies decides nothing.
    fn source(self) -> DatasetSource {
        match self {
            Self::Digits => DatasetName::Digits.into(),
            Self::Mnist => DatasetName::Mnist.into(),
            Self::Cifar10 => DatasetName::Cifar10.into(),
            Self::Cifar100 => DatasetName::Cifar100.into(),
            Self::Cifar10Jpeg => DatasetSource::Folder(self.key().to_owned()),
        }
    }
}

/// How a trained cell is measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Measure {
    /// Runs, each with noise of its own.
    pub(super) runs: usize,
    /// Whether answers of five averaged draws are measured too.
    pub(super) averaged: bool,
    /// Steps of an answer, where they are not those of the training.
    pub(super) steps: Option<usize>,
}

/// What was asked for, kept beside what came of it: every setting as it was resolved, so that a result of other settings is none, be
/// it that the cell's flags are others now, a preset or a default.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Asked {
    settings: String,
    measure: Measure,
}

impl Cell {
    pub(super) fn folder(&self, root: &Path) -> PathBuf {
        root.join(&self.name)
    }

    pub(super) fn asked(&self) -> Asked {
        // Flags that the program would refuse are told by the program; until then their complaint stands for them.
        let settings = self.config().map_or_else(|why| why, |config| config.to_toml());
        Asked { settings, measure: self.measure.clone() }
    }

    /// The arguments of the training as the program parses them.
    pub(super) fn arguments(&self) -> Result<TrainArguments, String> {
        let dataset = format!("--dataset={}", self.dataset.source());
        let words = ["nopropdt-train".to_owned(), dataset].into_iter().chain(self.flags.iter().cloned());
        Cli::try_parse_from(words).map(|cli| cli.train).map_err(|error| error.to_string())
    }

    /// Every setting of the training.
    pub(super) fn config(&self) -> Result<RunConfig, String> {
        let TrainArguments { overrides, preset, .. } = self.arguments()?;
        overrides.resolve(preset).map_err(|error| error.to_string())
    }

    /// The result, if it is there and was made with these settings.
    pub(super) fn finished(&self, root: &Path) -> Option<Outcome> {
        let folder = self.folder(root);
        let asked: Asked = read(&folder.join("cell.json"))?;
        (asked == self.asked()).then(|| read(&folder.join("outcome.json"))).flatten()
    }
}

/// An unreadable file is as good as none: the cell is run again.
pub(super) fn read<T: for<'de> Deserialize<'de>>(path: &Path) -> Option<T> {
    serde_json::from_slice(&std::fs::read(path).ok()?).ok()
}

/// Every n-th cell from the i-th.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shard {
    index: usize,
    count: usize,
}

impl Shard {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let numbers = text.split_once('/').and_then(|(i, n)| Some((i.parse().ok()?, n.parse().ok()?)));
        match numbers {
            Some((index, count)) if (1..=count).contains(&index) => Ok(Self { index, count }),
            _ => Err("must be whole numbers I/N with I from 1 to N".to_owned()),
        }
    }

    /// Whether what is done once falls to this one.
    pub(super) fn is_first(self) -> bool {
        self.index == 1
    }

    pub(super) fn has(self, place: usize) -> bool {
        place % self.count == self.index - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_divide_the_work() {
        let shards: Vec<Shard> =
            ["1/3", "2/3", "3/3"].iter().map(|text| Shard::parse(text).unwrap()).collect();
        for place in 0..10 {
            assert_eq!(shards.iter().filter(|shard| shard.has(place)).count(), 1, "{place}");
        }
        for text in ["", "1", "0/3", "4/3", "1/0", "a/b", "1/2/3", "-1/2"] {
            assert!(Shard::parse(text).unwrap_err().contains("I/N"), "{text}");
        }
    }

    #[test]
    fn a_result_of_other_settings_is_none() {
        let root = tempfile::tempdir().unwrap();
        let measure = Measure { runs: 1, averaged: false, steps: None };
        let mut cell = Cell {
            name: "a".into(),
            dataset: Data::Digits,
            flags: vec!["--lr=1".into()],
            measure,
            work: 1.0,
        };
        assert_eq!(cell.finished(root.path()), None);
        let folder = cell.folder(root.path());
        std::fs::create_dir_all(&folder).unwrap();
        let outcome = Outcome::example(0.9);
        std::fs::write(folder.join("cell.json"), serde_json::to_vec(&cell.asked()).unwrap()).unwrap();
        assert_eq!(cell.finished(root.path()), None, "trained, and not yet measured");
        std::fs::write(folder.join("outcome.json"), serde_json::to_vec(&outcome).unwrap()).unwrap();
        assert_eq!(cell.finished(root.path()), Some(outcome));
        let outcome = cell.finished(root.path());
        // The same settings in other words.
        cell.flags.push("--epochs=20".into());
        assert_eq!((cell.finished(root.path()), outcome.is_some()), (outcome, true));
        cell.flags.push("--preset=paper".into());
        assert_eq!(cell.finished(root.path()), None);
        cell.flags = vec!["--lr=0.5".into()];
        assert_eq!(cell.finished(root.path()), None);
    }

    /// As it was before settings were kept: nobody knows which defaults it had.
    #[test]
    fn a_result_whose_settings_are_unknown_is_none() {
        let root = tempfile::tempdir().unwrap();
        let measure = Measure { runs: 1, averaged: false, steps: None };
        let cell = Cell { name: "a".into(), dataset: Data::Digits, flags: vec![], measure, work: 1.0 };
        std::fs::create_dir_all(cell.folder(root.path())).unwrap();
        let put = |name: &str, text: &str| std::fs::write(cell.folder(root.path()).join(name), text).unwrap();
        put("cell.json", r#"{"flags": [], "measure": {"runs": 1, "averaged": false, "steps": null}}"#);
        put("outcome.json", &serde_json::to_string(&Outcome::example(0.9)).unwrap());
        assert_eq!(cell.finished(root.path()), None);
    }
}
