//! Whole numbers as people write them, on the command line and in files. What is no number of the setting's kind is refused with the
//! range that it must be in; what is one is left to [`validate`](super::RunConfig::validate), which knows all settings.

use serde::de::{self, Deserializer, Visitor};
use std::fmt;
use std::marker::PhantomData;

/// A setting and the whole numbers it may be.
pub(crate) struct Whole {
    /// Key in files; the flag without its dashes.
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
    #[cfg(feature = "cli")]
    pub(crate) fn parse<T: std::str::FromStr>(&self, text: &str) -> Result<T, String> {
        text.parse().map_err(|_| format!("must be a whole number {}", self.rule()))
    }

    /// Reads the value of a key in a file.
    pub(crate) fn read<'de, D, T>(&self, deserializer: D) -> Result<Option<T>, D::Error>
    where
        D: Deserializer<'de>,
        T: TryFrom<i128>,
    {
        deserializer.deserialize_any(Number { whole: self, kind: PhantomData }).map(Some)
    }
}

struct Number<'w, T> {
    whole: &'w Whole,
    kind: PhantomData<T>,
}

impl<T: TryFrom<i128>> Number<'_, T> {
    fn number<E: de::Error>(&self, found: i128) -> Result<T, E> {
        found.try_into().map_err(|_| self.refuse(found))
    }

    fn refuse<E: de::Error>(&self, found: impl fmt::Display) -> E {
        let Whole { key, .. } = self.whole;
        E::custom(format!("{key}: must be a whole number {}; found {found}", self.whole.rule()))
    }
}

impl<T: TryFrom<i128>> Visitor<'_> for Number<'_, T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "for {} a whole number {}", self.whole.key, self.whole.rule())
    }

    fn visit_i64<E: de::Error>(self, found: i64) -> Result<T, E> {
        self.number(found.into())
    }

    fn visit_u64<E: de::Error>(self, found: u64) -> Result<T, E> {
        self.number(found.into())
    }

    fn visit_i128<E: de::Error>(self, found: i128) -> Result<T, E> {
        self.number(found)
    }

    fn visit_f64<E: de::Error>(self, found: f64) -> Result<T, E> {
        Err(self.refuse(found))
    }

    fn visit_bool<E: de::Error>(self, found: bool) -> Result<T, E> {
        Err(self.refuse(found))
    }

    fn visit_str<E: de::Error>(self, found: &str) -> Result<T, E> {
        Err(self.refuse(format_args!("{found:?}")))
    }
}

/// Declares the settings: for each a module with its range, the parser of its flag and the reader of its key.
macro_rules! whole_numbers {
    ($($name:ident: $type:ty = $key:literal, $least:expr, $most:expr;)*) => {$(
        pub(crate) mod $name {
            use super::Whole;

            pub(crate) const RANGE: Whole = Whole::new($key, $least, $most);

            #[cfg(feature = "cli")]
            pub(crate) fn parse(text: &str) -> Result<$type, String> {
                RANGE.parse(text)
            }

            pub(crate) fn read<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<$type>, D::Error> {
                RANGE.read(deserializer)
            }
        }
    )*};
}

/// More padding than any image has pixels.
const MOST_PADDING: u64 = 256;
/// More epochs than any run has; with many more their batches could no longer be counted.
const MOST_EPOCHS: u64 = 1_000_000;

whole_numbers! {
    crop_padding: usize = "crop-padding", 0, Some(super::MOST_PADDING);
    limit_train: usize = "limit-train", 2, None;
    limit_test: usize = "limit-test", 1, None;
    validation: usize = "validation", 0, None;
    // Each method sets its own upper bound.
    steps: usize = "steps", 1, None;
    embedding_dim: usize = "embedding-dim", 1, None;
    epochs: usize = "epochs", 1, Some(super::MOST_EPOCHS);
    // Batch normalisation has no variance to speak of in a batch of one.
    batch_size: usize = "batch-size", 2, None;
    warmup_epochs: usize = "warmup-epochs", 0, Some(super::MOST_EPOCHS);
    seed: u64 = "seed", 0, Some(u64::MAX);
}
