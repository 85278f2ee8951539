//! The values of an epoch by the names that they have in files.

use super::EpochMetrics;
use crate::diagnostics::SharedSets;
use nopropdt_blocks::Readout;

/// A value of an epoch. Fractions are 0 to 1.
#[derive(Debug, Clone, PartialEq)]
pub enum Measured<'m> {
    /// The number of the epoch, from 1.
    Epoch(usize),
    /// Any number.
    Number(f64),
    /// A fraction; none where it was not measured.
    Fraction(Option<f64>),
    /// A number of each loss: of block 1, 2, …, or one of a method whose blocks learn together.
    Losses(&'m [f64]),
    /// A fraction of each read-out, that of block 1 first; empty where they were not measured.
    Readouts(&'m [f64]),
    /// Numbers with names of their own; none where there is no such number.
    Parts([(&'static str, Option<f64>); 3]),
    /// Where the answer is read; none where it was not measured.
    Answer(Option<Readout>),
}

impl EpochMetrics {
    /// Every value by its name in `metrics.jsonl`, also those that a line leaves out, in the order of the fields.
    pub fn measured(&self) -> Vec<(&'static str, Measured<'_>)> {
        use Measured::{Answer, Epoch, Fraction, Losses, Number, Parts, Readouts};
        // Without `..`, so that a field can't be forgotten.
        let Self {
            epoch,
            seconds,
            train_loss,
            total,
            squared_error,
            cross_entropy,
            kl,
            gradient_norm,
            block_seconds,
            shared,
            learning_rate,
            validation_accuracy,
            validation_accuracy_consensus,
            test_accuracy,
            test_accuracy_per_block,
            test_accuracy_consensus,
            test_balanced_accuracy,
            test_balanced_accuracy_consensus,
            readout,
            answer_accuracy,
            images_per_second,
        } = self;
        vec![
            ("epoch", Epoch(*epoch)),
            ("seconds", Number(*seconds)),
            ("train_loss", Losses(train_loss)),
            ("total", Losses(total)),
            ("squared_error", Losses(squared_error)),
            ("cross_entropy", Losses(cross_entropy)),
            ("kl", Losses(kl)),
            ("gradient_norm", Losses(gradient_norm)),
            ("block_seconds", Losses(block_seconds)),
            ("shared", Parts(shared.as_ref().unwrap_or(&SharedSets::default()).named())),
            ("learning_rate", Number(*learning_rate)),
            ("validation_accuracy", Fraction(*validation_accuracy)),
            ("validation_accuracy_consensus", Fraction(*validation_accuracy_consensus)),
            ("test_accuracy", Fraction(*test_accuracy)),
            ("test_accuracy_per_block", Readouts(test_accuracy_per_block)),
            ("test_accuracy_consensus", Fraction(*test_accuracy_consensus)),
            ("test_balanced_accuracy", Fraction(*test_balanced_accuracy)),
            ("test_balanced_accuracy_consensus", Fraction(*test_balanced_accuracy_consensus)),
            ("readout", Answer(*readout)),
            ("answer_accuracy", Fraction(*answer_accuracy)),
            ("images_per_second", Number(*images_per_second)),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a line of the file has, found by the names of the code.
    #[test]
    fn every_value_of_a_line_has_its_name() {
        let shared = SharedSets { head_norm: Some(2.5), ..SharedSets::default() };
        let epoch = EpochMetrics {
            epoch: 3,
            train_loss: vec![0.5, 0.25],
            kl: vec![1.0, 2.0],
            shared: Some(shared),
            validation_accuracy: Some(0.5),
            test_accuracy_per_block: vec![0.75, 0.5],
            readout: Some(Readout::Consensus),
            ..EpochMetrics::default()
        };
        let line = serde_json::to_value(&epoch).unwrap();
        let measured = epoch.measured();
        for (key, value) in line.as_object().unwrap() {
            let (_, found) = measured.iter().find(|(name, _)| name == key).expect("a name for each key");
            let found = match found {
                Measured::Epoch(number) => (*number).into(),
                Measured::Number(number) => (*number).into(),
                Measured::Fraction(share) => (*share).into(),
                Measured::Losses(values) | Measured::Readouts(values) => values.to_vec().into(),
                Measured::Parts(parts) => {
                    let there =
                        parts.iter().filter_map(|&(name, part)| Some((name.to_owned(), part?.into())));
                    serde_json::Value::Object(there.collect())
                }
                Measured::Answer(readout) => serde_json::to_value(readout).unwrap(),
            };
            assert_eq!(&found, value, "{key}");
        }
    }
}
