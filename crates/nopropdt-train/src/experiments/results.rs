//! What a grid's cells reached: every result that is there, and the figures over seeds.

use super::cell::Cell;
use super::grid::{Arm, Grid};
use super::outcome::Outcome;
use crate::config::Table;
use crate::statistics::{OverSeeds, PairedDifference};
use nopropdt_blocks::Readout;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The results of a grid's cells, as far as they are there.
#[derive(Debug)]
pub struct Results<'g> {
    grid: &'g Grid,
    arms: Vec<ArmResults<'g>>,
}

/// The results of one arm.
#[derive(Debug)]
pub struct ArmResults<'g> {
    /// The arm.
    pub arm: &'g Arm,
    /// Its cells, each with its result if that is there.
    pub cells: Vec<(&'g Cell, Option<Outcome>)>,
}

/// Accuracy of an outcome, where it has one.
type Accuracy = fn(&Outcome) -> Option<f64>;

impl ArmResults<'_> {
    /// The results that are there, each with its seed.
    pub fn outcomes(&self) -> impl Iterator<Item = (u64, &Outcome)> + Clone {
        self.cells.iter().filter_map(|(cell, outcome)| Some((cell.seed(), outcome.as_ref()?)))
    }

    /// A figure of each seed that has it.
    fn each(&self, of: Accuracy) -> Vec<(u64, f64)> {
        self.outcomes().filter_map(|(seed, outcome)| Some((seed, of(outcome)?))).collect()
    }

    fn over_seeds(&self, of: Accuracy) -> Option<OverSeeds> {
        let values: Vec<f64> = self.each(of).into_iter().map(|(_, value)| value).collect();
        OverSeeds::of(&values)
    }
}

impl<'g> Results<'g> {
    /// Reads the results that are in the folder `cells`, whoever made them.
    pub fn read(grid: &'g Grid, cells: &Path) -> Self {
        let read = |arm: &'g Arm| ArmResults {
            arm,
            cells: arm.cells().iter().map(|cell| (cell, cell.finished(cells))).collect(),
        };
        Self { grid, arms: grid.arms().iter().map(read).collect() }
    }

    /// The grid.
    pub fn grid(&self) -> &'g Grid {
        self.grid
    }

    /// The arms, in the order of the grid.
    pub fn arms(&self) -> &[ArmResults<'g>] {
        &self.arms
    }

    /// What counts of an outcome: the accuracy on the test set or, of a grid without it, on the validation images.
    pub fn accuracy(&self, readout: Readout) -> fn(&Outcome) -> Option<f64> {
        match (self.grid.tests(), readout) {
            (true, Readout::Chain) => Outcome::chain,
            (true, Readout::Consensus) => Outcome::consensus,
            (false, Readout::Chain) => |outcome| outcome.validation.map(|of| of.chain),
            (false, Readout::Consensus) => |outcome| outcome.validation.map(|of| of.consensus),
        }
    }

    /// The figures over seeds.
    pub fn figures(&self) -> Figures {
        Figures {
            about: self.grid.about().map(str::to_owned),
            measured_on: if self.grid.tests() { MeasuredOn::Test } else { MeasuredOn::Validation },
            arms: self.arms.iter().map(|arm| self.figures_of(arm)).collect(),
        }
    }

    fn figures_of(&self, of: &ArmResults<'g>) -> ArmFigures {
        let [chain, consensus] = [Readout::Chain, Readout::Consensus].map(|readout| self.accuracy(readout));
        let (seeds, missing): (Vec<_>, Vec<_>) = of.cells.iter().partition(|(_, outcome)| outcome.is_some());
        let seeds_of =
            |cells: Vec<&(&Cell, Option<Outcome>)>| cells.iter().map(|(cell, _)| cell.seed()).collect();
        let against = self.grid.reference(of.arm).and_then(|arm| {
            let other = self.arms.iter().find(|other| other.arm.name() == arm.name())?;
            let difference = |value| PairedDifference::of(&of.each(value), &other.each(value));
            Some(Against {
                arm: arm.name().to_owned(),
                chain: difference(chain),
                consensus: difference(consensus),
            })
        });
        ArmFigures {
            arm: of.arm.name().to_owned(),
            dataset: of.arm.dataset(),
            varied: of.arm.varied().iter().cloned().collect(),
            seeds: seeds_of(seeds),
            missing: seeds_of(missing),
            chain: of.over_seeds(chain),
            consensus: of.over_seeds(consensus),
            averaged_chain: of.over_seeds(Outcome::averaged_chain),
            averaged_consensus: of.over_seeds(Outcome::averaged_consensus),
            seconds: of.over_seeds(|outcome| Some(outcome.seconds)).map(|seconds| seconds.mean),
            against,
            at_least: of.arm.at_least(),
        }
    }
}

/// The figures of a grid, over seeds: a seed is the unit, and draws are averaged within it. Accuracies are fractions, 0 to 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// What the grid says it is for.
    pub about: Option<String>,
    /// The images that accuracies are of.
    pub measured_on: MeasuredOn,
    /// One an arm.
    pub arms: Vec<ArmFigures>,
}

/// The images that accuracies are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MeasuredOn {
    /// The test set.
    Test,
    /// Training images that were held out.
    Validation,
}

impl std::fmt::Display for MeasuredOn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Test => "test",
            Self::Validation => "validation",
        })
    }
}

/// The figures of an arm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ArmFigures {
    /// Its name.
    pub arm: String,
    /// Short name of its dataset.
    pub dataset: String,
    /// What varies, by section and key.
    pub varied: Table,
    /// Seeds whose result is there.
    pub seeds: Vec<u64>,
    /// Seeds whose result is not.
    pub missing: Vec<u64>,
    /// Of the chain; none without a result.
    pub chain: Option<OverSeeds>,
    /// Of the consensus.
    pub consensus: Option<OverSeeds>,
    /// Of the chain, where answers are averages of several draws.
    pub averaged_chain: Option<OverSeeds>,
    /// Of the consensus, likewise.
    pub averaged_consensus: Option<OverSeeds>,
    /// Mean seconds of training.
    pub seconds: Option<f64>,
    /// The difference from the arm that it is compared with.
    pub against: Option<Against>,
    /// Least accuracy of the chain, where one is promised.
    pub at_least: Option<f64>,
}

impl ArmFigures {
    /// How many seeds have a result: `3`, or `2 of 3` where some are missing.
    pub fn seeds_done(&self) -> String {
        let done = self.seeds.len();
        match self.missing.len() {
            0 => done.to_string(),
            missing => format!("{done} of {}", done + missing),
        }
    }
}

/// An arm minus another, seed by seed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Against {
    /// The other's name.
    pub arm: String,
    /// Of the chain; none without seeds in common.
    pub chain: Option<PairedDifference>,
    /// Of the consensus.
    pub consensus: Option<PairedDifference>,
}

impl Figures {
    /// A line for each arm whose chain is below what is promised.
    pub fn below_their_bounds(&self) -> Vec<String> {
        let below = |arm: &ArmFigures| {
            let (least, found) = (arm.at_least?, arm.chain?.mean);
            // So that an accuracy that is no number is below every bound.
            let reached = found >= least;
            (!reached).then(|| format!("{}: chain must be at least {least}; found {found:.4}", arm.arm))
        };
        self.arms.iter().filter_map(below).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiments::Validation;
    use crate::registry::Registry;

    const GRID: &str = "seeds = 3\nruns = 2\naveraged = 5\nat-least = 0.8\n[[arm]]\nname = \"a\"\n[[arm]]\nname = \"b\"\n\
                        settings = { lr = 0.5 }\nseeds = [2, 1, 0, 5]\n";

    fn keep(grid: &Grid, folder: &Path, chains: &[(&str, f64)]) {
        for (name, chain) in chains {
            let cell = grid.cells().find(|cell| cell.name == *name).unwrap();
            let validation = Some(Validation { chain: *chain, consensus: chain + 0.01 });
            cell.keep(folder, &Outcome { validation, ..Outcome::example(*chain) }).unwrap();
        }
    }

    fn close(found: Option<f64>, expected: f64) -> bool {
        (found.unwrap() - expected).abs() < 1e-12
    }

    #[test]
    fn figures_are_over_the_seeds_that_are_there() {
        let (folder, grid) =
            (tempfile::tempdir().unwrap(), Grid::from_text_in(GRID, &Registry::builtin()).unwrap());
        let all =
            [("a-seed0", 0.7), ("a-seed1", 0.72), ("a-seed2", 0.74), ("b-seed2", 0.84), ("b-seed0", 0.9)];
        keep(&grid, folder.path(), &all);
        let figures = Results::read(&grid, folder.path()).figures();
        let [a, b] = &figures.arms[..] else { panic!() };
        assert_eq!((&a.seeds[..], &a.missing[..]), (&[0, 1, 2][..], &[][..]));
        assert_eq!((&b.seeds[..], &b.missing[..]), (&[2, 0][..], &[1, 5][..]));
        assert!(close(a.chain.map(|of| of.mean), 0.72) && close(a.consensus.map(|of| of.mean), 0.73));
        assert!(close(a.chain.unwrap().standard_error, 0.02 / 3.0f64.sqrt()));
        assert!(close(a.averaged_chain.map(|of| of.mean), 0.725));
        assert_eq!((a.seconds, &a.against), (Some(12.0), &None));
        let against = b.against.as_ref().unwrap();
        let chain = against.chain.unwrap();
        assert_eq!((against.arm.as_str(), chain.seeds, chain.interval), ("a", 2, None));
        assert!(close(Some(chain.mean), 0.15));
        assert_eq!(figures.below_their_bounds(), ["a: chain must be at least 0.8; found 0.7200"]);
        let text = serde_json::to_string(&figures).unwrap();
        assert_eq!(serde_json::from_str::<Figures>(&text).unwrap(), figures);
    }

    #[test]
    fn without_the_test_set_figures_are_of_validation() {
        let text = "seeds = 1\ntest = false\n[settings]\nvalidation = 9\n";
        let (folder, grid) =
            (tempfile::tempdir().unwrap(), Grid::from_text_in(text, &Registry::builtin()).unwrap());
        assert_eq!(Results::read(&grid, folder.path()).figures().arms[0].chain, None);
        keep(&grid, folder.path(), &[("dt-seed0", 0.5)]);
        let figures = Results::read(&grid, folder.path()).figures();
        assert_eq!(figures.measured_on, MeasuredOn::Validation);
        assert!(close(figures.arms[0].chain.map(|of| of.mean), 0.5));
    }
}
