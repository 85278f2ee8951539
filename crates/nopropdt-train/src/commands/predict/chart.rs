//! Bars of class probabilities, from the first block to the answer.

use crate::commands::percent;
use crate::one_line::one_line;
use crate::predictor::Prediction;
use nopropdt_blocks::Readout;
use std::iter::once;

/// Classes shown of each read-out, beyond the first only those of at least [`LEAST`].
const SHOWN: usize = 3;
/// Probability from which a further class is shown.
const LEAST: f64 = 0.01;
/// Characters of a bar of probability 1.
const WIDTH: usize = 30;
/// Longest class name shown whole.
const LONGEST: usize = 24;
/// What ends a bar: eighths of a character.
const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/// The most probable classes after each block, at the end of the chain and in the consensus, with a mark where the answer is read.
pub(super) fn chart(answer: &Prediction, names: &[String], on_the_way: &str) -> String {
    let each = answer.after_each.iter().enumerate();
    let after = each.map(|(index, p)| (format!("after {on_the_way} {}", index + 1), p.as_slice()));
    let ends = Readout::ALL.into_iter().map(|readout| {
        let mark = if readout == answer.readout { " (answer)" } else { "" };
        (format!("{readout}{mark}"), answer.by(readout))
    });
    let groups: Vec<(String, &[f64])> = after.chain(ends).collect();
    let of_groups: Vec<Vec<(String, f64)>> = groups.iter().map(|(_, p)| most_probable(p, names)).collect();
    let longest = |texts: &mut dyn Iterator<Item = usize>| texts.max().unwrap_or(0);
    let titles = longest(&mut groups.iter().map(|(title, _)| title.chars().count()));
    let classes = longest(&mut of_groups.iter().flatten().map(|(name, _)| name.chars().count()));
    let mut text = String::new();
    for ((title, _), rows) in groups.iter().zip(&of_groups) {
        let titles_of_rows = once(title.as_str()).chain(std::iter::repeat(""));
        for ((name, probability), title) in rows.iter().zip(titles_of_rows) {
            let bar = bar(*probability);
            text += &format!(
                "  {title:<titles$}  {name:>classes$}  {bar:<WIDTH$} {:>8}\n",
                percent(*probability)
            );
        }
    }
    text
}

/// Names and probabilities of the few classes to show, the most probable first; of equals the first.
fn most_probable(probabilities: &[f64], names: &[String]) -> Vec<(String, f64)> {
    let mut classes: Vec<usize> = (0..probabilities.len()).collect();
    classes.sort_by(|&one, &other| probabilities[other].total_cmp(&probabilities[one]));
    let row = |&class: &usize| (shortened(&names[class]), probabilities[class]);
    let shown = classes.iter().enumerate().take(SHOWN);
    let shown = shown.filter(|(place, class)| *place == 0 || probabilities[**class] >= LEAST);
    shown.map(|(_, class)| row(class)).collect()
}

fn shortened(name: &str) -> String {
    let name = one_line(name);
    match name.chars().count() > LONGEST {
        true => name.chars().take(LONGEST - 1).chain(once('…')).collect(),
        false => name,
    }
}

/// A bar of [`WIDTH`] characters at most.
fn bar(probability: f64) -> String {
    let eighths = (probability.clamp(0.0, 1.0) * (8 * WIDTH) as f64).round() as usize;
    format!("{}{}", "█".repeat(eighths / 8), EIGHTHS[eighths % 8])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::predictor::RunnerUp;

    #[test]
    fn bars_are_as_long_as_probabilities() {
        assert_eq!((bar(1.0), bar(0.0), bar(0.5)), ("█".repeat(30), String::new(), "█".repeat(15)));
        assert_eq!(bar(1.0 / 240.0), "▏");
    }

    #[test]
    fn every_read_out_has_its_classes_in_columns() {
        let answer = Prediction {
            class: 1,
            name: "dog".into(),
            probability: 0.75,
            runner_up: RunnerUp { class: 0, name: "cat".into(), probability: 0.25 },
            readout: Readout::Chain,
            probabilities: vec![0.005, 0.995],
            chain: vec![0.005, 0.995],
            consensus: vec![0.375, 0.625],
            after_each: vec![vec![0.5, 0.5]],
            agreeing: 1,
        };
        let names = ["cat", "a dog\nof a breed with a long name"].map(String::from);
        let chart = chart(&answer, &names, "block");
        let lines: Vec<&str> = chart.lines().collect();
        assert_eq!(lines.len(), 5, "{chart}");
        assert!(
            lines[0].starts_with("  after block 1                        cat  ███████████████ "),
            "{chart}"
        );
        assert!(lines[2].starts_with("  chain (answer)  a dog of a breed with a…  ████"), "{chart}");
        assert!(lines[4].ends_with("37.50 %"), "{chart}");
        let widths: Vec<usize> = lines.iter().map(|line| line.chars().count()).collect();
        assert!(widths.iter().all(|width| *width == widths[0]), "{chart}");
    }
}
