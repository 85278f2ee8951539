//! Normalisation: taking each channel's mean from its values and dividing by its deviation.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::{DataError, InputShape};

/// Mean and standard deviation of each channel, of values in 0..1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Normalisation {
    /// Means, a channel each.
    pub mean: Vec<f32>,
    /// Standard deviations, a channel each, above 0.
    pub deviation: Vec<f32>,
}

impl Normalisation {
    /// Of pixels [N, channels] with values 0 to `scale`, part by part; exact sums, so that it is the same on every machine.
    pub(crate) fn of<'p>(
        parts: impl IntoIterator<Item = Cow<'p, [u8]>>,
        channels: usize,
        scale: f32,
    ) -> Self {
        let mut counts = vec![[0_u64; 256]; channels];
        for part in parts {
            for pixel in part.chunks_exact(channels) {
                for (counts, &value) in counts.iter_mut().zip(pixel) {
                    counts[usize::from(value)] += 1;
                }
            }
        }
        let (mean, deviation) = counts.iter().map(|counts| moments(counts, f64::from(scale))).unzip();
        Self { mean, deviation }
    }

    /// Of `count` inputs of a shape, each written by `fill`; sums in the order of the inputs, so that it is the same every time.
    pub(crate) fn of_values(shape: &InputShape, count: usize, fill: impl Fn(usize, &mut [f32])) -> Self {
        let (channels, mut input) = (shape.channels(), vec![0.0; shape.len()]);
        let values = (count * shape.len() / channels).max(1) as f64;
        let mut each = |see: &mut dyn FnMut(usize, f64)| {
            for index in 0..count {
                fill(index, &mut input);
                for pixel in input.chunks_exact(channels) {
                    pixel.iter().enumerate().for_each(|(channel, &value)| see(channel, f64::from(value)));
                }
            }
        };
        let [mut means, mut squares, mut largest] = [(); 3].map(|()| vec![0.0_f64; channels]);
        each(&mut |channel, value| {
            means[channel] += value / values;
            largest[channel] = largest[channel].max(value.abs());
        });
        each(&mut |channel, value| squares[channel] += (value - means[channel]).powi(2));
        let deviations = squares.iter().zip(&largest);
        Self {
            mean: means.iter().map(|&mean| mean as f32).collect(),
            deviation: deviations
                .map(|(s, &largest)| usable_deviation((s / values).sqrt(), largest))
                .collect(),
        }
    }

    /// Whether it normalises images of so many channels.
    ///
    /// # Errors
    /// [`DataError::Invalid`] unless there is a finite mean and a finite deviation above 0 for each channel.
    pub fn check(&self, channels: usize) -> Result<(), DataError> {
        let finite = self.mean.iter().all(|mean| mean.is_finite());
        let positive = self.deviation.iter().all(|&deviation| deviation > 0.0 && deviation.is_finite());
        if [self.mean.len(), self.deviation.len()] == [channels; 2] && finite && positive {
            return Ok(());
        }
        let rule = format!(
            "there must be a finite mean and a finite deviation above 0 for each of {channels} channels"
        );
        let found = format!("found means {:?}, deviations {:?}", self.mean, self.deviation);
        Err(DataError::invalid("normalisation", rule, found))
    }

    /// Normalises one value of a channel.
    pub(crate) fn value(&self, channel: usize, value: f32) -> f32 {
        (value - self.mean[channel]) / self.deviation[channel]
    }

    /// Takes [`Normalisation::apply`] back.
    pub fn undo(&self, image: &mut [f32]) {
        let channels = self.mean.len();
        for pixel in image.chunks_exact_mut(channels) {
            for (channel, value) in pixel.iter_mut().enumerate() {
                *value = *value * self.deviation[channel] + self.mean[channel];
            }
        }
    }

    /// Normalises an image, whose values are in 0..1 and row-major, channels innermost. Values behind the last whole pixel stay.
    ///
    /// # Panics
    /// When there are no channels.
    pub fn apply(&self, image: &mut [f32]) {
        for pixel in image.chunks_exact_mut(self.mean.len()) {
            for ((value, mean), deviation) in pixel.iter_mut().zip(&self.mean).zip(&self.deviation) {
                *value = (*value - mean) / deviation;
            }
        }
    }
}

/// Mean and deviation of the values counted, divided by `scale`.
fn moments(counts: &[u64; 256], scale: f64) -> (f32, f32) {
    let weighted = |power: u32| -> u128 {
        (0_u128..).zip(counts).map(|(value, &count)| value.pow(power) * u128::from(count)).sum()
    };
    let count = counts.iter().sum::<u64>().max(1) as f64;
    let mean = weighted(1) as f64 / count;
    let variance = weighted(2) as f64 / count - mean * mean;
    ((mean / scale) as f32, usable_deviation(variance.max(0.0).sqrt() / scale, 1.0))
}

/// A channel of one value must not be divided by nothing, nor by what rounding left of values up to `largest`.
fn usable_deviation(deviation: f64, largest: f64) -> f32 {
    if deviation > 1e-6 * largest { deviation as f32 } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_moments() {
        // Channel 0: 0, 255; channel 1: 51, 51.
        let found = Normalisation::of([Cow::from(&[0, 51, 255, 51][..])], 2, 255.0);
        assert_eq!(found, Normalisation { mean: vec![0.5, 0.2], deviation: vec![0.5, 1.0] });
        let mut image = [0.0, 0.2, 1.0, 0.7];
        found.apply(&mut image);
        assert_eq!(image, [-1.0, 0.0, 1.0, 0.5]);
        assert_eq!(found.value(0, 0.75), 0.5);
    }

    /// The moments of bytes are those of their values.
    #[test]
    fn moments_of_values_are_those_of_pixels() {
        let pixels: Vec<u8> = (0..60).map(|at| (at * 37 % 251) as u8).collect();
        let shape = InputShape::from(vec![5, 2, 3]);
        let wanted = Normalisation::of([Cow::from(&pixels[..])], 3, 255.0);
        let found = Normalisation::of_values(&shape, 2, |index, values| {
            let pixels = &pixels[index * 30..][..30];
            values.iter_mut().zip(pixels).for_each(|(value, &pixel)| *value = f32::from(pixel) / 255.0);
        });
        let close = |one: &[f32], other: &[f32]| one.iter().zip(other).all(|(a, b)| (a - b).abs() < 1e-6);
        assert!(close(&found.mean, &wanted.mean) && close(&found.deviation, &wanted.deviation), "{found:?}");
        // Each value of a vector has its own; one that never changes is not divided.
        let vectors = InputShape::from(vec![2]);
        let found = Normalisation::of_values(&vectors, 2, |index, values| {
            values.copy_from_slice(&[index as f32, 3.0])
        });
        assert_eq!(found, Normalisation { mean: vec![0.5, 3.0], deviation: vec![0.5, 1.0] });
        // However small or large the values are.
        let of = |values: [f32; 2]| {
            Normalisation::of_values(&InputShape::from(vec![1]), 2, |index, to| to[0] = values[index])
        };
        assert_eq!(of([0.0, 1e-9]).deviation, [5e-10]);
        assert_eq!(of([1e9, 1e9]).deviation, [1.0]);
    }

    #[test]
    fn what_can_not_normalise_is_refused() {
        let good = Normalisation { mean: vec![0.5], deviation: vec![0.1] };
        assert!(good.check(1).is_ok() && good.check(3).is_err());
        for (mean, deviation) in
            [(f32::NAN, 1.0), (0.0, 0.0), (0.0, -1.0), (0.0, f32::NAN), (0.0, f32::INFINITY)]
        {
            let bad = Normalisation { mean: vec![mean], deviation: vec![deviation] };
            assert!(bad.check(1).is_err(), "{bad:?}");
        }
    }
}
