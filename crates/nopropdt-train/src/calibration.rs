//! Whether probabilities mean what they say: of answers given with 80 %, four of five should be right.

/// Bins of equal width from 0 to 1, as in Guo et al. 2017.
pub const BINS: usize = 15;
/// What a probability is counted in: whole numbers have the same sum in any order.
const UNIT: f64 = (1u64 << 32) as f64;

/// Answers by their probability.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calibration {
    bins: [Bin; BINS],
}

/// Answers whose probabilities are near each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Bin {
    answers: u64,
    right: u64,
    /// Sum of the probabilities, in units of 2⁻³².
    probability: u64,
}

/// What is known of a bin that has answers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reliability {
    /// Lower end of the bin; its width is 1 / [`BINS`].
    pub from: f64,
    /// Answers in it.
    pub answers: u64,
    /// Their mean probability.
    pub confidence: f64,
    /// Share of them that are right.
    pub accuracy: f64,
}

impl Calibration {
    /// No answers.
    pub fn none() -> Self {
        Self { bins: [Bin::default(); BINS] }
    }

    /// Counts an answer that was given with this probability; one that is no number from 0 to 1 counts as the nearest, NaN as 0.
    pub fn add(&mut self, probability: f64, is_right: bool) {
        let probability = probability.clamp(0.0, 1.0);
        let bin = &mut self.bins[((probability * BINS as f64) as usize).min(BINS - 1)];
        bin.answers += 1;
        bin.right += u64::from(is_right);
        bin.probability += (probability * UNIT).round() as u64;
    }

    /// Adds the counts of another.
    pub fn plus(&mut self, other: &Self) {
        for (bin, more) in self.bins.iter_mut().zip(&other.bins) {
            bin.answers += more.answers;
            bin.right += more.right;
            bin.probability += more.probability;
        }
    }

    /// The bins that have answers, by rising probability.
    pub fn reliability(&self) -> Vec<Reliability> {
        let bins = self.bins.iter().enumerate().filter(|(_, bin)| bin.answers > 0);
        bins.map(|(index, bin)| Reliability {
            from: index as f64 / BINS as f64,
            answers: bin.answers,
            confidence: bin.probability as f64 / UNIT / bin.answers as f64,
            accuracy: bin.right as f64 / bin.answers as f64,
        })
        .collect()
    }

    /// Expected calibration error: the mean over answers of |accuracy − confidence| of their bin (Guo et al. 2017, Eq. 3); 0 without
    /// answers.
    pub fn expected_error(&self) -> f64 {
        let bins = self.reliability();
        let answers: u64 = bins.iter().map(|bin| bin.answers).sum();
        let errors = bins.iter().map(|bin| bin.answers as f64 * (bin.accuracy - bin.confidence).abs());
        errors.sum::<f64>() / answers.max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_is_that_of_the_definition() {
        let mut calibration = Calibration::none();
        assert_eq!(calibration.expected_error(), 0.0);
        // Four answers of 0.75, three right; two of 1, one right.
        for is_right in [true, true, true, false] {
            calibration.add(0.75, is_right);
        }
        assert!(calibration.expected_error() < 1e-9);
        for is_right in [true, false] {
            calibration.add(1.0, is_right);
        }
        assert!((calibration.expected_error() - 2.0 / 6.0 * 0.5).abs() < 1e-9);
        let bins = calibration.reliability();
        assert_eq!(bins.iter().map(|bin| bin.answers).collect::<Vec<_>>(), [4, 2]);
        assert_eq!((bins[0].from, bins[1].from), (11.0 / 15.0, 14.0 / 15.0));
        assert_eq!((bins[0].accuracy, bins[1].accuracy), (0.75, 0.5));
    }

    #[test]
    fn sums_do_not_depend_on_the_order() {
        let answers: Vec<(f64, bool)> = (0..1000).map(|n| (f64::from(n) / 999.0, n % 3 == 0)).collect();
        let counted = |answers: &mut dyn Iterator<Item = &(f64, bool)>| {
            let mut calibration = Calibration::none();
            answers.for_each(|&(probability, is_right)| calibration.add(probability, is_right));
            calibration
        };
        let mut halves = counted(&mut answers[..400].iter());
        halves.plus(&counted(&mut answers[400..].iter()));
        assert_eq!(counted(&mut answers.iter().rev()), halves);
    }

    #[test]
    fn what_is_no_probability_counts_as_the_nearest() {
        let mut calibration = Calibration::none();
        for probability in [-1.0, f64::NAN, 2.0] {
            calibration.add(probability, false);
        }
        let bins = calibration.reliability();
        assert_eq!(
            (bins[0].answers, bins[0].confidence, bins[1].answers, bins[1].confidence),
            (2, 0.0, 1, 1.0)
        );
    }
}
