//! What each profile runs: one line a row, so that budgets can be read and changed at a glance.
//!
//! Every cell starts from `--preset paper`, which names every setting, and says where it departs from that: a later change of the
//! program's defaults moves no cell.

use super::data::Data;
use clap::{Parser, ValueEnum};
use nopropdt_data::Augmentation;
use nopropdt_train::commands::{Cli, TrainArguments};
use nopropdt_train::experiments::{Cell, Measure};

/// How much is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Profile {
    /// Minutes, on the digits: every method and embedding learns, and does so the same twice
    Smoke,
    /// Hours: MNIST and CIFAR-10 (JPEG), reduced
    Quick,
    /// Days: Table 3 of the paper as printed
    Full,
}

impl Profile {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Smoke => "smoke",
            Self::Quick => "quick",
            Self::Full => "full",
        }
    }
}

/// A cell of a row, and what its row says of it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Planned {
    pub(super) cell: Cell,
    pub(super) dataset: Data,
    /// The flags of its settings, but for the dataset's.
    pub(super) flags: Vec<String>,
}

/// What the program would train with, told so by its command line.
///
/// # Errors
/// The program's complaint.
pub(super) fn arguments(dataset: Data, flags: &[String]) -> Result<TrainArguments, String> {
    let dataset = format!("--dataset={}", dataset.source());
    let words = ["nopropdt-train".to_owned(), dataset].into_iter().chain(flags.iter().cloned());
    Cli::try_parse_from(words).map(|cli| cli.train).map_err(|error| error.to_string())
}

/// A cell with the settings that these flags mean.
///
/// # Errors
/// The program's complaint.
pub(super) fn cell(
    name: String,
    dataset: Data,
    flags: &[String],
    measure: Measure,
    work: f64,
) -> Result<Cell, String> {
    let TrainArguments { overrides, preset, .. } = arguments(dataset, flags)?;
    let config = overrides.resolve(preset).map_err(|error| error.to_string())?;
    Ok(Cell { name, config, measure, work })
}

/// The datasets of rows, each once.
pub(super) fn datasets(rows: &[Row]) -> Vec<Data> {
    let mut all: Vec<Data> = rows.iter().map(|row| row.dataset).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// A row of the tables: settings, run with some seeds.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) dataset: Data,
    pub(super) method: &'static str,
    pub(super) embedding: &'static str,
    /// What makes the row differ from the paper's, where it is there for a figure.
    pub(super) variation: Option<&'static str>,
    /// Flags of all rows of the profile: the preset, and where all depart from it.
    base: &'static str,
    /// Further flags beyond method and embedding.
    own: &'static str,
    pub(super) seeds: u64,
    pub(super) measure: Measure,
    /// Expected seconds of a cell on two cores.
    pub(super) work: f64,
    /// Least accuracy of the row, where the profile promises one.
    pub(super) bound: Option<f64>,
}

impl Row {
    const fn new(
        dataset: Data,
        method: &'static str,
        embedding: &'static str,
        [base, own]: [&'static str; 2],
    ) -> Self {
        let measure = Measure { runs: 3, averaged: None, steps: None };
        Self {
            dataset,
            method,
            embedding,
            variation: None,
            base,
            own,
            seeds: 1,
            measure,
            work: 1.0,
            bound: None,
        }
    }

    const fn at_least(self, bound: f64) -> Self {
        Self { bound: Some(bound), ..self }
    }

    const fn taking(self, seconds: f64) -> Self {
        Self { work: seconds, ..self }
    }

    const fn seeds(self, seeds: u64) -> Self {
        Self { seeds, ..self }
    }

    const fn called(self, variation: &'static str) -> Self {
        Self { variation: Some(variation), ..self }
    }

    const fn answering_in(self, steps: usize) -> Self {
        Self {
            measure: Measure { runs: self.measure.runs, averaged: self.measure.averaged, steps: Some(steps) },
            ..self
        }
    }

    const fn measured(self, runs: usize, averaged: bool) -> Self {
        let averaged = if averaged { Some(5) } else { None };
        Self { measure: Measure { runs, averaged, steps: self.measure.steps }, ..self }
    }

    /// Flags beyond method and embedding.
    pub(super) fn settings(&self) -> String {
        [self.base, self.own].join(" ").trim_end().to_owned()
    }

    /// Whether training images are changed at random, which the paper does not do.
    pub(super) fn augments(&self) -> bool {
        self.planned(0).cell.config.data.augmentation() != Augmentation::default()
    }

    /// One cell a seed.
    pub(super) fn cells(&self) -> Vec<Planned> {
        (0..self.seeds).map(|seed| self.planned(seed)).collect()
    }

    /// # Panics
    /// When the row's flags are none; a test resolves every row.
    fn planned(&self, seed: u64) -> Planned {
        let variation = self.variation.map(|name| format!("-{name}")).unwrap_or_default();
        let name = format!("{}-{}-{}{variation}-seed{seed}", self.dataset.key(), self.method, self.embedding);
        let mut flags = vec![format!("--method={}", self.method), format!("--embedding={}", self.embedding)];
        flags.extend(self.settings().split_whitespace().map(str::to_owned));
        flags.push(format!("--seed={seed}"));
        let cell = cell(name, self.dataset, &flags, self.measure.clone(), self.work);
        let cell = cell.unwrap_or_else(|error| panic!("{self:?}: {error}"));
        Planned { cell, dataset: self.dataset, flags }
    }
}

use Data::{Cifar10, Cifar10Jpeg, Cifar100, Digits, Mnist};

impl Profile {
    pub(super) fn rows(self) -> Vec<Row> {
        match self {
            Self::Smoke => smoke(),
            Self::Quick => quick(),
            Self::Full => full(),
        }
    }
}

/// Every method and embedding on the digits.
fn smoke() -> Vec<Row> {
    const BASE: &str = "--preset=paper --order=interleaved --lr-schedule=cosine";
    let row = |method, embedding, own| Row::new(Digits, method, embedding, [BASE, own]).taking(10.0);
    vec![
        row("dt", "one-hot", "--steps=4 --epochs=8 --batch-size=64").at_least(0.9).measured(3, true),
        row("dt", "learned", "--steps=4 --epochs=8 --batch-size=64").at_least(0.9).measured(3, true),
        row("dt", "prototype", "--steps=4 --epochs=6 --batch-size=64").at_least(0.8).measured(3, true),
        row("dt", "one-hot", "--steps=4 --epochs=8 --head=radial --head-sigma=0.3 --batch-size=64")
            .called("radial")
            .at_least(0.8),
        row("ct", "one-hot", "--steps=50 --epochs=60 --lr=0.002 --batch-size=64").at_least(0.8),
        row("ct", "learned", "--steps=20 --epochs=100 --lr=0.002 --embedding-start=random --batch-size=64")
            .at_least(0.5)
            .taking(40.0),
        row("ct", "prototype", "--steps=10 --epochs=30 --batch-size=16").at_least(0.3).taking(30.0),
        row("fm", "one-hot", "--steps=50 --epochs=30 --lr=0.002 --batch-size=64").at_least(0.85),
        row("fm", "learned", "--steps=50 --epochs=30 --lr=0.002 --batch-size=64").at_least(0.6),
        row("fm", "prototype", "--steps=10 --epochs=40 --batch-size=16").at_least(0.4).taking(40.0),
        row("backprop", "one-hot", "--steps=4 --epochs=10 --batch-size=64").at_least(0.9),
        row("backprop", "learned", "--steps=4 --epochs=10 --batch-size=64").at_least(0.9),
        row("backprop", "prototype", "--steps=4 --epochs=6 --batch-size=64").at_least(0.7),
        row("adjoint", "one-hot", "--steps=10 --epochs=20 --lr=0.002 --batch-size=64").at_least(0.9),
    ]
}

/// MNIST and CIFAR-10 (JPEG) in about two hours on two cores. Three blocks where the paper has ten: three cost less than a third of the
/// time, and a budget of epochs goes further; one row has all ten.
fn quick() -> Vec<Row> {
    const BASE: &str = "--preset=paper --order=interleaved --lr-schedule=cosine";
    let row = |dataset, method, embedding, own| {
        Row::new(dataset, method, embedding, [BASE, own]).measured(3, false)
    };
    const MNIST: &str = "--steps=3 --epochs=10 --dropout=0";
    const CIFAR: &str = "--steps=3 --epochs=10 --dropout=0 --flip --normalize=standard";
    vec![
        row(Mnist, "dt", "one-hot", MNIST).measured(3, true).taking(600.0),
        row(Mnist, "dt", "learned", MNIST).measured(3, true).taking(600.0),
        // A prototype lies so far from the others that later blocks only read it off z: the first block decides alone,
        // and no average over blocks makes up for its overfitting. So it gets more epochs and some dropout.
        row(Mnist, "dt", "prototype", "--steps=3 --epochs=18 --dropout=0.1").measured(3, true).taking(2100.0),
        row(Mnist, "backprop", "one-hot", MNIST).taking(600.0),
        row(Mnist, "ct", "one-hot", "--steps=100 --epochs=12").answering_in(1000).taking(500.0),
        row(Mnist, "fm", "one-hot", "--steps=50 --epochs=12").answering_in(1000).taking(450.0),
        row(Mnist, "fm", "learned", "--steps=50 --epochs=12").answering_in(1000).taking(450.0),
        row(Mnist, "adjoint", "one-hot", "--steps=10 --epochs=2").taking(400.0),
        row(Cifar10Jpeg, "dt", "one-hot", CIFAR).measured(3, true).taking(700.0),
        row(Cifar10Jpeg, "backprop", "one-hot", CIFAR).taking(700.0),
        row(Mnist, "dt", "one-hot", "--steps=10 --epochs=5 --dropout=0")
            .called("ten-steps")
            .measured(3, true)
            .taking(1000.0),
        row(Mnist, "dt", "one-hot", "--steps=3 --epochs=2 --dropout=0 --head=radial --head-sigma=0.5")
            .called("radial")
            .taking(120.0),
        row(Mnist, "dt", "one-hot", "--steps=3 --epochs=2 --dropout=0").called("softmax").taking(120.0),
        row(Mnist, "fm", "learned", "--steps=50 --epochs=3 --embedding-start=random")
            .called("random")
            .taking(100.0),
        row(Mnist, "fm", "learned", "--steps=50 --epochs=3 --embedding-start=orthogonal")
            .called("orthogonal")
            .taking(100.0),
    ]
}

/// Table 3 as printed, with blocks side by side, and what the figures compare.
fn full() -> Vec<Row> {
    const BASE: &str = "--preset=paper --order=interleaved";
    let mut rows = Vec::new();
    for dataset in [Mnist, Cifar10, Cifar100] {
        for method in ["dt", "backprop", "ct", "fm", "adjoint"] {
            let embeddings: &[&str] =
                if method == "adjoint" { &["one-hot"] } else { &["one-hot", "learned", "prototype"] };
            for embedding in embeddings {
                let row = Row::new(dataset, method, embedding, [BASE, ""]);
                rows.push(row.seeds(3).measured(5, method == "dt").taking(full_seconds(dataset, method)));
            }
        }
        let varied = |embedding, name, own| {
            Row::new(dataset, "dt", embedding, [BASE, own]).called(name).measured(5, false).taking(20_000.0)
        };
        rows.push(varied("one-hot", "radial", "--head=radial"));
        // The table's own start is the other one of the figure.
        rows.push(varied("learned", "random", "--embedding-start=random"));
    }
    rows
}

/// About how long a cell of Table 3 takes.
fn full_seconds(dataset: Data, method: &str) -> f64 {
    match (method, dataset) {
        ("dt" | "backprop", Mnist) => 20_000.0,
        ("dt" | "backprop", _) => 30_000.0,
        ("ct" | "fm", Mnist) => 6_000.0,
        ("ct" | "fm", Cifar10) => 30_000.0,
        ("ct" | "fm", _) => 60_000.0,
        (_, Mnist) => 120.0,
        _ => 240.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nopropdt_train::config::{Order, Preset, RunConfig, Value};
    use std::collections::{BTreeMap, HashSet};

    /// Names are folders, and every flag is one that the program knows and can run together with the others.
    #[test]
    fn every_cell_has_its_own_name_and_flags_that_exist() {
        for profile in [Profile::Smoke, Profile::Quick, Profile::Full] {
            let cells: Vec<Planned> = profile.rows().iter().flat_map(Row::cells).collect();
            let names: HashSet<&str> = cells.iter().map(|planned| planned.cell.name.as_str()).collect();
            assert_eq!(names.len(), cells.len(), "{profile:?}");
        }
    }

    fn cells() -> impl Iterator<Item = Planned> {
        [Profile::Smoke, Profile::Quick, Profile::Full]
            .into_iter()
            .flat_map(Profile::rows)
            .flat_map(|row| row.cells())
    }

    type Settings = BTreeMap<String, Value>;

    /// Every setting by section and key.
    fn settings(of: &impl serde::Serialize) -> Settings {
        let each = Value::table_of(of).into_iter().flat_map(|(section, settings)| {
            let Value::Table(settings) = settings else { panic!("{section}: is no section") };
            settings.into_iter().map(move |(key, value)| (format!("{section}.{key}"), value))
        });
        each.collect()
    }

    /// What a cell trains with is said by its flags and by the preset that they start from: no default of the program has a part.
    #[test]
    fn no_default_decides_a_cell() {
        for Planned { cell, dataset, flags } in cells() {
            let (config, train) = (&cell.config, arguments(dataset, &flags).unwrap());
            assert_eq!(train.preset, Some(Preset::Paper), "{}", cell.name);
            let preset = config.of_preset(Preset::Paper).unwrap();
            let said = settings(&train.overrides.over(preset));
            let mut unsaid = settings(config);
            unsaid.retain(|key, value| said.get(key) != Some(value));
            // Of a run alone, or a name that stands for what was said.
            unsaid.retain(|key, _| !["data.dataset", "method.name", "training.seed"].contains(&key.as_str()));
            assert_eq!(unsaid, Settings::new(), "{}", cell.name);
        }
    }

    /// The settings of the cells whose results are published, in which they depart from Table 3.
    #[test]
    fn published_cells_train_as_they_did() {
        let departures = |config: &RunConfig| {
            let paper = settings(&config.of_preset(Preset::Paper).unwrap());
            let departed = settings(config).into_iter().filter(|(key, value)| {
                let free = ["data.dataset", "method.name", "embedding.kind", "training.seed"]
                    .contains(&key.as_str());
                !free && paper.get(key) != Some(value)
            });
            departed
                .map(|(key, value)| format!("{key} {value}"))
                .collect::<Vec<_>>()
                .join(", ")
                .replace('"', "")
        };
        let found: BTreeMap<String, String> =
            cells().map(|planned| (planned.cell.name.clone(), departures(&planned.cell.config))).collect();
        for (name, expected) in [
            (
                "digits-dt-one-hot-seed0",
                "method.steps 4, training.batch-size 64, training.epochs 8, training.lr-schedule cosine, training.order interleaved",
            ),
            (
                "digits-adjoint-one-hot-seed0",
                "method.steps 10, training.batch-size 64, training.epochs 20, training.lr 0.002, training.lr-schedule cosine",
            ),
            ("mnist-dt-one-hot-seed0", "training.order interleaved"),
            ("cifar10-ct-learned-seed2", ""),
            ("cifar100-dt-one-hot-radial-seed0", "head.kind radial, training.order interleaved"),
            (
                "mnist-dt-one-hot-ten-steps-seed0",
                "block.dropout 0, training.epochs 5, training.lr-schedule cosine, training.order interleaved",
            ),
            (
                "mnist-fm-learned-random-seed0",
                "embedding.start random, method.steps 50, training.epochs 3, training.lr-schedule cosine",
            ),
            (
                "cifar10-jpeg-backprop-one-hot-seed0",
                "block.dropout 0, data.flip true, data.normalize standard, method.steps 3, training.epochs 10, training.lr-schedule cosine",
            ),
        ] {
            assert_eq!(found[name], expected, "{name}");
        }
        assert!(cells().all(|planned| planned.cell.config.training.order == Order::Interleaved));
    }

    #[test]
    fn augmentation_is_told_from_other_settings() {
        let augmented: Vec<String> =
            quick().iter().filter(|row| row.augments()).map(|row| row.planned(0).cell.name).collect();
        assert_eq!(augmented, ["cifar10-jpeg-dt-one-hot-seed0", "cifar10-jpeg-backprop-one-hot-seed0"]);
    }

    /// Every figure of the paper's first table has its cells in the full profile.
    #[test]
    fn the_full_profile_is_the_whole_table() {
        let rows = full();
        for row in rows.iter().filter(|row| row.variation.is_none()) {
            let found = super::super::paper::table_1(row.dataset, row.method, row.embedding);
            assert!(found.is_some(), "{row:?}");
        }
        assert_eq!(rows.iter().filter(|row| row.variation.is_none()).count(), 3 * 13);
    }

    #[test]
    fn the_quick_profile_fits_its_time() {
        let seconds: f64 = quick().iter().map(|row| row.work * row.seeds as f64).sum();
        assert!(seconds < 2.5 * 3600.0, "{seconds}");
    }
}
