//! What each profile runs: one line a row, so that budgets can be read and changed at a glance.

use super::Profile;
use super::cell::{Cell, Data, Measure};

/// A row of the tables: settings, run with some seeds.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) dataset: Data,
    pub(super) method: &'static str,
    pub(super) embedding: &'static str,
    /// What makes the row differ from the paper's, where it is there for a figure.
    pub(super) variation: Option<&'static str>,
    /// Flags beyond method and embedding.
    pub(super) settings: &'static str,
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
        settings: &'static str,
    ) -> Self {
        let measure = Measure { runs: 3, averaged: false, steps: None };
        Self {
            dataset,
            method,
            embedding,
            variation: None,
            settings,
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
        Self { measure: Measure { runs, averaged, steps: self.measure.steps }, ..self }
    }

    /// One cell a seed.
    pub(super) fn cells(&self) -> Vec<Cell> {
        (0..self.seeds).map(|seed| self.cell(seed)).collect()
    }

    fn cell(&self, seed: u64) -> Cell {
        let variation = self.variation.map(|name| format!("-{name}")).unwrap_or_default();
        let name = format!("{}-{}-{}{variation}-seed{seed}", self.dataset.key(), self.method, self.embedding);
        let mut flags = vec![format!("--method={}", self.method), format!("--embedding={}", self.embedding)];
        flags.extend(self.settings.split_whitespace().map(str::to_owned));
        flags.push(format!("--seed={seed}"));
        Cell { name, dataset: self.dataset, flags, measure: self.measure.clone(), work: self.work }
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
    let row = |method, embedding, settings| Row::new(Digits, method, embedding, settings).taking(10.0);
    vec![
        row("dt", "one-hot", "--steps=4 --epochs=8").at_least(0.9).measured(3, true),
        row("dt", "learned", "--steps=4 --epochs=8").at_least(0.9).measured(3, true),
        row("dt", "prototype", "--steps=4 --epochs=6").at_least(0.8).measured(3, true),
        row("dt", "one-hot", "--steps=4 --epochs=8 --head=radial --head-sigma=0.3")
            .called("radial")
            .at_least(0.8),
        row("ct", "one-hot", "--steps=50 --epochs=60 --lr=0.002").at_least(0.8),
        row("ct", "learned", "--steps=20 --epochs=100 --lr=0.002 --embedding-start=random")
            .at_least(0.5)
            .taking(40.0),
        row("ct", "prototype", "--steps=10 --epochs=30 --batch-size=16").at_least(0.3).taking(30.0),
        row("fm", "one-hot", "--steps=50 --epochs=30 --lr=0.002").at_least(0.85),
        row("fm", "learned", "--steps=50 --epochs=30 --lr=0.002").at_least(0.6),
        row("fm", "prototype", "--steps=10 --epochs=40 --batch-size=16").at_least(0.4).taking(40.0),
        row("backprop", "one-hot", "--steps=4 --epochs=10").at_least(0.9),
        row("backprop", "learned", "--steps=4 --epochs=10").at_least(0.9),
        row("backprop", "prototype", "--steps=4 --epochs=6").at_least(0.7),
        row("adjoint", "one-hot", "--steps=10 --epochs=20 --lr=0.002").at_least(0.9),
    ]
}

/// MNIST and CIFAR-10 (JPEG) in about two hours on two cores. Three blocks where the paper has ten: three cost less than a third of the
/// time, and a budget of epochs goes further; one row has all ten.
fn quick() -> Vec<Row> {
    let row = |dataset, method, embedding, settings| {
        Row::new(dataset, method, embedding, settings).measured(3, false)
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

/// Table 3 as printed, and what the figures compare.
fn full() -> Vec<Row> {
    // The presets of the program are the paper's: batch 128, lr 0.001, weight decay 0.001, constant.
    const PAPER: &str = "--batch-size=128 --lr=0.001 --lr-schedule=constant --weight-decay=0.001";
    let mut rows = Vec::new();
    for (dataset, budgets) in [(Mnist, [100, 100, 2]), (Cifar10, [150, 500, 4]), (Cifar100, [150, 1000, 4])] {
        for method in ["dt", "backprop", "ct", "fm", "adjoint"] {
            let epochs = match method {
                "dt" | "backprop" => budgets[0],
                "ct" | "fm" => budgets[1],
                _ => budgets[2],
            };
            let embeddings: &[&str] =
                if method == "adjoint" { &["one-hot"] } else { &["one-hot", "learned", "prototype"] };
            for embedding in embeddings {
                let steps = if matches!(method, "dt" | "backprop") { 10 } else { 1000 };
                let settings: &'static str = format!("{PAPER} --epochs={epochs} --steps={steps}").leak();
                let seconds = f64::from(epochs) * if steps == 10 { 200.0 } else { 60.0 };
                let row = Row::new(dataset, method, embedding, settings);
                rows.push(row.seeds(3).measured(5, method == "dt").taking(seconds));
            }
        }
        let one: &'static str = format!("{PAPER} --epochs={} --head=radial", budgets[0]).leak();
        rows.push(
            Row::new(dataset, "dt", "one-hot", one).called("radial").measured(5, false).taking(20_000.0),
        );
        // The table's own start is the other one of the figure.
        let start: &'static str = format!("{PAPER} --epochs={} --embedding-start=random", budgets[0]).leak();
        rows.push(
            Row::new(dataset, "dt", "learned", start).called("random").measured(5, false).taking(20_000.0),
        );
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use nopropdt_train::commands::Cli;
    use std::collections::HashSet;

    /// Names are folders, and every flag is one that the program knows and can run together with the others.
    #[test]
    fn every_cell_has_its_own_name_and_flags_that_exist() {
        for profile in [Profile::Smoke, Profile::Quick, Profile::Full] {
            let cells: Vec<Cell> = profile.rows().iter().flat_map(Row::cells).collect();
            let names: HashSet<&str> = cells.iter().map(|cell| cell.name.as_str()).collect();
            assert_eq!(names.len(), cells.len(), "{profile:?}");
            for cell in &cells {
                let line = ["nopropdt-train".to_owned()].into_iter().chain(cell.flags.iter().cloned());
                let cli = Cli::try_parse_from(line).unwrap_or_else(|error| panic!("{}: {error}", cell.name));
                cli.train.overrides.resolve(None).unwrap_or_else(|error| panic!("{}: {error}", cell.name));
            }
        }
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
