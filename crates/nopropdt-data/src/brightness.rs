//! How bright images are, as a whole.

use serde::{Deserialize, Serialize};

use crate::DataError;

/// Deviations from the mean beyond which an image is not like the others.
const FAR: f64 = 4.0;
/// How much nearer to the others an image must be when it is inverted.
const NEARER: f64 = 3.0;
/// Least deviation that images are said to have: that of one step of 255.
const LEAST: f64 = 1.0 / 255.0;

/// Mean and deviation over some images of each image's mean value; values are in 0..1, before normalisation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Brightness {
    /// Mean.
    pub mean: f64,
    /// Standard deviation.
    pub deviation: f64,
}

impl Brightness {
    /// Of images with these means; None of none, or where one is not finite.
    pub(crate) fn of(means: &[f64]) -> Option<Self> {
        let count = means.len() as f64;
        let mean = means.iter().sum::<f64>() / count;
        let variance = means.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
        let found = Self { mean, deviation: variance.sqrt() };
        found.check().is_ok().then_some(found)
    }

    /// Whether both are finite and the deviation is not negative.
    ///
    /// # Errors
    /// [`DataError::Invalid`] when not.
    pub fn check(&self) -> Result<(), DataError> {
        if self.mean.is_finite() && self.deviation >= 0.0 && self.deviation.is_finite() {
            return Ok(());
        }
        let found = format!("found {} and {}", self.mean, self.deviation);
        Err(DataError::invalid(
            "brightness",
            "mean and deviation must be finite, the deviation at least 0",
            found,
        ))
    }

    /// Whether an image of values in 0..1 looks inverted: it is far from the brightness of the others, and 1 − x would be much nearer. Images
    /// that are neither dark nor bright as a whole, such as photographs, never look so.
    #[must_use]
    pub fn looks_inverted(&self, image: &[f32]) -> bool {
        let mean = image.iter().map(|&value| f64::from(value)).sum::<f64>() / image.len() as f64;
        let away = |mean: f64| (mean - self.mean).abs() / self.deviation.max(LEAST);
        let (as_it_is, inverted) = (away(mean), away(1.0 - mean));
        as_it_is > FAR && as_it_is > NEARER * inverted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_would_fit_inverted_looks_so() {
        // As MNIST is, light on dark.
        let digits = Brightness { mean: 0.13, deviation: 0.04 };
        assert!(digits.looks_inverted(&[0.87; 4]) && digits.looks_inverted(&[1.0, 1.0, 0.8, 0.6]));
        assert!(!digits.looks_inverted(&[0.13; 4]) && !digits.looks_inverted(&[0.3; 4]));
        // Far from both.
        assert!(!digits.looks_inverted(&[0.5; 4]));
        let photographs = Brightness { mean: 0.47, deviation: 0.12 };
        for value in [0.0, 0.2, 0.9, 1.0] {
            assert!(!photographs.looks_inverted(&[value; 4]), "{value}");
        }
        // Images that are all of one brightness.
        assert!(Brightness { mean: 0.0, deviation: 0.0 }.looks_inverted(&[1.0; 4]));
        assert!(!digits.looks_inverted(&[]));
    }

    #[test]
    fn moments_are_those_of_the_definition() {
        assert_eq!(Brightness::of(&[]), None);
        let found = Brightness::of(&[0.25, 0.75]).unwrap();
        assert_eq!((found.mean, found.deviation), (0.5, 0.25));
        assert!(found.check().is_ok() && Brightness { deviation: f64::NAN, ..found }.check().is_err());
    }
}
