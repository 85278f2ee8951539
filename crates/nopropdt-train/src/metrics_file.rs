//! The two files that hold what a run measures: `metrics.jsonl` (a JSON object an epoch) and `summary.json` (the run in one
//! object).
//!
//! Both are written whole ([`crate::files`]). Numbers must be finite: JSON has no NaN, and a run that met one has gone wrong and
//! should say so.

use crate::files::{WriteError, replace_file};
use crate::metrics::{EpochMetrics, Measured, Summary};
use crate::one_line::one_line;
use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Why metrics could not be written or read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum MetricsError {
    /// The file can't be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The file can't be read.
    #[error("{}: can't be read: {reason}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's answer, or what is wrong with the content.
        reason: io::Error,
    },
    /// A line of the file does not say what an epoch's line must say.
    #[error("{}:{line}: {problem}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Number of the line, from 1.
        line: usize,
        /// The rule, and what was found.
        problem: String,
    },
    /// The values to be written break a rule of the file; nothing was written.
    #[error("{}: not written: {problem}", path.display())]
    Value {
        /// The file.
        path: PathBuf,
        /// The rule, and what was found.
        problem: String,
    },
}

/// Replaces the file at `path` by one JSON line for each epoch.
///
/// # Errors
/// [`MetricsError::Value`] when an epoch holds a number that is not finite, an accuracy outside 0..=1 or an
/// epoch number that does not rise; [`MetricsError::Write`] when the file cannot be written. The old file is then
/// left as it was.
pub fn write_metrics(path: &Path, epochs: &[EpochMetrics]) -> Result<(), MetricsError> {
    Ok(replace_file(path, &metrics_lines(path, epochs)?)?)
}

/// What [`write_metrics`] writes.
///
/// # Errors
/// [`MetricsError::Value`], which names `path`.
pub(crate) fn metrics_lines(path: &Path, epochs: &[EpochMetrics]) -> Result<Vec<u8>, MetricsError> {
    let mut bytes = Vec::new();
    let mut previous = 0;
    for epoch in epochs {
        check_epoch(epoch, previous)
            .map_err(|problem| MetricsError::Value { path: path.to_owned(), problem })?;
        previous = epoch.epoch;
        serde_json::to_writer(&mut bytes, epoch).expect("metrics are numbers and have a JSON form");
        bytes.push(b'\n');
    }
    Ok(bytes)
}

/// Every epoch of a file that [`write_metrics`] wrote.
///
/// # Errors
/// [`MetricsError::Read`] when the file cannot be read; [`MetricsError::Line`], with the line's number, when a
/// line is torn, is not one epoch's object, has an unknown field, or breaks a rule of [`write_metrics`].
pub fn read_metrics(path: &Path) -> Result<Vec<EpochMetrics>, MetricsError> {
    let text = std::fs::read_to_string(path).map_err(|reason| unreadable(path, reason))?;
    let mut epochs = Vec::new();
    let mut previous = 0;
    for (index, line) in text.split_inclusive('\n').enumerate() {
        let epoch = parse_line(line, previous).map_err(|problem| MetricsError::Line {
            path: path.to_owned(),
            line: index + 1,
            problem,
        })?;
        previous = epoch.epoch;
        epochs.push(epoch);
    }
    Ok(epochs)
}

/// Replaces the file at `path` by the summary as one indented JSON object.
///
/// # Errors
/// [`MetricsError::Value`] when a number is not finite or an accuracy lies outside 0..=1; [`MetricsError::Write`]
/// when the file cannot be written. The old file is then left as it was.
pub fn write_summary(path: &Path, summary: &Summary) -> Result<(), MetricsError> {
    check_summary(summary).map_err(|problem| MetricsError::Value { path: path.to_owned(), problem })?;
    let mut bytes =
        serde_json::to_vec_pretty(summary).expect("a summary is numbers and text and has a JSON form");
    bytes.push(b'\n');
    Ok(replace_file(path, &bytes)?)
}

fn unreadable(path: &Path, reason: io::Error) -> MetricsError {
    MetricsError::Read { path: path.to_owned(), reason }
}

fn parse_line(line: &str, previous: usize) -> Result<EpochMetrics, String> {
    let Some(object) = line.strip_suffix('\n') else {
        return Err("a line must end with a line feed; the file ends in the middle of it".to_owned());
    };
    let epoch: EpochMetrics = serde_json::from_str(object)
        .map_err(|error| one_line(&format!("a line must be the JSON object of one epoch; {error}")))?;
    check_epoch(&epoch, previous)?;
    Ok(epoch)
}

fn check_epoch(epoch: &EpochMetrics, previous: usize) -> Result<(), String> {
    if epoch.epoch <= previous {
        return Err(format!("epoch numbers must rise from 1; found {} after {previous}", epoch.epoch));
    }
    let at = format!("of epoch {}", epoch.epoch);
    for (key, value) in epoch.measured() {
        match value {
            Measured::Epoch(_) | Measured::Answer(_) => {}
            Measured::Number(value) => finite(&format!("{key} {at}"), value)?,
            Measured::Fraction(share) => {
                share.map_or(Ok(()), |share| fraction(&format!("{key} {at}"), share))?;
            }
            Measured::Losses(values) => {
                for (index, &value) in values.iter().enumerate() {
                    finite(&format!("{key} of block {} {at}", index + 1), value)?;
                }
            }
            Measured::Readouts(shares) => fractions(&format!("{key} {at}"), shares)?,
            Measured::Parts(parts) => {
                for (part, value) in parts {
                    value.map_or(Ok(()), |value| finite(&format!("{part} {at}"), value))?;
                }
            }
        }
    }
    let of_one = [epoch.test_accuracy_consensus, epoch.validation_accuracy].iter().any(Option::is_some);
    match epoch.test_accuracy {
        Some(_) if epoch.test_accuracy_consensus.is_none() => {
            Err(format!("test_accuracy {at} must have test_accuracy_consensus beside it; found none"))
        }
        None if of_one => Err(format!("accuracies {at} must have test_accuracy beside them; found none")),
        _ => Ok(()),
    }
}

/// The summary that [`write_summary`] wrote.
///
/// # Errors
/// [`MetricsError::Read`] when the file cannot be read or is not a summary.
pub fn read_summary(path: &Path) -> Result<Summary, MetricsError> {
    let text = std::fs::read(path).map_err(|reason| unreadable(path, reason))?;
    serde_json::from_slice(&text).map_err(|error| unreadable(path, io::Error::other(error)))
}

fn check_summary(summary: &Summary) -> Result<(), String> {
    finite("seconds", summary.seconds)?;
    finite("train_seconds", summary.train_seconds)?;
    fraction("test_accuracy", summary.test_accuracy)?;
    fraction("test_accuracy_consensus", summary.test_accuracy_consensus)?;
    let balanced = [summary.test_balanced_accuracy, summary.test_balanced_accuracy_consensus];
    balanced.into_iter().flatten().try_for_each(|share| fraction("test_balanced_accuracy", share))?;
    summary.answer_accuracy.map_or(Ok(()), |share| fraction("answer_accuracy", share))?;
    fractions("test_accuracy_per_block", &summary.test_accuracy_per_block)
}

fn finite(what: &str, value: f64) -> Result<(), String> {
    if value.is_finite() { Ok(()) } else { Err(format!("{what} must be finite; found {value}")) }
}

fn fraction(what: &str, value: f64) -> Result<(), String> {
    // Written so that NaN fails.
    if (0.0..=1.0).contains(&value) {
        Ok(())
    } else {
        Err(format!("{what} must be a fraction from 0 to 1; found {value}"))
    }
}

fn fractions(what: &str, values: &[f64]) -> Result<(), String> {
    values.iter().try_for_each(|&value| fraction(what, value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostics::SharedSets;
    use nopropdt_blocks::Readout;

    fn epoch(number: usize) -> EpochMetrics {
        EpochMetrics {
            epoch: number,
            seconds: 12.5,
            train_loss: vec![0.076, 0.01],
            total: vec![0.5, 0.6],
            squared_error: vec![0.076, 0.01],
            cross_entropy: vec![0.4, 0.5],
            kl: vec![0.0, 0.1],
            gradient_norm: vec![1.5, 2.5],
            block_seconds: vec![6.0, 6.5],
            shared: Some(SharedSets { head_norm: Some(2.5), ..SharedSets::default() }),
            learning_rate: 1e-3,
            validation_accuracy: None,
            validation_accuracy_consensus: None,
            test_accuracy: Some(0.979),
            test_accuracy_per_block: vec![0.9819, 0.979],
            test_accuracy_consensus: Some(0.985),
            test_balanced_accuracy: None,
            test_balanced_accuracy_consensus: None,
            readout: Some(Readout::Consensus),
            answer_accuracy: Some(0.985),
            images_per_second: 4800.0,
        }
    }

    fn summary() -> Summary {
        Summary {
            test_accuracy: 0.979,
            test_accuracy_consensus: 0.985,
            test_accuracy_per_block: vec![0.9819, 0.979],
            test_balanced_accuracy: Some(0.97),
            test_balanced_accuracy_consensus: Some(0.98),
            readout: Some(Readout::Chain),
            answer_accuracy: Some(0.979),
            epochs: 2,
            extended_after: vec![],
            best_epoch: None,
            stopped_early: None,
            parameters: 1_234_567,
            seconds: 30.0,
            train_seconds: 25.0,
            peak_rss_bytes: 1 << 30,
            train_rss_bytes: Some(1 << 29),
            precision: "f32".to_owned(),
            isa: "avx2".to_owned(),
            threads: 2,
            seed: u64::MAX,
        }
    }

    fn error_of(text: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        std::fs::write(&path, text).unwrap();
        let message = read_metrics(&path).unwrap_err().to_string();
        message.strip_prefix(&folder.path().display().to_string()).unwrap().to_owned()
    }

    #[test]
    fn whatever_a_line_says_the_error_is_one_line() {
        let error = error_of("{\"sec\\nonds\": 1}\n");
        assert!(error.contains("unknown field `sec onds`") && !error.contains('\n'), "{error:?}");
    }

    #[test]
    fn metrics_come_back_as_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        let mut epochs = vec![epoch(1)];
        write_metrics(&path, &epochs).unwrap();
        epochs.push(EpochMetrics { validation_accuracy: Some(0.97), ..epoch(2) });
        write_metrics(&path, &epochs).unwrap();
        assert_eq!(read_metrics(&path).unwrap(), epochs);
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), 2);
        assert!(!text.lines().next().unwrap().contains("validation_accuracy"), "{text}");
        assert!(text.contains(r#""readout":"consensus","answer_accuracy":0.985"#), "{text}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "a temporary file was left");
    }

    #[test]
    fn an_epoch_that_was_not_measured_comes_back_so() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        let unmeasured = EpochMetrics { epoch: 1, train_loss: vec![0.5], ..EpochMetrics::default() };
        let epochs = vec![unmeasured, epoch(2)];
        write_metrics(&path, &epochs).unwrap();
        assert_eq!(read_metrics(&path).unwrap(), epochs);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(!text.lines().next().unwrap().contains("accuracy"), "{text}");
    }

    #[test]
    fn no_epochs_is_an_empty_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        write_metrics(&path, &[]).unwrap();
        assert_eq!(read_metrics(&path).unwrap(), []);
    }

    #[test]
    fn a_value_that_breaks_the_rules_leaves_the_old_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        write_metrics(&path, &[epoch(1)]).unwrap();
        let before = std::fs::read(&path).unwrap();
        let bad = [
            (
                EpochMetrics { train_loss: vec![0.1, f64::NAN], ..epoch(2) },
                "train_loss of block 2 of epoch 2",
            ),
            (EpochMetrics { kl: vec![f64::NAN], ..epoch(2) }, "kl of block 1 of epoch 2"),
            (
                EpochMetrics { gradient_norm: vec![1.0, f64::INFINITY], ..epoch(2) },
                "gradient_norm of block 2",
            ),
            (EpochMetrics { learning_rate: f64::INFINITY, ..epoch(2) }, "learning_rate"),
            (
                EpochMetrics {
                    shared: Some(SharedSets { smallest_distance: Some(f64::NAN), ..SharedSets::default() }),
                    ..epoch(2)
                },
                "smallest_distance of epoch 2",
            ),
            (EpochMetrics { test_accuracy: Some(97.9), ..epoch(2) }, "test_accuracy of epoch 2"),
            (EpochMetrics { test_accuracy_consensus: Some(f64::NAN), ..epoch(2) }, "test_accuracy_consensus"),
            (EpochMetrics { test_accuracy_per_block: vec![-0.1], ..epoch(2) }, "test_accuracy_per_block"),
            (EpochMetrics { validation_accuracy: Some(1.1), ..epoch(2) }, "validation_accuracy"),
            (
                EpochMetrics { test_balanced_accuracy: Some(f64::NAN), ..epoch(2) },
                "test_balanced_accuracy of",
            ),
            (EpochMetrics { test_accuracy: None, ..epoch(2) }, "must have test_accuracy beside them"),
            (
                EpochMetrics { test_accuracy_consensus: None, ..epoch(2) },
                "must have test_accuracy_consensus beside it",
            ),
            (epoch(1), "epoch numbers must rise from 1; found 1 after 1"),
        ];
        for (value, words) in bad {
            let message = write_metrics(&path, &[epoch(1), value]).unwrap_err().to_string();
            assert!(message.contains(words), "{message}");
        }
        assert_eq!(std::fs::read(&path).unwrap(), before);
    }

    #[test]
    fn a_bad_line_is_named() {
        let good = serde_json::to_string(&epoch(1)).unwrap();
        let torn = error_of(&format!("{good}\n{}", &good[..40]));
        assert!(torn.starts_with("/metrics.jsonl:2: a line must end with a line feed"), "{torn}");
        let unknown = error_of(&format!("{}\n", good.replace("\"seconds\"", "\"second\"")));
        assert!(unknown.starts_with("/metrics.jsonl:1:") && unknown.contains("`second`"), "{unknown}");
        let blank = error_of(&format!("{good}\n\n"));
        assert!(blank.starts_with("/metrics.jsonl:2: a line must be the JSON object"), "{blank}");
        let again = error_of(&format!("{good}\n{good}\n"));
        assert!(again.contains(":2: epoch numbers must rise from 1; found 1 after 1"), "{again}");
        let percent = error_of(&format!("{}\n", good.replace("0.979,", "97.9,")));
        assert!(percent.contains("must be a fraction from 0 to 1; found 97.9"), "{percent}");
    }

    #[test]
    fn a_missing_file_or_folder_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("absent/metrics.jsonl");
        let read = read_metrics(&path).unwrap_err().to_string();
        assert!(read.contains("absent/metrics.jsonl: can't be read"), "{read}");
        let write = write_metrics(&path, &[]).unwrap_err().to_string();
        assert!(write.contains("absent/metrics.jsonl: can't be written"), "{write}");
    }

    #[test]
    fn a_summary_comes_back_as_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("summary.json");
        write_summary(&path, &summary()).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(serde_json::from_str::<Summary>(&text).unwrap(), summary());
        let bad = Summary { test_accuracy: f64::NAN, ..summary() };
        assert!(write_summary(&path, &bad).unwrap_err().to_string().contains("test_accuracy must be"));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    }
}
