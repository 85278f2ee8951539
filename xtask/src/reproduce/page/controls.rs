//! What denoising adds to an ensemble: the controls of the protocol, their figures and the differences that it names.

use super::super::data::Data;
use super::super::row::{Figure, Row, first_block, mean_of_blocks, percent};
use super::mixture;
use nopropdt_train::experiments::Outcome;
use nopropdt_train::statistics::PairedDifference;
use std::fmt::{Result, Write};

/// Two arms with the figure of each that is compared, as the protocol names it.
struct Comparison {
    of: (&'static str, Figure),
    with: (&'static str, Figure),
    told: &'static str,
}

const DT: &str = "dt-one-hot";
const COMMITTEE: &str = "committee";
const ZEROED: &str = "zeroed-z";
const SHUFFLED: &str = "shuffled-z";
const ONE: &str = "one-block";

/// The differences of the protocol, in its order; docs/protocol.md has the question of each.
const COMPARISONS: [Comparison; 11] = [
    compare((DT, Outcome::consensus), (COMMITTEE, Outcome::consensus), "consensus of dt − committee"),
    compare(
        (DT, Outcome::averaged_chain),
        (COMMITTEE, Outcome::consensus),
        "averaged chain of dt − committee",
    ),
    compare((DT, Outcome::chain), (COMMITTEE, Outcome::consensus), "chain of dt − committee"),
    compare((DT, Outcome::chain), (COMMITTEE, mean_of_blocks), "chain of dt − one member"),
    compare((DT, Outcome::chain), (DT, first_block), "chain of dt − its block 1"),
    compare(
        (DT, Outcome::consensus),
        (ZEROED, Outcome::consensus),
        "consensus of dt − consensus of zeroed-z",
    ),
    compare((DT, Outcome::chain), (ZEROED, Outcome::chain), "chain of dt − chain of zeroed-z"),
    compare(
        (SHUFFLED, Outcome::consensus),
        (ZEROED, Outcome::consensus),
        "consensus of shuffled-z − consensus of zeroed-z",
    ),
    compare(
        (ZEROED, Outcome::consensus),
        (COMMITTEE, Outcome::consensus),
        "consensus of zeroed-z − committee",
    ),
    compare((DT, Outcome::consensus), (ONE, Outcome::consensus), "consensus of dt − one-block"),
    compare((COMMITTEE, Outcome::consensus), (ONE, Outcome::consensus), "committee − one-block"),
];

const fn compare(of: (&'static str, Figure), with: (&'static str, Figure), told: &'static str) -> Comparison {
    Comparison { of, with, told }
}

const EXPLANATION: &str = "The arms and the questions are those of [the protocol](protocol.md#controls). The budget is small, 2 or 3 epochs where the paper has 100 or 150: the tables tell nothing of longer trainings. In percent of the test set, mean ± standard error over seeds; draws are averaged within a seed. *Mean of blocks* is the mean over blocks of the accuracy of each alone. *Averaged* are answers from five averaged draws, which cost five chains. The first two differences are the primary ones.";

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
        "| arm | chain | consensus | block 1 | mean of blocks | averaged: chain / consensus | seeds | seconds | departures (Table 3) |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- |"
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
            of(mean_of_blocks),
            of(Outcome::averaged_chain),
            of(Outcome::averaged_consensus),
            row.progress(),
            row.seconds(),
            row.departures()
        )?;
    }
    writeln!(text, "\n{}", mixture(rows))
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
                _ => "not told from 0",
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
        assert!(unclear.ends_with("| not told from 0 |"), "{unclear}");
        assert!(told(Some([-0.02, -0.01]), Some(0.002), 3).ends_with("| less |"));
        assert_eq!(told(None, None, 2), "+1.00 | | 2 | too few seeds |");
        assert_eq!(difference(None), "not run | | 0 | |");
    }
}
