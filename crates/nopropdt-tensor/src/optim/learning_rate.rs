//! The learning rate as a pure function of the step.

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

use super::error::{OptimizerError, require};

/// How the learning rate changes over a run.
///
/// A warm-up of w steps climbs evenly: step k < w uses (k + 1) / (w + 1) of the base rate, and step w all of it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum LearningRate {
    /// The base rate.
    Constant {
        /// Steps before the full rate.
        #[serde(default)]
        warmup_steps: u64,
    },
    /// Half a cosine wave from the base rate, after the warm-up, to a fraction of it at the end of the run:
    /// base (f + (1 - f) (1 + cos(pi progress)) / 2).
    Cosine {
        /// Steps before the full rate.
        #[serde(default)]
        warmup_steps: u64,
        /// f: the last rate over the base rate, from 0 to 1.
        #[serde(default)]
        final_fraction: f32,
    },
    /// An even fall from the base rate, after the warm-up, to 0 at the end of the run.
    Linear {
        /// Steps before the full rate.
        #[serde(default)]
        warmup_steps: u64,
    },
    /// A whole cosine wave every 2 · period steps, for as long as the run lasts: base (1 + cos(pi step / period)) / 2.
    ///
    /// PyTorch's `CosineAnnealingLR` follows it when stepped beyond its `T_max`, as some published programs do by
    /// stepping once a batch a schedule made for epochs. It is here to imitate them.
    Reference {
        /// Steps from the base rate to 0: at least 1.
        period: u64,
    },
}

impl Default for LearningRate {
    /// Constant, without warm-up.
    fn default() -> Self {
        Self::Constant { warmup_steps: 0 }
    }
}

impl LearningRate {
    /// Checks the schedule and the base rate it will be used with.
    ///
    /// # Errors
    /// A base rate that is not above 0 and finite, a `final_fraction` outside 0..=1, or a `period` of 0.
    pub fn validate(&self, base: f32) -> Result<(), OptimizerError> {
        require(base > 0.0 && base.is_finite(), "learning rate", "above 0 and finite", f64::from(base))?;
        match *self {
            Self::Constant { .. } | Self::Linear { .. } => Ok(()),
            Self::Cosine { final_fraction, .. } => {
                let holds = (0.0..=1.0).contains(&final_fraction);
                require(holds, "final_fraction", "from 0 to 1", f64::from(final_fraction))
            }
            Self::Reference { period } => require(period >= 1, "period", "at least 1", period as f64),
        }
    }

    /// The rate of step `step`, counted from 0, in a run of `total_steps`. Steps past the end use the last rate; `Reference` goes on.
    pub fn at(&self, step: u64, total_steps: u64, base: f32) -> f32 {
        let fraction = match *self {
            Self::Constant { warmup_steps } => warmup(step, warmup_steps).unwrap_or(1.0),
            Self::Cosine { warmup_steps, final_fraction } => {
                warmup(step, warmup_steps).unwrap_or_else(|| {
                    let lowest = f64::from(final_fraction);
                    let progress = progress(step - warmup_steps, total_steps.saturating_sub(warmup_steps));
                    lowest + (1.0 - lowest) * half_wave(progress)
                })
            }
            Self::Linear { warmup_steps } => warmup(step, warmup_steps).unwrap_or_else(|| {
                1.0 - progress(step - warmup_steps, total_steps.saturating_sub(warmup_steps))
            }),
            Self::Reference { period } => half_wave(step as f64 / period as f64),
        };
        (f64::from(base) * fraction) as f32
    }
}

/// The fraction of the base rate during the warm-up, or nothing after it.
fn warmup(step: u64, warmup_steps: u64) -> Option<f64> {
    (step < warmup_steps).then(|| (step as f64 + 1.0) / (warmup_steps as f64 + 1.0))
}

/// How far step `step` of `total` is, from 0 to 1; a run without steps is over.
fn progress(step: u64, total: u64) -> f64 {
    if step < total { step as f64 / total as f64 } else { 1.0 }
}

/// 1 at 0, falling to 0 at 1, rising to 1 at 2.
fn half_wave(x: f64) -> f64 {
    (1.0 + (PI * x).cos()) / 2.0
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;

    use super::*;

    const BASE: f32 = 0.001;

    fn rates(schedule: LearningRate, total: u64, count: u64) -> Vec<f32> {
        (0..count).map(|step| schedule.at(step, total, BASE)).collect()
    }

    #[test]
    fn constant_stays() {
        assert_eq!(rates(LearningRate::default(), 3, 5), [BASE; 5]);
    }

    #[test]
    fn warm_up_climbs_evenly_to_the_base_rate() {
        let expected = [0.25 * BASE, 0.5 * BASE, 0.75 * BASE, BASE];
        assert_relative_eq!(rates(LearningRate::Constant { warmup_steps: 3 }, 9, 4)[..], expected);
        let cosine = LearningRate::Cosine { warmup_steps: 3, final_fraction: 0.0 };
        assert_relative_eq!(rates(cosine, 9, 4)[..], expected);
    }

    #[test]
    fn cosine_falls_to_its_final_fraction_and_stays() {
        let cosine = LearningRate::Cosine { warmup_steps: 2, final_fraction: 0.2 };
        assert_eq!(cosine.at(2, 10, BASE), BASE);
        assert_relative_eq!(cosine.at(6, 10, BASE), 0.6 * BASE, max_relative = 1e-6);
        assert_relative_eq!(cosine.at(10, 10, BASE), 0.2 * BASE, max_relative = 1e-6);
        assert_eq!(cosine.at(u64::MAX, 10, BASE), cosine.at(10, 10, BASE));
        let all = rates(cosine, 10, 11);
        assert!(all[2..].is_sorted_by(|a, b| a > b), "{all:?}");
    }

    #[test]
    fn linear_falls_evenly_to_nothing() {
        let linear = LearningRate::Linear { warmup_steps: 1 };
        assert_relative_eq!(
            rates(linear, 5, 6)[..],
            [0.5, 1.0, 0.75, 0.5, 0.25, 0.0].map(|share| share * BASE)
        );
        assert_eq!(linear.at(u64::MAX, 5, BASE), 0.0);
    }

    #[test]
    fn a_run_shorter_than_its_warm_up_has_rates() {
        let cosine = LearningRate::Cosine { warmup_steps: 8, final_fraction: 0.0 };
        let all = rates(cosine, 4, 10);
        assert!(all[..8].is_sorted_by(|a, b| a < b), "{all:?}");
        assert_eq!(all[8..], [0.0, 0.0]);
    }

    /// The recursion that PyTorch runs, from the rate of the step before.
    #[test]
    fn reference_is_the_recursion_stepped_past_its_end() {
        let period = 7;
        let schedule = LearningRate::Reference { period };
        let (base, width) = (f64::from(BASE), period as f64);
        let mut rate = base;
        for step in 1..=60 {
            rate = if (step as i64 - 1 - period as i64) % (2 * period as i64) == 0 {
                rate + base * (1.0 - (PI / width).cos()) / 2.0
            } else {
                (1.0 + (PI * step as f64 / width).cos()) / (1.0 + (PI * (step - 1) as f64 / width).cos())
                    * rate
            };
            assert_relative_eq!(
                f64::from(schedule.at(step, 10, BASE)),
                rate,
                epsilon = 1e-11,
                max_relative = 1e-6
            );
        }
        assert_eq!(schedule.at(14, 10, BASE), BASE);
    }

    fn rejected(schedule: LearningRate, base: f32) -> &'static str {
        match schedule.validate(base) {
            Err(OptimizerError::Parameter { name, .. }) => name,
            other => panic!("{schedule:?} with {base} gave {other:?}"),
        }
    }

    #[test]
    fn base_rate_must_be_above_zero() {
        for base in [0.0, -0.1, f32::NAN, f32::INFINITY] {
            assert_eq!(rejected(LearningRate::default(), base), "learning rate");
        }
        assert_eq!(
            LearningRate::default().validate(f32::NAN).unwrap_err().to_string(),
            "learning rate: must be above 0 and finite; found NaN"
        );
    }

    #[test]
    fn final_fraction_must_be_a_fraction() {
        for final_fraction in [-0.1, 1.1, f32::NAN] {
            let schedule = LearningRate::Cosine { warmup_steps: 0, final_fraction };
            assert_eq!(rejected(schedule, BASE), "final_fraction");
        }
    }

    #[test]
    fn period_must_not_be_zero() {
        assert_eq!(rejected(LearningRate::Reference { period: 0 }, BASE), "period");
    }

    #[test]
    fn schedules_are_read_from_configuration() {
        let read = |text: &str| toml::from_str::<LearningRate>(text);
        assert_eq!(read("kind = 'constant'").unwrap(), LearningRate::default());
        assert_eq!(
            read("kind = 'cosine'\nwarmup_steps = 5").unwrap(),
            LearningRate::Cosine { warmup_steps: 5, final_fraction: 0.0 }
        );
        assert_eq!(read("kind = 'reference'\nperiod = 9").unwrap(), LearningRate::Reference { period: 9 });
        assert!(read("kind = 'reference'").is_err());
        assert!(read("kind = 'cosine'\nfinal = 0.5").is_err());
    }
}
