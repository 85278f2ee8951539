//! A sweep on one page: what its arms reached over their seeds, how they differ, and every cell.

use super::axis::Axis;
use super::dots::{self, Line};
use super::frame::{page, section};
use super::html::escape;
use super::numbers;
use super::palette;
use crate::config::{Table, Value};
use crate::experiments::{Against, ArmFigures, ArmResults, Figures, MeasuredOn, Outcome, Results};
use crate::runs::{Difference, differing_tables};
use crate::statistics::{OverSeeds, PairedDifference};
use nopropdt_blocks::Readout;
use std::collections::BTreeSet;

/// The page of a sweep, as far as its results are there: no script and nothing to load.
pub fn render_sweep(results: &Results<'_>) -> String {
    let figures = results.figures();
    let mut datasets: Vec<String> = Vec::new();
    for arm in &figures.arms {
        if !datasets.contains(&arm.dataset) {
            datasets.push(arm.dataset.clone());
        }
    }
    let title = match figures.arms.len() {
        1 => "Sweep of 1 arm".to_owned(),
        count => format!("Sweep of {count} arms"),
    };
    let about = figures.about.as_ref().map(|about| format!("<p class=\"caption\">{}</p>", escape(about)));
    let of_dataset = |dataset: &String| {
        let part = Part::of(dataset, results, &figures);
        section(&format!("arms-{}", escape(dataset)), &escape(dataset), &part.html())
    };
    let sections: Vec<String> = datasets.iter().map(of_dataset).collect();
    let cells = section("cells", "Cells", &cells(results));
    page(&title, &[about.unwrap_or_default(), sections.join("\n"), cells].join("\n"))
}

/// The arms of one dataset.
struct Part<'a, 'g> {
    results: &'a Results<'g>,
    measured_on: MeasuredOn,
    arms: Vec<(&'a ArmResults<'g>, &'a ArmFigures)>,
}

/// What a column shows of an arm.
type Content<'a> = Box<dyn Fn(&ArmFigures, &Table) -> String + 'a>;

/// A column's name, and what it shows.
type Column<'a> = (String, Content<'a>);

impl<'a, 'g> Part<'a, 'g> {
    fn of(dataset: &str, results: &'a Results<'g>, figures: &'a Figures) -> Self {
        let arms = results.arms().iter().zip(&figures.arms).filter(|(_, figures)| figures.dataset == dataset);
        Self { results, measured_on: figures.measured_on, arms: arms.collect() }
    }

    fn html(&self) -> String {
        let mixed =
            mixtures(self.arms.iter().flat_map(|(arm, _)| arm.outcomes().map(|(_, outcome)| outcome)));
        let note = match mixed.is_empty() {
            true => String::new(),
            false => format!("<p class=\"note\">This table mixes {}.</p>", escape(&mixed.join("; "))),
        };
        format!("{}{note}{}", self.table(), self.dots())
    }

    fn table(&self) -> String {
        let settings: Vec<Table> =
            self.arms.iter().map(|(arm, _)| arm.arm.config().meant_settings()).collect();
        let columns = self.columns(&settings);
        let head: String = columns.iter().map(|(name, _)| format!("<th>{}</th>", escape(name))).collect();
        let row = |(index, (_, figures)): (usize, &(_, &ArmFigures))| {
            let color = palette::css(palette::run(index, self.arms.len()));
            let cells: String = columns
                .iter()
                .map(|(_, cell)| format!("<td>{}</td>", cell(figures, &settings[index])))
                .collect();
            format!("<tr><th><i style=\"background:{color}\"></i>{}</th>{cells}</tr>", escape(&figures.arm))
        };
        let rows: String = self.arms.iter().enumerate().map(row).collect();
        format!(
            "<figure class=\"card\"><div class=\"scroll\"><table class=\"numbers classes compared\"><thead><tr><th>arm</th>{head}</tr></thead>\
             <tbody>{rows}</tbody></table></div><figcaption>{}</figcaption></figure>",
            self.caption()
        )
    }

    fn caption(&self) -> String {
        format!(
            "Accuracy on {} images in %, mean ± standard error over seeds; draws are averaged within a seed, and one seed has no error. \
             Differences are in points, paired by seed, with the 95 % interval of Student's t from three seeds on; one whose interval leaves out 0 is \
             bold. Seconds are those of training a cell.",
            self.measured_on
        )
    }

    fn columns(&self, settings: &[Table]) -> Vec<Column<'a>> {
        let mut columns: Vec<Column<'a>> = Vec::new();
        let mut column = |name: &str, cell: Content<'a>| columns.push((name.to_owned(), cell));
        let tables: Vec<&Table> = settings.iter().collect();
        for key in ["method.name", "block.name"] {
            if tables.windows(2).any(|pair| pair[0].get(key) != pair[1].get(key)) {
                column(
                    key.split('.').next().unwrap_or(key),
                    Box::new(move |_, settings| setting(settings, key)),
                );
            }
        }
        for Difference { key, name } in differing_tables(&tables) {
            // An arm is one of several seeds.
            if key != "training.seed" {
                column(&name, Box::new(move |_, settings| setting(settings, &key)));
            }
        }
        column("seeds", Box::new(|arm, _| arm.seeds_done()));
        column("chain", Box::new(|arm, _| accuracy(arm.chain)));
        column("consensus", Box::new(|arm, _| accuracy(arm.consensus)));
        if self.arms.iter().any(|(_, arm)| arm.averaged_chain.is_some()) {
            column("averaged draws: chain", Box::new(|arm, _| accuracy(arm.averaged_chain)));
            column("averaged draws: consensus", Box::new(|arm, _| accuracy(arm.averaged_consensus)));
        }
        column(
            "seconds",
            Box::new(|arm, _| arm.seconds.map_or_else(|| "–".into(), |seconds| format!("{seconds:.1}"))),
        );
        if self.arms.iter().any(|(_, arm)| arm.against.is_some()) {
            let against = |arm: &ArmFigures| {
                arm.against.as_ref().map_or_else(|| "–".into(), |against| escape(&against.arm))
            };
            column("against", Box::new(move |arm, _| against(arm)));
            column("chain, difference", Box::new(|arm, _| difference(arm, |against| against.chain)));
            column("consensus, difference", Box::new(|arm, _| difference(arm, |against| against.consensus)));
        }
        columns
    }

    fn dots(&self) -> String {
        let accuracy = self.results.accuracy(Readout::Chain);
        let line = |(index, (arm, figures)): (usize, &(&ArmResults<'_>, &ArmFigures))| Line {
            name: figures.arm.clone(),
            dots: arm
                .outcomes()
                .filter_map(|(seed, outcome)| {
                    let share = accuracy(outcome)?;
                    Some((
                        100.0 * share,
                        format!("{}, seed {seed}: {}", figures.arm, numbers::percent(share, 2)),
                    ))
                })
                .collect(),
            mean: figures.chain.map(|chain| 100.0 * chain.mean),
            color: palette::run(index, self.arms.len()),
        };
        let lines: Vec<Line> = self.arms.iter().enumerate().map(line).collect();
        let values: Vec<f64> = lines.iter().flat_map(|line| line.dots.iter().map(|dot| dot.0)).collect();
        if values.is_empty() {
            return "<p class=\"empty card\">No results yet.</p>".to_owned();
        }
        let label = match self.measured_on {
            MeasuredOn::Test => "chain, test accuracy (%)",
            MeasuredOn::Validation => "chain, validation accuracy (%)",
        };
        let axis = Axis::linear(label, values.into_iter(), 1.0, (0.0, 100.0));
        let svg = dots::svg("Accuracy of the chain of each seed, a line an arm", &axis, &lines);
        format!(
            "<figure class=\"card\"><h3>Seeds</h3>{svg}<figcaption>A dot a seed, the mean of its draws; a bar the mean over seeds.</figcaption></figure>"
        )
    }
}

fn setting(settings: &Table, key: &str) -> String {
    escape(&settings.get(key).map_or_else(|| "–".to_owned(), Value::plain))
}

fn accuracy(found: Option<OverSeeds>) -> String {
    found.map_or_else(|| "–".to_owned(), |found| found.in_percent())
}

fn difference(arm: &ArmFigures, of: fn(&Against) -> Option<PairedDifference>) -> String {
    match arm.against.as_ref().and_then(of) {
        None => "–".to_owned(),
        Some(found) if found.is_clear() => format!("<b>{}</b>", found.in_points()),
        Some(found) => found.in_points(),
    }
}

/// What results may differ in, and what one has of it.
type Kind = (&'static str, fn(&Outcome) -> &str);

/// What results differ in that a table should not mix without a word: `2 processors (a, b)`.
fn mixtures<'o>(outcomes: impl Iterator<Item = &'o Outcome> + Clone) -> Vec<String> {
    let kinds: [Kind; 4] = [
        ("programs", |outcome| &outcome.origin.commit),
        ("processors", |outcome| &outcome.origin.processor),
        ("instruction sets", |outcome| &outcome.isa),
        ("precisions", |outcome| &outcome.precision),
    ];
    let mixed = kinds.into_iter().filter_map(|(kind, of)| {
        let values: BTreeSet<&str> = outcomes.clone().map(of).collect();
        let told = values.iter().copied().collect::<Vec<_>>().join(", ");
        (values.len() > 1).then(|| format!("{} {kind} ({told})", values.len()))
    });
    mixed.collect()
}

/// A table with a line a cell.
fn cells(results: &Results<'_>) -> String {
    let [chain, consensus] = [Readout::Chain, Readout::Consensus].map(|readout| results.accuracy(readout));
    let mut rows = String::new();
    let (mut done, mut all) = (0, 0);
    for (cell, outcome) in results.arms().iter().flat_map(|arm| &arm.cells) {
        all += 1;
        let Some(outcome) = outcome else {
            rows += &format!(
                "<tr><th>{}</th><td>{}</td><td>not done</td>{}</tr>",
                escape(&cell.name),
                cell.seed(),
                "<td></td>".repeat(8)
            );
            continue;
        };
        done += 1;
        let share = |share: Option<f64>| {
            share.map_or_else(|| "–".to_owned(), |share| format!("{:.2}", 100.0 * share))
        };
        let draws: Vec<String> = outcome.draws.iter().map(|draw| share(Some(draw.chain))).collect();
        let each = [
            cell.seed().to_string(),
            share(chain(outcome)),
            share(consensus(outcome)),
            if draws.is_empty() { "–".to_owned() } else { draws.join(" ") },
            format!("{:.1}", outcome.seconds),
            outcome.precision.clone(),
            outcome.isa.clone(),
            outcome.origin.commit.clone(),
            outcome.origin.processor.clone(),
            outcome.origin.date.clone(),
        ];
        let each: String = each.iter().map(|text| format!("<td>{}</td>", escape(text))).collect();
        rows += &format!("<tr><th>{}</th>{each}</tr>", escape(&cell.name));
    }
    let names = [
        "cell",
        "seed",
        "chain",
        "consensus",
        "draws (chain)",
        "seconds",
        "precision",
        "instruction set",
        "program",
        "processor",
        "date",
    ];
    let head: String = names.iter().map(|name| format!("<th>{name}</th>")).collect();
    format!(
        "<figure class=\"card\"><div class=\"scroll\"><table class=\"numbers classes compared\"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>\
         </div><figcaption>{done} of {all} cells are done. Accuracies in %; each draw is one answer to every image from noise of its own.</figcaption></figure>"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiments::{Grid, Origin};
    use crate::registry::Registry;

    const GRID: &str = "about = \"a & b\"\nseeds = 3\nruns = 2\naveraged = 5\n[[arm]]\nname = \"one\"\n[[arm]]\nname = \"two\"\n\
                        settings = { lr = 0.5 }\n[[arm]]\nname = \"three\"\nseeds = 1\nsettings = { dataset = \"mnist\" }\n";

    fn rendered(chains: &[(&str, f64, &str)]) -> String {
        let grid = Grid::from_text_in(GRID, &Registry::builtin()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        for (name, chain, processor) in chains {
            let cell = grid.cells().find(|cell| cell.name == *name).unwrap();
            let outcome = Outcome::example(*chain);
            let origin = Origin { processor: (*processor).into(), ..outcome.origin.clone() };
            cell.keep(folder.path(), &Outcome { origin, ..outcome }).unwrap();
        }
        render_sweep(&Results::read(&grid, folder.path()))
    }

    #[test]
    fn arms_stand_by_dataset_with_their_differences() {
        let page = rendered(&[
            ("one-seed0", 0.70, "m"),
            ("one-seed1", 0.72, "m"),
            ("one-seed2", 0.74, "m"),
            ("two-seed0", 0.80, "m"),
            ("two-seed1", 0.83, "m"),
            ("two-seed2", 0.86, "m"),
        ]);
        assert!(
            page.contains("<h2>digits</h2>") && page.contains("<h2>mnist</h2>") && page.contains("a &amp; b")
        );
        assert!(
            page.contains("<td>0.001</td><td>3</td><td>72.00 ± 1.15</td><td>73.00 ± 1.15</td>"),
            "{page}"
        );
        // Differences 10, 11, 12 points: s.e. 0.577, t = 4.303.
        assert!(page.contains("<b>+11.00 ± 0.58 [+8.52, +13.48]</b>"), "{page}");
        assert!(
            page.contains("<td>0 of 1</td>")
                && page.contains("No results yet.")
                && page.contains("6 of 7 cells are done")
        );
        assert!(page.contains("<td>69.00 71.00</td>") && !page.contains("This table mixes"));
        assert_eq!((page.matches("<circle").count(), page.matches("<svg").count()), (6, 1));
        assert!(!page.contains("<script") && !page.contains("NaN"));
    }

    #[test]
    fn a_table_that_mixes_processors_says_so() {
        let page = rendered(&[("one-seed0", 0.70, "m"), ("two-seed0", 0.8, "n"), ("two-seed1", 0.8, "n")]);
        assert!(page.contains("This table mixes 2 processors (m, n)."), "{page}");
        assert!(page.contains("<td>+10.00</td>") && page.contains("<td>2 of 3</td>"), "{page}");
    }
}
