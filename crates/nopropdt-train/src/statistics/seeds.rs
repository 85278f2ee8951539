//! Figures over seeds: a seed is the unit, whatever was measured within it.

use super::{Measured, student::student_t};
use serde::{Deserialize, Serialize};

/// Probability of an interval.
const LEVEL: f64 = 0.95;
/// Pairs from which on a difference has an error.
const LEAST_PAIRS: usize = 3;

/// Mean over seeds of one figure each.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct OverSeeds {
    /// Mean.
    pub mean: f64,
    /// Standard error of the mean; none of one seed.
    pub standard_error: Option<f64>,
    /// Seeds.
    pub seeds: usize,
}

impl OverSeeds {
    /// Of one value a seed; none of no seeds.
    pub fn of(values: &[f64]) -> Option<Self> {
        let Measured { mean, standard_error } = Measured::of(values);
        let (seeds, standard_error) = (values.len(), Some(standard_error));
        (seeds > 0).then(|| Self { mean, standard_error: standard_error.filter(|_| seeds > 1), seeds })
    }

    /// Fractions in percent: `97.51 ± 0.12`, and `97.51` of one seed.
    pub fn in_percent(&self) -> String {
        format!("{:.2}{}", 100.0 * self.mean, plus_minus(self.standard_error))
    }
}

/// Difference of two arms, seed by seed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PairedDifference {
    /// Mean of the differences, this arm minus the other.
    pub mean: f64,
    /// Standard error of the mean; none with fewer than three seeds.
    pub standard_error: Option<f64>,
    /// 95 % interval of Student's t with one degree of freedom fewer than seeds; none with fewer than three.
    pub interval: Option<[f64; 2]>,
    /// Seeds that both arms have.
    pub seeds: usize,
}

impl PairedDifference {
    /// Of the figures (seed, this arm's) and (seed, the other's), each seed once: over the seeds that both have. None without such seeds.
    pub fn of(these: &[(u64, f64)], others: &[(u64, f64)]) -> Option<Self> {
        let other = |seed: u64| others.iter().find(|other| other.0 == seed).map(|other| other.1);
        let differences: Vec<f64> =
            these.iter().filter_map(|&(seed, value)| Some(value - other(seed)?)).collect();
        let OverSeeds { mean, standard_error, seeds } = OverSeeds::of(&differences)?;
        let standard_error = standard_error.filter(|_| seeds >= LEAST_PAIRS);
        let interval = standard_error.map(|error| {
            let reach = student_t(LEVEL, seeds - 1) * error;
            [mean - reach, mean + reach]
        });
        Some(Self { mean, standard_error, interval, seeds })
    }

    /// Fractions in points of percent: `+0.51 ± 0.09 [+0.12, +0.90]`, and `+0.51` with fewer than three seeds.
    pub fn in_points(&self) -> String {
        let interval = self
            .interval
            .map_or_else(String::new, |[low, high]| format!(" [{:+.2}, {:+.2}]", 100.0 * low, 100.0 * high));
        format!("{:+.2}{}{interval}", 100.0 * self.mean, plus_minus(self.standard_error))
    }

    /// Whether the interval leaves out 0: only then is one arm called better.
    pub fn is_clear(&self) -> bool {
        self.interval.is_some_and(|[low, high]| low > 0.0 || high < 0.0)
    }
}

fn plus_minus(error: Option<f64>) -> String {
    error.map_or_else(String::new, |error| format!(" ± {:.2}", 100.0 * error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(found: f64, expected: f64) -> bool {
        (found - expected).abs() < 1e-12
    }

    #[test]
    fn one_seed_has_no_error() {
        assert_eq!(OverSeeds::of(&[]), None);
        assert_eq!(OverSeeds::of(&[0.5]), Some(OverSeeds { mean: 0.5, standard_error: None, seeds: 1 }));
        let found = OverSeeds::of(&[0.5, 0.7]).unwrap();
        assert!(close(found.mean, 0.6) && close(found.standard_error.unwrap(), 0.1) && found.seeds == 2);
    }

    /// Differences 1, 2, 3: mean 2, standard error 1/√3, t = 4.302653.
    #[test]
    fn a_difference_is_that_of_seeds_in_common() {
        let (these, others) = ([(0, 2.0), (1, 4.0), (2, 6.0), (7, 100.0)], [(2, 3.0), (0, 1.0), (1, 2.0)]);
        let found = PairedDifference::of(&these, &others).unwrap();
        assert!(found.seeds == 3 && close(found.mean, 2.0));
        assert!(close(found.standard_error.unwrap(), 1.0 / 3.0f64.sqrt()));
        let [low, high] = found.interval.unwrap();
        let reach = 4.302_652_729_749_46 / 3.0f64.sqrt();
        assert!((low - (2.0 - reach)).abs() < 1e-9 && (high - (2.0 + reach)).abs() < 1e-9);
        assert!(!found.is_clear());
    }

    #[test]
    fn only_an_interval_without_zero_is_clear() {
        let difference = |offset: f64| {
            let others = [(0, 0.0), (1, 0.0), (2, 0.0)];
            PairedDifference::of(&[(0, 1.0 + offset), (1, 2.0 + offset), (2, 3.0 + offset)], &others).unwrap()
        };
        assert!(difference(1.0).is_clear() && difference(-5.0).is_clear() && !difference(0.0).is_clear());
    }

    #[test]
    fn figures_are_shown_in_percent_and_points() {
        let shown = |values: &[f64]| OverSeeds::of(values).unwrap().in_percent();
        assert_eq!((shown(&[0.5, 0.7]), shown(&[0.9751])), ("60.00 ± 10.00".into(), "97.51".into()));
        let these = [(0, 0.01), (1, 0.02), (2, 0.03)];
        let others = [(0, 0.0), (1, 0.0), (2, 0.0)];
        let shown = |these: &[(u64, f64)]| PairedDifference::of(these, &others).unwrap().in_points();
        assert_eq!(shown(&these), "+2.00 ± 0.58 [-0.48, +4.48]");
        assert_eq!(shown(&these[..2]), "+1.50");
    }

    #[test]
    fn fewer_than_three_seeds_have_no_error() {
        let found = PairedDifference::of(&[(0, 2.0), (1, 4.0)], &[(0, 1.0), (1, 2.0)]).unwrap();
        assert_eq!((found.mean, found.standard_error, found.interval, found.seeds), (1.5, None, None, 2));
        assert!(!found.is_clear());
        assert_eq!(PairedDifference::of(&[(0, 2.0)], &[(1, 1.0)]), None);
    }
}
