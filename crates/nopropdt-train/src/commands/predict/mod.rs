//! `predict`: what pictures show.

mod answers;
mod chart;
mod sources;

use super::numbers::{DRAWS, within};
use super::{PredictArguments, UsageError, complain, must_exist, thread_pool};
use crate::one_line::one_line;
use crate::predictor::{PredictError, Prediction, Predictor};
use crate::registry::Registry;
use answers::Form;
use anyhow::{Result, anyhow, bail};
use nopropdt_tensor::Isa;
use rayon::prelude::*;
use sources::{Source, sources};
use std::io::IsTerminal;

/// Images answered together: memory does not grow with their number.
const TOGETHER: usize = 1000;

pub(super) fn run(arguments: &PredictArguments, registry: &Registry) -> Result<()> {
    within(&DRAWS, "--draws", arguments.draws, &arguments.draws)?;
    Isa::selected().map_err(|error| UsageError(error.to_string()))?;
    must_exist("--model", Some(&arguments.model))?;
    let pool = thread_pool(arguments.threads)?;
    let predictor = pool.install(|| Predictor::load_in(&arguments.model, registry))?;
    let mut predictor = predictor.with_draws(arguments.draws);
    if let Some(readout) = arguments.readout {
        predictor = predictor.with_readout(readout);
    }
    if let Some(seed) = arguments.seed {
        predictor = predictor.with_seed(seed);
    }
    let sources = sources(arguments)?;
    let chart = arguments.chart || (sources.len() == 1 && std::io::stdout().is_terminal());
    let form = Form { csv: arguments.csv, json: arguments.json, chart, predictor: &predictor };
    pool.install(|| answer_all(arguments.invert, &sources, &form))
}

/// Answers what can be read; the rest is told, and makes a failure at the end.
fn answer_all(invert: bool, sources: &[Source], form: &Form<'_>) -> Result<()> {
    let (mut told, mut unread, mut inverted) = (0, 0, Inverted::default());
    form.begin()?;
    for sources in sources.chunks(TOGETHER) {
        let read: Vec<_> = sources.par_iter().map(|source| source.values(form.predictor)).collect();
        let mut images = Vec::with_capacity(sources.len());
        for (source, read) in sources.iter().zip(read) {
            match read {
                Ok(mut values) => {
                    if !invert && form.predictor.looks_inverted(&values) {
                        inverted.add(source);
                    }
                    if invert {
                        values.iter_mut().for_each(|value| *value = 1.0 - *value);
                    }
                    images.push((source, values));
                }
                Err(error) => {
                    unread += 1;
                    complain(&format!("error: {}", one_line(&error.to_string())));
                }
            }
        }
        let values: Vec<&[f32]> = images.iter().map(|(_, values)| values.as_slice()).collect();
        let answers: Vec<Prediction> = form.predictor.predict_all(&values).map_err(|error| match error {
            PredictError::NoAnswer { index } => {
                anyhow!(
                    "{}: the answer must be finite; it is not, so the network's weights are too large",
                    images[index].0
                )
            }
            error => error.into(),
        })?;
        let pairs: Vec<_> = images.iter().map(|(source, _)| *source).zip(&answers).collect();
        form.print(&pairs, told)?;
        told += pairs.len();
    }
    form.end(told)?;
    inverted.warn(sources.len());
    match unread {
        0 => Ok(()),
        _ => bail!("{unread} of {} images can't be read; the others are answered", sources.len()),
    }
}

/// Images that look inverted.
#[derive(Default)]
struct Inverted {
    count: usize,
    first: String,
}

impl Inverted {
    fn add(&mut self, source: &Source) {
        if self.count == 0 {
            self.first = source.to_string();
        }
        self.count += 1;
    }

    fn warn(&self, of: usize) {
        let Self { count, first } = self;
        let rule = "its mean brightness fits the images trained on far better when dark and light are swapped; --invert does that";
        match count {
            0 => {}
            1 => complain(&format!("warning: {first} looks inverted: {rule}")),
            _ => complain(&format!("warning: {count} of {of} images look inverted, such as {first}: {rule}")),
        }
    }
}
