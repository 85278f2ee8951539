//! What denoising adds to an ensemble: the controls of the protocol, their figures and the differences that it names.

use super::super::data::Data;
use super::super::row::{Figure, Row, first_block, one_block, percent};
use nopropdt_train::experiments::Outcome;
use nopropdt_train::statistics::PairedDifference;
use std::fmt::{Result, Write};

/// Two arms with the figure of each that is compared, as the protocol names it.
struct Comparison {
    of: (&'static str, Figure),
    with: (&'static str, Figure),
    told: &'static str,
}

/// The differences of the protocol, in its order; docs/protocol.md has the question of each.
const COMPARISONS: [Comparison; 8] = [
    compare(
        ("dt-one-hot", Outcome::consensus),
        ("committee", Outcome::consensus),
        "consensus of dt − committee",
    ),
    compare(("dt-one-hot", Outcome::chain), ("committee", Outcome::consensus), "chain of dt − committee"),
    compare(("dt-one-hot", Outcome::chain), ("committee", one_block), "chain of dt − one member"),
    compare(("dt-one-hot", Outcome::chain), ("dt-one-hot", first_block), "chain of dt − its block 1"),
    compare(
        ("dt-one-hot", Outcome::consensus),
        ("zeroed-z", Outcome::consensus),
        "consensus of dt − consensus of zeroed-z",
    ),
    compare(("dt-one-hot", Outcome::chain), ("zeroed-z", Outcome::chain), "chain of dt − chain of zeroed-z"),
    compare(
        ("dt-one-hot", Outcome::consensus),
        ("shuffled-z", Outcome::consensus),
        "consensus of dt − consensus of shuffled-z",
    ),
    compare(
        ("dt-one-hot", Outcome::consensus),
        ("one-block", Outcome::consensus),
        "consensus of dt − one-block",
    ),
];

const fn compare(of: (&'static str, Figure), with: (&'static str, Figure), told: &'static str) -> Comparison {
    Comparison { of, with, told }
}

const EXPLANATION: &str = "The arms and the questions are those of [the protocol](protocol.md#controls): the same blocks, parameters, data, batches and seeds; settings chosen for `dt`. In percent of the test set, mean ± standard error over seeds; draws are averaged within a seed. *One block* is the mean over blocks of the accuracy of each alone. *Averaged* are answers from five averaged draws, which cost five chains.";

pub(super) fn section(text: &mut String, rows: &[Row<'_>]) -> Result {
    writeln!(text, "## What denoising adds to an ensemble\n\n{EXPLANATION}\n")?;
    let mut datasets: Vec<Data> = rows.iter().map(|row| row.data).collect();
    datasets.dedup();
    for data in datasets {
        let rows: Vec<Row<'_>> = rows.iter().filter(|row| row.data == data).copied().collect();
        writeln!(text, "### {}\n", data.title())?;
        figures(text, &rows)?;
        differences(text, &rows)?;
    }
    Ok(())
}

fn figures(text: &mut String, rows: &[Row<'_>]) -> Result {
    writeln!(
        text,
        "| arm | chain | consensus | block 1 | one block | averaged: chain / consensus | seeds | seconds | departures (Table 3) |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- |"
    )?;
    for row in rows {
        let name = row.variation().unwrap_or("dt");
        if row.seeds() == 0 {
            writeln!(text, "| {name} | not run | | | | | {} | | {} |", row.progress(), row.departures())?;
            continue;
        }
        let of = |figure: Figure| percent(row.over_seeds(figure));
        writeln!(
            text,
            "| {name} | {} | {} | {} | {} | {} / {} | {} | {} | {} |",
            of(Outcome::chain),
            of(Outcome::consensus),
            of(first_block),
            of(one_block),
            of(Outcome::averaged_chain),
            of(Outcome::averaged_consensus),
            row.progress(),
            row.seconds(),
            row.departures()
        )?;
    }
    writeln!(text)
}

fn differences(text: &mut String, rows: &[Row<'_>]) -> Result {
    let arm = |name: &str| rows.iter().find(|row| row.variation().unwrap_or("dt-one-hot") == name);
    writeln!(
        text,
        "| | difference | points ± s.e. | 95 % interval | seeds | says |\n| --- | --- | --- | --- | --- | --- |"
    )?;
    for (index, Comparison { of, with, told }) in COMPARISONS.iter().enumerate() {
        let found = arm(of.0).zip(arm(with.0)).and_then(|(one, other)| one.minus(of.1, other, with.1));
        writeln!(text, "| {} | {told} | {}", index + 1, difference(found))?;
    }
    writeln!(text)
}

/// The rest of a line.
fn difference(found: Option<PairedDifference>) -> String {
    let Some(PairedDifference { mean, standard_error, interval, seeds }) = found else {
        return "not run | | 0 | |".into();
    };
    let points = |value: f64| format!("{:+.2}", 100.0 * value);
    match standard_error.zip(interval) {
        None => format!("{} | | {seeds} | too few seeds |", points(mean)),
        Some((error, [low, high])) => {
            let says = match (low > 0.0, high < 0.0) {
                (true, _) => "more",
                (_, true) => "less",
                _ => "no difference is shown",
            };
            let error = 100.0 * error;
            format!(
                "{} ± {error:.2} | {} to {} | {seeds} | {says} |",
                points(mean),
                points(low),
                points(high)
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_says_what_its_interval_carries() {
        let told = |interval, error, seeds| {
            difference(Some(PairedDifference { mean: 0.01, standard_error: error, interval, seeds }))
        };
        assert_eq!(told(Some([0.002, 0.018]), Some(0.002), 3), "+1.00 ± 0.20 | +0.20 to +1.80 | 3 | more |");
        let unclear = told(Some([-0.002, 0.022]), Some(0.002), 3);
        assert!(unclear.ends_with("| no difference is shown |"), "{unclear}");
        assert!(told(Some([-0.02, -0.01]), Some(0.002), 3).ends_with("| less |"));
        assert_eq!(told(None, None, 2), "+1.00 | | 2 | too few seeds |");
        assert_eq!(difference(None), "not run | | 0 | |");
    }
}
