//! What each profile runs: a grid file in docs/reproduction/grids, so that budgets can be read and changed at a glance.
//!
//! Every cell starts from `--preset paper`, which names every setting, and its grid says where it departs from that: a later change of the
//! program's defaults moves no cell.

use super::data::Data;
use anyhow::{Result, ensure};
use clap::ValueEnum;
use nopropdt_train::experiments::Grid;
use nopropdt_train::registry::Registry;
use std::path::PathBuf;

/// How much is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Profile {
    /// Minutes, on the digits: every method and embedding learns, and does so the same twice
    Smoke,
    /// An hour: the choice of dropout on validation images
    Choice,
    /// Half a day: what denoising adds to an ensemble, on MNIST, Fashion-MNIST and CIFAR-10 (JPEG)
    Controls,
    /// Half a day: rows of Table 1 with a small budget, on MNIST and CIFAR-10 (JPEG)
    Quick,
    /// An hour: curves of Figures 3, 4 and 5 on MNIST
    Figures,
    /// Two months of two cores: Table 3 of the paper to the letter
    Full,
}

impl Profile {
    /// Those whose results stand in the published page.
    pub(super) const PUBLISHED: [Self; 5] =
        [Self::Controls, Self::Quick, Self::Full, Self::Figures, Self::Choice];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Smoke => "smoke",
            Self::Choice => "choice",
            Self::Controls => "controls",
            Self::Quick => "quick",
            Self::Figures => "figures",
            Self::Full => "full",
        }
    }

    /// The file that says what it runs.
    fn file(self) -> PathBuf {
        crate::root().join("docs/reproduction/grids").join(self.name()).with_extension("toml")
    }

    /// What it runs.
    pub(super) fn grid(self) -> Result<Grid> {
        let file = self.file();
        let grid = Grid::from_file_in(&file, &Registry::builtin())?;
        for arm in grid.arms() {
            let data = Data::of(&arm.config().data.dataset);
            ensure!(data.is_ok(), "{}: {}: {}", file.display(), arm.name(), data.unwrap_err());
        }
        Ok(grid)
    }

    /// Where it works: trainings, and what they leave.
    pub(super) fn work(self) -> PathBuf {
        crate::root().join("target/reproduce").join(self.name())
    }

    /// Where its results are: published ones with the page.
    pub(super) fn cells(self) -> PathBuf {
        match self {
            Self::Smoke => self.work().join("cells"),
            _ => crate::root().join("docs/reproduction/cells").join(self.name()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::ValueEnum;
    use nopropdt_train::config::{Order, PrecisionKind, Preset};
    use nopropdt_train::experiments::{Arm, ArmResults, Cell, Results};
    use std::collections::HashSet;

    fn all() -> impl Iterator<Item = (Profile, Grid)> {
        Profile::value_variants().iter().map(|&profile| (profile, profile.grid().unwrap()))
    }

    /// Section and key of each setting in a table of sections.
    fn keys(settings: Option<&toml::Value>) -> HashSet<String> {
        let sections = settings.and_then(toml::Value::as_table).into_iter().flatten();
        let of_section = |(section, settings): (&String, &toml::Value)| {
            let settings = settings.as_table().unwrap_or_else(|| panic!("{section}: is no section"));
            settings.keys().map(|key| format!("{section}.{key}")).collect::<Vec<_>>()
        };
        sections.flat_map(of_section).collect()
    }

    /// Each arm departs from the paper in nothing but what its grid says for it: no default of the program has a part.
    #[test]
    fn no_default_decides_a_cell() {
        for (profile, grid) in all() {
            let text = std::fs::read_to_string(profile.file()).unwrap();
            let file: toml::Table = text.parse().unwrap();
            assert_eq!(file["preset"].as_str(), Some("paper"), "{profile:?}");
            let vary = file.get("vary").and_then(toml::Value::as_table);
            let varied: HashSet<String> = vary.into_iter().flat_map(|vary| vary.keys().cloned()).collect();
            let in_common = &keys(file.get("settings")) | &varied;
            let bundles = file["arm"].as_array().unwrap();
            for arm in grid.arms() {
                let own = bundles.iter().find(|bundle| bundle["name"].as_str() == arm.bundle()).unwrap();
                let said = &in_common | &keys(own.get("settings"));
                for departure in arm.config().departures(Preset::Paper).unwrap() {
                    assert!(said.contains(&departure.key), "{}: {}", arm.name(), departure.key);
                }
            }
        }
    }

    fn departures(arm: &Arm) -> String {
        let each = arm.config().departures(Preset::Paper).unwrap();
        let each = each
            .into_iter()
            .map(|of| format!("{} {}", of.name, of.value.map_or_else(|| "-".into(), |value| value.plain())));
        each.collect::<Vec<_>>().join(", ")
    }

    /// Table 3 to the letter, in every setting.
    #[test]
    fn the_full_profile_is_table_3() {
        let grid = Profile::Full.grid().unwrap();
        let plain: Vec<&Arm> = grid.arms().iter().filter(|arm| departures(arm).is_empty()).collect();
        assert_eq!((plain.len(), grid.arms().len()), (3 * 13, 3 * 13));
        for arm in &plain {
            let (config, data) = (arm.config(), Data::of(&arm.config().data.dataset).unwrap());
            let embedding = serde_json::to_value(config.embedding.kind).unwrap();
            let found = super::super::paper::table_1(data, &config.method.name, embedding.as_str().unwrap());
            assert!(found.is_some(), "{}", arm.name());
            assert_eq!(arm.cells().iter().map(Cell::seed).collect::<Vec<_>>(), [0, 1, 2]);
            assert!(arm.cells().iter().all(|cell| cell.measure.runs == 5 && cell.measure.steps.is_none()));
            assert_eq!(config.training.precision, PrecisionKind::F32);
            let alone = config.method.name == "dt";
            assert_eq!(config.training.order == Order::Sequential, alone, "{}", arm.name());
        }
    }

    /// Five arms a dataset that differ in nothing but what the protocol names.
    #[test]
    fn the_controls_differ_in_what_they_control_alone() {
        let grid = Profile::Controls.grid().unwrap();
        assert_eq!(grid.arms().len(), 15);
        for arms in grid.arms().chunks(5) {
            let told: Vec<String> = arms.iter().map(departures).collect();
            let common = &told[0];
            assert_eq!(told[1], *common);
            assert_eq!(told[2], format!("objective zeroed-z, {common}"));
            assert_eq!(told[3], format!("objective shuffled-z, {common}"));
            let epochs = |arm: &Arm| arm.config().training.epochs;
            let once = format!("epochs {},", epochs(&arms[0]));
            let ten = common.replace(&once, &format!("epochs {},", 10 * epochs(&arms[0])));
            assert_eq!(told[4], format!("steps 1, {ten}"));
            assert_eq!(epochs(&arms[4]), 10 * epochs(&arms[0]));
            assert_eq!(
                (arms[4].config().method.get("steps"), arms[0].config().method.get("steps")),
                (Some(1), Some(10))
            );
            // The test set is read once.
            for arm in arms {
                assert_eq!(arm.config().training.eval_every, Some(epochs(arm)), "{}", arm.name());
                assert_eq!(arm.cells().len(), 3);
            }
        }
    }

    /// What was chosen on validation images is what the grids have, as far as it was chosen.
    #[test]
    fn the_chosen_dropout_is_that_of_the_grids() {
        let choice = Profile::Choice.grid().unwrap();
        let results = Results::read(&choice, &Profile::Choice.cells());
        let dropout = |arm: &Arm| arm.config().block.get::<f64>("dropout").unwrap();
        let chain = |of: &ArmResults<'_>| Some(of.outcomes().next()?.1.validation?.chain);
        let mut chosen = 0;
        for pair in results.arms().chunks(2) {
            let [Some(one), Some(other)] = [0, 1].map(|index| chain(&pair[index])) else { continue };
            let best = &pair[usize::from(other > one)].arm;
            chosen += 1;
            for profile in [Profile::Controls, Profile::Quick, Profile::Figures] {
                let grid = profile.grid().unwrap();
                let of_blocks = |arm: &&Arm| {
                    let method = arm.config().method.name.as_str();
                    arm.dataset() == best.dataset() && ["dt", "committee", "backprop"].contains(&method)
                };
                for arm in grid.arms().iter().filter(of_blocks) {
                    assert_eq!(dropout(arm), dropout(best), "{}", arm.name());
                }
            }
        }
        assert!(chosen > 0);
    }

    #[test]
    fn only_curves_test_before_the_last_epoch() {
        for (profile, grid) in all() {
            for arm in grid.arms() {
                let training = &arm.config().training;
                let once = training.eval_every == Some(training.epochs);
                let curve = matches!(profile, Profile::Smoke | Profile::Figures);
                assert_eq!(once, !curve, "{}", arm.name());
            }
        }
        assert!(!Profile::Choice.grid().unwrap().tests());
    }
}
