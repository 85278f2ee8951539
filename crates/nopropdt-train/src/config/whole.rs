//! Whole numbers as people write them, on the command line and in files. What is no whole number is refused with the range that it must be
//! in; what is one is left to [`validate`](super::RunConfig::validate), which knows all settings.

use super::error::ConfigError;

/// The whole numbers that a setting may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Whole {
    /// Key in messages; the flag without its dashes.
    pub(crate) key: &'static str,
    pub(crate) least: u64,
    /// None where only memory sets a bound.
    pub(crate) most: Option<u64>,
}

impl Whole {
    pub(crate) const fn new(key: &'static str, least: u64, most: Option<u64>) -> Self {
        Self { key, least, most }
    }

    pub(crate) fn contains(&self, value: u64) -> bool {
        value >= self.least && self.most.is_none_or(|most| value <= most)
    }

    /// The range, in words.
    pub(crate) fn rule(&self) -> String {
        match self.most {
            Some(most) => format!("from {} to {most}", self.least),
            None => format!("at least {}", self.least),
        }
    }

    /// Parses the text of a flag.
    ///
    /// # Errors
    /// The range, of a text that is no whole number.
    #[cfg(feature = "cli")]
    pub(crate) fn parse<T: std::str::FromStr>(&self, text: &str) -> Result<T, String> {
        text.parse().map_err(|_| format!("must be a whole number {}", self.rule()))
    }

    /// Refuses a number outside the range.
    pub(crate) fn check(&self, found: usize) -> Result<(), ConfigError> {
        if self.contains(found as u64) {
            return Ok(());
        }
        Err(ConfigError::Range { setting: self.key.into(), rule: self.rule(), found: found.to_string() })
    }
}

/// More padding than any image has pixels.
const MOST_PADDING: u64 = 256;
/// More epochs than any run has; with many more their batches could no longer be counted.
const MOST_EPOCHS: u64 = 1_000_000;

/// Measurements of a model: far more than any standard error needs.
pub(crate) const RUNS: Whole = Whole::new("runs", 1, Some(10_000));
pub(crate) const CROP_PADDING: Whole = Whole::new("crop-padding", 0, Some(MOST_PADDING));
pub(crate) const CUTOUT: Whole = Whole::new("cutout", 0, Some(MOST_PADDING));
pub(crate) const LIMIT_TRAIN: Whole = Whole::new("limit-train", 2, None);
pub(crate) const LIMIT_TEST: Whole = Whole::new("limit-test", 1, None);
pub(crate) const VALIDATION: Whole = Whole::new("validation", 0, None);
/// Each method sets its own upper bound.
pub(crate) const STEPS: Whole = Whole::new("steps", 1, None);
pub(crate) const EMBEDDING_DIM: Whole = Whole::new("embedding-dim", 1, None);
pub(crate) const EPOCHS: Whole = Whole::new("epochs", 1, Some(MOST_EPOCHS));
/// Batch normalisation has no variance to speak of in a batch of one.
pub(crate) const BATCH_SIZE: Whole = Whole::new("batch-size", 2, None);
pub(crate) const WARMUP_EPOCHS: Whole = Whole::new("warmup-epochs", 0, Some(MOST_EPOCHS));
pub(crate) const PATIENCE: Whole = Whole::new("patience", 1, Some(MOST_EPOCHS));
pub(crate) const EVAL_EVERY: Whole = Whole::new("eval-every", 1, Some(MOST_EPOCHS));
pub(crate) const SEED: Whole = Whole::new("seed", 0, Some(u64::MAX));
