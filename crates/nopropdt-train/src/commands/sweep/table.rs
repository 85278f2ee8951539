//! A sweep for people: a line an arm.

use crate::commands::columns::{Column, drawn};
use crate::experiments::{Against, ArmFigures, Figures};
use crate::statistics::{OverSeeds, PairedDifference};

/// The table of arms, and what its figures are of.
pub(super) fn text(figures: &Figures) -> String {
    let column = |name, is_right, value: &dyn Fn(&ArmFigures) -> String| Column {
        name,
        is_right,
        values: figures.arms.iter().map(value).collect(),
    };
    let difference = |arm: &ArmFigures, of: fn(&Against) -> Option<PairedDifference>| {
        arm.against.as_ref().and_then(of).map_or_else(String::new, |found| found.in_points())
    };
    let mut columns = vec![
        column("arm", false, &|arm| arm.arm.clone()),
        column("seeds", true, &ArmFigures::seeds_done),
        column("chain", true, &|arm| accuracy(arm.chain)),
        column("consensus", true, &|arm| accuracy(arm.consensus)),
    ];
    if figures.arms.iter().any(|arm| arm.against.is_some()) {
        columns.push(column("against", false, &|arm| {
            arm.against.as_ref().map_or_else(String::new, |of| of.arm.clone())
        }));
        columns.push(column("chain, points", false, &|arm| difference(arm, |of| of.chain)));
        columns.push(column("consensus, points", false, &|arm| difference(arm, |of| of.consensus)));
    }
    format!("{}\n{}", drawn(&columns), note(figures))
}

fn note(figures: &Figures) -> String {
    let on = figures.measured_on;
    format!(
        "accuracy on {on} images in %, mean ± standard error over seeds; differences are paired by seed, with 95 % intervals"
    )
}

fn accuracy(found: Option<OverSeeds>) -> String {
    found.map_or_else(|| "–".to_owned(), |found| found.in_percent())
}
