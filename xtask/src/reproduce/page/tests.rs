use super::*;
use crate::reproduce::data::Data;
use nopropdt_train::evaluation::RunAccuracy;
use nopropdt_train::experiments::{EpochAccuracy, Grid, Results};

/// A result whose chain is `chain`.
fn outcome(chain: f64, isa: &str) -> Outcome {
    let draw =
        |chain: f64| RunAccuracy { chain, consensus: chain + 0.01, per_block: vec![chain - 0.02, chain] };
    Outcome {
        draws: vec![draw(chain - 0.001), draw(chain + 0.001)],
        averaged_draws: Some(vec![draw(chain + 0.005)]),
        validation: None,
        diagnostics: None,
        epochs: vec![EpochAccuracy { epoch: 1, seconds: 12.0, chain: Some(chain), consensus: None }],
        seconds: 12.0,
        precision: "f32".into(),
        isa: isa.into(),
        threads: 2,
        origin: Origin { commit: "abc".into(), processor: "a computer".into(), date: "2026-01-02".into() },
    }
}

/// The page of the grids of some profiles, with results of the cells that `chain` has a figure for.
fn page_of(profiles: &[Profile], chain: impl Fn(&str) -> Option<(f64, &'static str)>) -> String {
    let folder = tempfile::tempdir().unwrap();
    let grids: Vec<(Profile, Grid)> =
        profiles.iter().map(|&profile| (profile, profile.grid().unwrap())).collect();
    for (profile, grid) in &grids {
        std::fs::create_dir_all(folder.path().join(profile.name())).unwrap();
        for cell in grid.cells() {
            if let Some((chain, isa)) = chain(&cell.name) {
                cell.keep(&folder.path().join(profile.name()), &outcome(chain, isa)).unwrap();
            }
        }
    }
    let results: Vec<(Profile, Results<'_>)> = grids
        .iter()
        .map(|(profile, grid)| (*profile, Results::read(grid, &folder.path().join(profile.name()))))
        .collect();
    let rows: Vec<Row<'_>> = results
        .iter()
        .flat_map(|(profile, results)| {
            results.arms().iter().map(|results| Row {
                profile: *profile,
                data: Data::of(&results.arm.config().data.dataset).unwrap(),
                results,
            })
        })
        .collect();
    let origin = Origin { commit: "def".into(), processor: "another".into(), date: "2026-02-03".into() };
    let page = Page { command: "command".into(), origin, rows: &rows, memory: &[], figures: &[] };
    page.text("reproduction").unwrap()
}

fn line<'t>(text: &'t str, start: &str) -> &'t str {
    text.lines().find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("{start}\n{text}"))
}

#[test]
fn what_was_not_run_says_so() {
    let text = page_of(&Profile::PUBLISHED, |_| None);
    assert!(line(&text, "| MNIST | dt | one-hot | 99.47").contains("| not run |"));
    assert!(line(&text, "| dt | not run").contains("0 of 3"));
    assert!(line(&text, "| 1 | consensus of dt").contains("| not run |"));
    assert!(
        text.contains("0 of 117 trainings were run")
            && text.contains("0 of 45 of `controls`")
            && text.contains("Not measured."),
        "{text}"
    );
    assert!(text.contains("CIFAR-100: all rows") && text.contains("MNIST: all rows"), "{text}");
}

/// By hand: the seeds 0, 1, 2 of dt are 0.98, 0.982, 0.984 and of the committee 0.97, 0.974, 0.972; their consensus is 0.01 more.
#[test]
fn figures_are_over_seeds_and_differences_are_paired() {
    let chain = |name: &str| {
        let (arm, seed) = name.rsplit_once("-seed")?;
        let seed: usize = seed.parse().ok()?;
        match arm {
            "mnist-dt-one-hot" => Some(([0.98, 0.982, 0.984][seed], "avx2")),
            "mnist-committee" => Some(([0.97, 0.974, 0.972][seed], "avx512")),
            _ => None,
        }
    };
    let text = page_of(&[Profile::Controls, Profile::Quick], chain);
    let row = line(
        &text,
        "| dt | 98.20 ± 0.12 | 99.20 ± 0.12 | 96.20 ± 0.12 | 97.20 ± 0.12 | 98.70 ± 0.12 / 99.70 ± 0.12 | 3 | 12 |",
    );
    assert!(row.contains("epochs 2 (100)") && row.contains("order interleaved (sequential)"), "{row}");
    assert!(!row.contains("eval-every") && !row.contains("seed"), "{row}");
    // 0.010, 0.008, 0.012: mean 0.010, standard error 0.002/sqrt(3), t(0.975, 2) = 4.302653.
    let found = line(&text, "| 1 | consensus of dt − committee |");
    assert_eq!(found, "| 1 | consensus of dt − committee | +1.00 ± 0.12 | +0.50 to +1.50 | 3 | more |");
    let found = line(&text, "| 3 | chain of dt − committee |");
    assert_eq!(
        found,
        "| 3 | chain of dt − committee | +0.00 ± 0.12 | -0.50 to +0.50 | 3 | not told from 0 |"
    );
    // The averaged chain is 0.005 more.
    let found = line(&text, "| 2 | averaged chain of dt − committee |");
    assert_eq!(found, "| 2 | averaged chain of dt − committee | +0.50 ± 0.12 | +0.00 to +1.00 | 3 | more |");
    assert_eq!(
        line(&text, "| 5 |"),
        "| 5 | chain of dt − its block 1 | +2.00 ± 0.00 | +2.00 to +2.00 | 3 | more |"
    );
    assert!(line(&text, "| MNIST | dt | one-hot |").contains("| 98.20 ± 0.12 | -1.27 |"), "{text}");
    assert!(text.contains("The table mixes kernels (avx2, avx512);"), "{text}");
    let cell =
        line(&text, "| [mnist-dt-one-hot-seed0](reproduction/cells/controls/mnist-dt-one-hot-seed0.json) |");
    assert!(
        cell.contains("| 97.90 98.10 | 98.90 99.10 | 12 | 2 | a computer | f32, avx2 | abc | 2026-01-02 |"),
        "{cell}"
    );
    assert!(text.contains("- 6 cells at commit abc on a computer, 2026-01-02"));
}

#[test]
fn the_digits_have_a_page_without_the_paper() {
    let text =
        page_of(&[Profile::Smoke], |name| name.starts_with("digits-dt-one-hot").then_some((0.95, "avx2")));
    assert!(line(&text, "| digits | dt | one-hot | – | 95.00 |").contains("| 1 |"));
    assert!(line(&text, "| digits | dt (radial) | one-hot | – | 95.00 |").contains("head radial (softmax)"));
    assert!(line(&text, "| digits | fm | learned |").contains("not run"));
    assert!(!text.contains("to the letter"));
}

#[test]
fn with_two_seeds_a_difference_has_no_error() {
    let text = page_of(&[Profile::Controls], |name| {
        let known = [
            "mnist-dt-one-hot-seed0",
            "mnist-dt-one-hot-seed1",
            "mnist-committee-seed0",
            "mnist-committee-seed1",
        ];
        known.contains(&name).then_some((0.9, "avx2"))
    });
    assert_eq!(line(&text, "| 1 |"), "| 1 | consensus of dt − committee | +0.00 | | 2 | too few seeds |");
    assert!(line(&text, "| dt | 90.00").contains("| 2 of 3 |"));
    assert!(!text.contains("The table mixes"));
}
