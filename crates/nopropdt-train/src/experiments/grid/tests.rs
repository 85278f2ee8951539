//! What a grid file means, and what is refused.

use super::*;
use crate::experiments::Measure;

fn grid(text: &str) -> Grid {
    Grid::from_text_in(text, &Registry::builtin()).unwrap()
}

fn names(grid: &Grid) -> Vec<&str> {
    grid.cells().map(|cell| cell.name.as_str()).collect()
}

#[test]
fn the_smallest_grid_is_the_defaults_with_a_seed() {
    let grid = grid("seeds = 1");
    assert_eq!(names(&grid), ["dt-seed0"]);
    let cell = grid.cells().next().unwrap();
    assert_eq!(cell.config, crate::config::Overrides::default().resolve(None).unwrap());
    assert_eq!(cell.measure, Measure { runs: 5, averaged: None, steps: None });
    assert_eq!((grid.about(), grid.tests(), grid.reference(&grid.arms()[0])), (None, true, None));
}

#[test]
fn arms_are_crossed_with_what_varies() {
    let grid = grid(
        r#"
        about = "a study"
        preset = "paper"
        seeds = [0, 7]
        runs = 3
        averaged = 5
        against = "dt"
        seconds = 60
        [settings]
        training = { epochs = 5, lr = 0.5 }
        batch-size = 32
        [vary]
        "training.lr" = [0.001, 0.002]
        [[arm]]
        name = "dt"
        [[arm]]
        name = "committee"
        settings = { method.name = "committee" }
        seeds = [3]
        runs = 1
        answer-steps = 2
        seconds = 6.5
        at-least = 0.9
        "#,
    );
    assert_eq!(
        names(&grid),
        [
            "dt-lr0.001-seed0",
            "dt-lr0.001-seed7",
            "dt-lr0.002-seed0",
            "dt-lr0.002-seed7",
            "committee-lr0.001-seed3",
            "committee-lr0.002-seed3"
        ]
    );
    let [one, two, three, four] = grid.arms() else { panic!() };
    for arm in [one, two, three, four] {
        let training = &arm.config().training;
        assert_eq!((training.epochs, training.batch_size, arm.dataset().as_str()), (5, 32, "digits"));
    }
    assert_eq!([one, two].map(|arm| arm.config().training.lr), [0.001, 0.002]);
    assert_eq!((three.config().method.name.as_str(), three.bundle()), ("committee", Some("committee")));
    assert_eq!(one.cells()[1].seed(), 7);
    assert_eq!(one.cells()[0].measure, Measure { runs: 3, averaged: Some(5), steps: None });
    assert_eq!(three.cells()[0].measure, Measure { runs: 1, averaged: Some(5), steps: Some(2) });
    assert_eq!((one.at_least(), three.at_least()), (None, Some(0.9)));
    assert_eq!((one.cells()[0].work, three.cells()[0].work), (60.0, 6.5));
    // Each is compared with the arm of the same learning rate.
    let against = |arm| grid.reference(arm).map(Arm::name);
    assert_eq!([one, two, three, four].map(against), [None, None, Some("dt-lr0.001"), Some("dt-lr0.002")]);
    // What the preset says, where nobody says anything.
    assert_eq!(crate::config::Value::of(&one.config().training.lr_schedule).text(), Some("constant"));
}

#[test]
fn arms_of_other_datasets_are_compared_with_their_own() {
    let text =
        "seeds = 1\n[vary]\ndataset = [\"digits\", \"mnist\"]\n[[arm]]\nname = \"a\"\n[[arm]]\nname = \"b\"";
    let found = grid(text);
    let told = |grid: &Grid| -> Vec<Option<String>> {
        grid.arms().iter().map(|arm| grid.reference(arm).map(|other| other.name().to_owned())).collect()
    };
    assert_eq!(told(&found), [None, None, Some("a-digits".into()), Some("a-mnist".into())]);
    let named = grid(&format!("against = \"b-mnist\"\n{text}"));
    assert_eq!(told(&named), [None, Some("b-mnist".into()), Some("a-digits".into()), None]);
}

/// Sections as tables, and settings without a flag.
#[test]
fn every_setting_can_vary() {
    let grid = grid("seeds = 1\n[vary]\nembedding = [\"one-hot\", \"learned\"]\nblock.hidden = [8, 16]\n");
    assert_eq!(grid.arms().len(), 4);
    assert_eq!(names(&grid)[1], "one-hot-hidden16-seed0");
    assert_eq!(grid.arms()[3].varied()[1].0, "block.hidden");
}

#[test]
fn without_the_test_set_there_is_validation() {
    let grid = grid("seeds = 1\ntest = false\n[settings]\nvalidation = 100\n");
    assert!(!grid.tests() && grid.cells().all(|cell| cell.measure == Measure::NONE));
}

#[test]
fn a_folder_is_named_in_settings_and_placed_beside_them() {
    let grid = grid("seeds = 1\n[settings]\ndataset = \"folder:some/pictures\"\n");
    let arm = &grid.arms()[0];
    assert_eq!(arm.config().data.dataset.to_string(), "folder:pictures");
    assert_eq!(arm.images(), Some(Path::new("some/pictures")));
}

#[test]
fn every_mistake_is_one_line_with_its_place() {
    for (text, expected) in [
        ("seeds = 1\ncats = 2", "line 2: unknown key `cats`; known are about, "),
        ("seeds = ", "line 1: "),
        ("about = 1\nseeds = 1", "line 1: about: must be a text; found 1"),
        ("seeds = 0", "line 1: seeds: must be a list of different whole numbers"),
        ("seeds = []", "line 1: seeds: must be a list of different whole numbers"),
        ("seeds = [1, 1]", "line 1: seeds: must be a list of different whole numbers"),
        ("seeds = [-1]", "line 1: seeds: must be"),
        ("about = \"\"", "seeds: must be there, in the grid or in each arm"),
        ("seeds = 1\nruns = 0", "line 2: runs: must be a whole number from 1 to 10000; found 0"),
        ("seeds = 1\naveraged = 1", "line 2: averaged: must be a whole number from 2 to 10000; found 1"),
        (
            "seeds = 1\nanswer-steps = 1.5",
            "line 2: answer-steps: must be a whole number at least 1; found 1.5",
        ),
        (
            "seeds = 1\npreset = \"cats\"",
            "line 2: preset: must be paper or reference or best; found \"cats\"",
        ),
        ("seeds = 1\ntest = 0", "line 2: test: must be true or false; found 0"),
        ("seeds = 1\nseconds = nan", "line 2: seconds: must be above 0 and finite; found NaN"),
        ("seeds = 1\nat-least = 2", "line 2: at-least: must be from 0 to 1; found 2"),
        ("seeds = 1\ntest = false\nruns = 2", "line 3: runs: must be left out where test = false"),
        ("seeds = 1\ntest = false", "arm \"dt\": validation must be above 0 where test = false; found 0"),
        ("seeds = 1\nagainst = \"x\"", "line 2: against: must be the name of an arm, as dt; found \"x\""),
        ("seeds = 1\nsettings = 3", "line 2: settings: must be a table of sections or of settings"),
        ("seeds = 1\n[settings]\nlr = \"x\"", "line 3: settings: lr: must be a number; found \"x\""),
        ("seeds = 1\n[settings]\ncats = 1", "line 3: settings: unknown setting `cats`"),
        ("seeds = 1\n[settings]\nseed = 1", "line 2: training.seed: must be left out; `seeds` says"),
        ("seeds = 1\n[settings]\nlr = -1.0", "settings: lr: must be above 0 and finite; found -1"),
        ("seeds = 1\nvary = 3", "line 2: vary: must be a table, [vary]"),
        (
            "seeds = 1\n[vary]\nlr = []",
            "line 3: vary: training.lr: must be a list of one value or more; found []",
        ),
        (
            "seeds = 1\n[vary]\nlr = 1",
            "line 3: vary: training.lr: must be a list of one value or more; found 1",
        ),
        ("seeds = 1\n[vary]\nlr = [1, \"x\"]", "line 3: vary: lr: must be a number; found \"x\""),
        ("seeds = 1\n[vary]\ncats = [1]", "line 3: vary: unknown setting `cats`"),
        ("seeds = 1\n[vary]\nseed = [1]", "line 3: training.seed: must be left out"),
        (
            "seeds = 1\n[vary]\nlr = [1]\n\"training.lr\" = [2]",
            "line 4: vary: training.lr must be there once",
        ),
        (
            "seeds = 1\n[vary]\nlr = [0.1, 0.1]",
            "cell \"lr0.1-seed0\": must be the name of one cell; found two",
        ),
        ("seeds = 1\n[vary]\nlr = [0.1, -5]", "line 3: arm training.lr = -5: lr: must be above 0 and finite"),
        ("seeds = 1\n[vary]\nmethod.cats = [1]", "line 3: arm method.cats = 1: "),
        ("seeds = 1\narm = 3", "line 2: arm: must be a list of tables, [[arm]]"),
        ("seeds = 1\n[[arm]]\n", "line 2: arm: must have a name"),
        ("seeds = 1\n[[arm]]\nname = \"a b\"", "line 3: name: must be 1 to 60 letters, digits, - and _"),
        (
            "seeds = 1\n[[arm]]\nname = \"a\"\ncats = 1",
            "line 4: unknown key `cats` of [[arm]]; known are name, ",
        ),
        (
            "seeds = 1\n[[arm]]\nname = \"a\"\n[[arm]]\nname = \"A\"",
            "cell \"A-seed0\": must be the name of one cell",
        ),
        (
            "seeds = 1\n[[arm]]\nname = \"a\"\nsettings = { lr = -1 }",
            "line 2: arm \"a\": lr: must be above 0",
        ),
        (
            "seeds = 1\n[vary]\nlr = [1]\n[[arm]]\nname = \"a\"\nsettings = { training.lr = 1 }",
            "line 4: arm \"a\": training.lr must be in [vary] or in the arm; found it in both",
        ),
        ("seeds = 1000\n[vary]\nlr = [1,2,3,4,5,6,7,8,9,10,11]", "grid: must have at most 10000 cells"),
    ] {
        let error = Grid::from_text_in(text, &Registry::builtin()).unwrap_err().to_string();
        assert!(error.starts_with(expected) && !error.contains('\n'), "{text}\n{error}");
    }
    let long = "x".repeat(60);
    let text = format!("seeds = 1\n[vary]\nown-name = [1]\n[[arm]]\nname = \"{long}x\"");
    assert!(Grid::from_text_in(&text, &Registry::builtin()).is_err());
}

#[test]
fn a_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("grid.toml");
    let error = || Grid::from_file_in(&path, &Registry::builtin()).unwrap_err().to_string();
    assert!(error().starts_with(&format!("{}: can't be read: ", path.display())), "{}", error());
    std::fs::write(&path, "seeds = 1\ncats = 1").unwrap();
    assert!(error().starts_with(&format!("{}: line 2: unknown key", path.display())), "{}", error());
}
