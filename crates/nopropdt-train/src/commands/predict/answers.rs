//! Answers as people and programs read them.

use super::chart::chart;
use super::sources::Source;
use crate::commands::{output, percent};
use crate::csv;
use crate::one_line::one_line;
use crate::predictor::{NamedAnswer, Prediction, Predictor};
use anyhow::Result;
use serde::Serialize;

/// How answers are printed.
pub(super) struct Form<'p> {
    pub(super) csv: bool,
    pub(super) json: bool,
    /// Whether lines for people have bars below them.
    pub(super) chart: bool,
    /// Who answers.
    pub(super) predictor: &'p Predictor,
}

/// An answer as `--json` has it.
#[derive(Serialize)]
struct Object<'a> {
    file: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<usize>,
    #[serde(flatten)]
    answer: NamedAnswer<'a>,
}

impl Form<'_> {
    /// What comes before all answers.
    pub(super) fn begin(&self) -> Result<()> {
        if self.json {
            return output::print("[");
        }
        if !self.csv {
            return Ok(());
        }
        let names = &self.predictor.model().metadata.class_names;
        let fixed = ["file", "index", "class", "label", "probability", "runner_up", "runner_up_probability"];
        let rest = ["readout", "draws", "agreeing_draws"].map(String::from);
        let classes = names.iter().map(|name| format!("probability of {name}"));
        let fields: Vec<String> = fixed.map(String::from).into_iter().chain(rest).chain(classes).collect();
        output::print(&csv::line(&fields))
    }

    /// Some answers, of which `before` were printed before.
    pub(super) fn print(&self, answers: &[(&Source, &Prediction)], before: usize) -> Result<()> {
        if answers.is_empty() {
            return Ok(());
        }
        let one = |(source, answer): &(&Source, &Prediction)| match (self.json, self.csv) {
            (true, _) => Ok(serde_json::to_string(&self.object(source, answer))?),
            (_, true) => Ok(csv::line(&self.fields(source, answer))),
            _ => Ok(self.lines(source, answer)),
        };
        let texts = answers.iter().map(one).collect::<Result<Vec<String>>>()?;
        match self.json {
            // A comma goes before what follows: nobody knows which is the last.
            true => output::print(&format!("{}{}", if before > 0 { "," } else { "" }, texts.join(",\n"))),
            false => output::print(&texts.join("\n")),
        }
    }

    /// What comes after `told` answers.
    pub(super) fn end(&self, told: usize) -> Result<()> {
        match (self.json, self.csv, told) {
            (true, ..) => output::print("]"),
            _ => Ok(()),
        }
    }

    fn object<'a>(&self, source: &Source, answer: &'a Prediction) -> Object<'a> {
        Object {
            file: source.file(),
            index: source.index(),
            answer: NamedAnswer::new(answer, self.predictor.draws()),
        }
    }

    fn fields(&self, source: &Source, answer: &Prediction) -> Vec<String> {
        let second = &answer.runner_up;
        let mut fields = vec![
            source.file(),
            source.index().map_or_else(String::new, |index| index.to_string()),
            answer.name.clone(),
            answer.class.to_string(),
            answer.probability.to_string(),
            second.name.clone(),
            second.probability.to_string(),
            answer.readout.to_string(),
            self.predictor.draws().to_string(),
            answer.agreeing.to_string(),
        ];
        fields.extend(answer.probabilities.iter().map(f64::to_string));
        fields
    }

    fn lines(&self, source: &Source, answer: &Prediction) -> String {
        let (second, draws) = (&answer.runner_up, self.predictor.draws());
        let agreeing = match draws {
            1 => String::new(),
            _ => format!("; {} of {draws} draws agree", answer.agreeing),
        };
        let line = format!(
            "{source}: {} ({}), then {} ({}){agreeing}",
            answer.name,
            percent(answer.probability),
            second.name,
            percent(second.probability)
        );
        let line = one_line(&line);
        match self.chart {
            true => {
                let model = self.predictor.model();
                format!(
                    "{line}\n{}",
                    chart(answer, &model.metadata.class_names, model.network.facts().readout_name())
                )
            }
            false => line,
        }
    }
}
