//! Noise schedules: how much of the answer is left in z_t.

mod equal_mass;

use crate::error::BlocksError;
use serde::{Deserialize, Serialize};
use std::f64::consts::FRAC_PI_2;

/// ᾱ is kept inside this range, so that neither SNR nor a variance vanishes.
const ALPHA_BAR_MIN: f64 = 1e-5;
const ALPHA_BAR_MAX: f64 = 0.999;

/// What the schedule `late` would reach at its end, if it did not jump.
const LATE: f64 = 0.3;

/// Most steps a schedule is made for.
const MOST_STEPS: usize = 10_000;

/// The named schedules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ScheduleKind {
    /// ᾱ_t = g(1 − t/T)/g(0), g(s) = cos²((s + 0.008)/1.008 · π/2): the paper's.
    Cosine,
    /// ᾱ_t = t/T.
    Linear,
    /// ᾱ_t = (σ(6t/T − 3) − σ(−3)) / (σ(3) − σ(−3)).
    Sigmoid,
    /// Every block gets an equal share of the mass of a noise distribution, ln σ ~ N(−1.2, 1.2²), ᾱ = 1/(1 + σ²): DiffusionBlocks,
    /// arXiv 2506.14202, with the distribution of Karras et al. 2022. More blocks go where denoising is hard.
    EqualMass,
    /// ᾱ_t = 0.3·t/T, and 1 for t = T: blocks are told little of the label, so each has to learn it from the input; the last step takes the
    /// latent to the last block's estimate.
    Late,
    /// ᾱ_t = Π_{s ≤ t} cos²(s/T · π/2), *falling* with t: the reference repository's, kept for comparison.
    Reference,
    /// ᾱ(t) trained with the network: NoProp-CT's, of no fixed steps.
    Learned,
}

impl std::fmt::Display for ScheduleKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl ScheduleKind {
    /// The name that flags and files use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cosine => "cosine",
            Self::Linear => "linear",
            Self::Sigmoid => "sigmoid",
            Self::EqualMass => "equal-mass",
            Self::Late => "late",
            Self::Reference => "reference",
            Self::Learned => "learned",
        }
    }

    /// ᾱ_t of `steps` steps; None for a schedule that is learned.
    fn alpha_bar(self, t: usize, steps: usize) -> Option<f64> {
        let x = t as f64 / steps as f64;
        let sigmoid = |v: f64| 1.0 / (1.0 + (-v).exp());
        let rising = match self {
            Self::Cosine => {
                let g = |s: f64| ((s + 0.008) / 1.008 * FRAC_PI_2).cos().powi(2);
                g(1.0 - x) / g(0.0)
            }
            Self::Linear => x,
            Self::Sigmoid => (sigmoid(6.0 * x - 3.0) - sigmoid(-3.0)) / (sigmoid(3.0) - sigmoid(-3.0)),
            Self::EqualMass => equal_mass::alpha_bar(x, [ALPHA_BAR_MIN, ALPHA_BAR_MAX]),
            Self::Late => {
                if t == steps {
                    1.0
                } else {
                    LATE * x
                }
            }
            // SNR(0) = 0 is the repository's convention for its first difference.
            Self::Reference if t == 0 => return Some(0.0),
            Self::Learned => return None,
            Self::Reference => {
                return Some((1..=t).map(|s| (s as f64 / steps as f64 * FRAC_PI_2).cos().powi(2)).product());
            }
        };
        Some(rising.clamp(ALPHA_BAR_MIN, ALPHA_BAR_MAX))
    }
}

/// Coefficients of one denoising step: z_t = a·û + b·z_{t−1} + sqrt(c)·ε (paper Eq. 3).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Posterior {
    /// a_t = sqrt(ᾱ_t)(1 − α_{t−1})/(1 − ᾱ_{t−1}), weight of the estimate.
    pub estimate: f64,
    /// b_t = sqrt(α_{t−1})(1 − ᾱ_t)/(1 − ᾱ_{t−1}), weight of the latent.
    pub latent: f64,
    /// c_t = (1 − ᾱ_t)(1 − α_{t−1})/(1 − ᾱ_{t−1}), variance of the fresh noise.
    pub variance: f64,
}

/// ᾱ_0 .. ᾱ_T and what follows from them.
#[derive(Debug, Clone, PartialEq)]
pub struct NoiseSchedule {
    alpha_bar: Vec<f64>,
}

impl NoiseSchedule {
    /// The schedule with these levels: ᾱ_0, next to pure noise, to ᾱ_T, next to the answer.
    ///
    /// # Errors
    /// When there are fewer than two levels or more than 10,001, one is not above 0 and below 1, or one is not above the level before.
    pub fn from_levels(alpha_bar: impl Into<Vec<f64>>) -> Result<Self, BlocksError> {
        let alpha_bar = alpha_bar.into();
        BlocksError::check_size("noise schedule: levels", 2, MOST_STEPS + 1, alpha_bar.len())?;
        let is_level = |t: usize| {
            let before = if t == 0 { 0.0 } else { alpha_bar[t - 1] };
            alpha_bar[t] > before && alpha_bar[t] < 1.0
        };
        match (0..alpha_bar.len()).find(|&t| !is_level(t)) {
            Some(t) => Err(BlocksError::Level { t, found: alpha_bar[t] }),
            None => Ok(Self { alpha_bar }),
        }
    }

    /// The schedule called `kind` of `steps` = T steps.
    ///
    /// # Errors
    /// When the schedule is learned, or `steps` is 0 or beyond 10,000, or so large that two neighbouring levels of a rising schedule are clipped to one.
    pub fn new(kind: ScheduleKind, steps: usize) -> Result<Self, BlocksError> {
        BlocksError::check_size("steps", 1, MOST_STEPS, steps)?;
        let alpha_bar: Option<Vec<f64>> = (0..=steps).map(|t| kind.alpha_bar(t, steps)).collect();
        let alpha_bar = alpha_bar.ok_or(BlocksError::LearnedSchedule)?;
        let rises = kind != ScheduleKind::Reference;
        match alpha_bar.windows(2).position(|pair| rises && pair[0] >= pair[1]) {
            Some(t) => Err(BlocksError::EqualLevels { schedule: kind, steps, t }),
            None => Ok(Self { alpha_bar }),
        }
    }

    /// Whether each level is above the one before, as the paper's chain wants it.
    pub fn rises(&self) -> bool {
        self.alpha_bar.windows(2).all(|pair| pair[0] < pair[1])
    }

    /// T, the number of denoising steps.
    pub fn steps(&self) -> usize {
        self.alpha_bar.len() - 1
    }

    /// ᾱ_0 .. ᾱ_T, T + 1 values.
    pub fn alpha_bar(&self) -> &[f64] {
        &self.alpha_bar
    }

    /// SNR(t) = ᾱ_t/(1 − ᾱ_t), t = 0..=T.
    pub fn snr(&self, t: usize) -> f64 {
        self.alpha_bar[t] / (1.0 - self.alpha_bar[t])
    }

    /// SNR(t) − SNR(t−1), t = 1..=T: what block t's squared error is weighted by (paper Eq. 8).
    pub fn snr_weight(&self, t: usize) -> f64 {
        self.snr(t) - self.snr(t - 1)
    }

    /// The coefficients of step t = 1..=T.
    pub fn posterior(&self, t: usize) -> Posterior {
        posterior_between(self.alpha_bar[t - 1], self.alpha_bar[t])
    }

    /// (sqrt(ᾱ_t), sqrt(1 − ᾱ_t)): z_t = signal·u_y + noise·ε.
    pub fn noising(&self, t: usize) -> (f64, f64) {
        (self.alpha_bar[t].sqrt(), (1.0 - self.alpha_bar[t]).sqrt())
    }
}

/// The coefficients of a step from level ᾱ_{t−1} to ᾱ_t.
pub(crate) fn posterior_between(previous: f64, current: f64) -> Posterior {
    let alpha = previous / current;
    let share = (1.0 - alpha) / (1.0 - previous);
    Posterior {
        estimate: current.sqrt() * share,
        latent: alpha.sqrt() * (1.0 - current) / (1.0 - previous),
        variance: (1.0 - current) * share,
    }
}

/// ½(−ᾱ − ln(1 − ᾱ)): KL(N(0, 1 − ᾱ) ‖ N(0, 1)), what the divergence of a noised value holds beside ½·ᾱ·u². `noise` is 1 − ᾱ, which the
/// caller may know better than the difference does.
pub(crate) fn divergence_of_spread(alpha_bar: f64, noise: f64) -> f64 {
    if alpha_bar >= SMALL {
        return -0.5 * (alpha_bar + noise.ln());
    }
    // The sum would cancel: ½ Σ_{k ≥ 2} ᾱ^k/k, whose ninth term is below the last digit.
    let terms = (2..=8).rev().fold(0.0, |sum, k| alpha_bar * sum + 1.0 / f64::from(k));
    0.5 * alpha_bar * alpha_bar * terms
}

/// Below it a series of a few terms is exact.
const SMALL: f64 = 0.01;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden::Golden;
    use approx::{assert_abs_diff_eq, assert_relative_eq};
    use proptest::prelude::*;

    #[test]
    fn cosine_has_the_values_of_its_formula_for_ten_steps() {
        let schedule = NoiseSchedule::new(ScheduleKind::Cosine, 10).unwrap();
        let expected = [
            0.00001, 0.02409, 0.09405, 0.20312, 0.34081, 0.49384, 0.64748, 0.78691, 0.89871, 0.97209, 0.99900,
        ];
        for (found, expected) in schedule.alpha_bar().iter().zip(expected) {
            assert_abs_diff_eq!(*found, expected, epsilon = 5e-6);
        }
    }

    #[test]
    fn the_reference_schedule_falls() {
        let schedule = NoiseSchedule::new(ScheduleKind::Reference, 10).unwrap();
        assert!(schedule.alpha_bar()[1..].windows(2).all(|pair| pair[1] < pair[0]));
        let rewarded = (1..=10).filter(|&t| schedule.snr_weight(t) < 0.0).count();
        assert_eq!(rewarded, 9, "nine of ten blocks are rewarded for a larger error");
    }

    /// From the series to the last digit, from the logarithm where there is nothing to cancel.
    #[test]
    fn the_divergence_of_spread_does_not_cancel() {
        let series = |a: f64| 0.5 * (2..200).rev().map(|k| a.powi(k) / f64::from(k)).sum::<f64>();
        for alpha_bar in [1e-12, 1e-5, 0.003, 0.009_99, 0.01, 0.02, 0.3] {
            let found = divergence_of_spread(alpha_bar, 1.0 - alpha_bar);
            assert_relative_eq!(found, series(alpha_bar), max_relative = 1e-12);
        }
        let ln = -0.5 * (0.999 + 0.001f64.ln());
        assert_relative_eq!(divergence_of_spread(0.999, 0.001), ln, max_relative = 1e-14);
        // 1 − ᾱ that is lost in ᾱ itself.
        assert_relative_eq!(divergence_of_spread(1.0, 1e-30), -0.5 * (1.0 + 1e-30f64.ln()));
    }

    #[test]
    fn levels_of_ones_own_make_a_schedule() {
        let named = NoiseSchedule::new(ScheduleKind::Cosine, 10).unwrap();
        assert_eq!(NoiseSchedule::from_levels(named.alpha_bar()).unwrap(), named);
        let schedule = NoiseSchedule::from_levels([0.1, 0.5, 0.8]).unwrap();
        assert_eq!(schedule.steps(), 2);
        assert_relative_eq!(schedule.snr_weight(1), 1.0 - 1.0 / 9.0, max_relative = 1e-15);
    }

    #[test]
    fn levels_that_make_no_schedule_are_named() {
        let refusal = |levels: &[f64]| NoiseSchedule::from_levels(levels).unwrap_err().to_string();
        assert_eq!(refusal(&[0.5]), "noise schedule: levels: must be from 2 to 10001; found 1");
        let rule =
            "noise schedule: each level must be above the one before, all above 0 and below 1; alpha_bar of";
        for (levels, t) in
            [([0.0, 0.5, 0.9], 0), ([0.5, 0.5, 0.9], 1), ([0.1, 0.5, 1.0], 2), ([0.1, f64::NAN, 0.9], 1)]
        {
            assert_eq!(refusal(&levels), format!("{rule} {t} is {}", levels[t]));
        }
    }

    #[test]
    fn no_steps_is_refused() {
        let error = NoiseSchedule::new(ScheduleKind::Cosine, 0).unwrap_err();
        assert_eq!(error.to_string(), "steps: must be from 1 to 10000; found 0");
    }

    /// ᾱ, SNR, its differences and the sampler's coefficients, in double precision on both sides.
    #[test]
    fn every_schedule_is_pytorchs() {
        let mut golden = Golden::open("schedules.safetensors");
        for (name, kind) in [
            ("cosine", ScheduleKind::Cosine),
            ("linear", ScheduleKind::Linear),
            ("sigmoid", ScheduleKind::Sigmoid),
            ("reference", ScheduleKind::Reference),
        ] {
            for steps in [1, 4, 10, 20] {
                let schedule = NoiseSchedule::new(kind, steps).unwrap();
                let mut check = |key: &str, found: Vec<f64>| {
                    let expected = golden.take(&format!("{name}.{steps}.{key}")).values;
                    assert_eq!(found.len(), expected.len(), "{name}.{steps}.{key}");
                    for (found, expected) in found.into_iter().zip(expected) {
                        assert_relative_eq!(found, expected, epsilon = 1e-15, max_relative = 1e-11);
                    }
                };
                if kind == ScheduleKind::Reference {
                    // The falling schedule starts at t = 1 and has no sampler.
                    check("alpha_bar", schedule.alpha_bar()[1..].to_vec());
                    continue;
                }
                let each = |value: &dyn Fn(usize) -> f64| (1..=steps).map(value).collect();
                check("alpha_bar", schedule.alpha_bar().to_vec());
                check("snr", each(&|t| schedule.snr(t)));
                check("snr_difference", each(&|t| schedule.snr_weight(t)));
                check("a", each(&|t| schedule.posterior(t).estimate));
                check("b", each(&|t| schedule.posterior(t).latent));
                check("c", each(&|t| schedule.posterior(t).variance));
            }
        }
    }

    #[test]
    fn levels_clipped_to_one_are_refused() {
        let steps = |kind| (1..).find(|&steps| NoiseSchedule::new(kind, steps).is_err()).unwrap();
        assert_eq!(steps(ScheduleKind::Cosine), 73);
        assert_eq!(steps(ScheduleKind::Sigmoid), 303);
        assert_eq!(steps(ScheduleKind::Linear), 1000);
        let error = NoiseSchedule::new(ScheduleKind::Cosine, 73).unwrap_err().to_string();
        let expected = "steps: schedule cosine must keep its noise levels apart; with 73 steps alpha_bar of 72 and 73 are equal";
        assert_eq!(error, expected);
    }

    proptest! {
        #[test]
        fn alpha_bar_rises_and_the_chain_keeps_the_marginals(
            kind in prop_oneof![
                Just(ScheduleKind::Cosine), Just(ScheduleKind::Linear), Just(ScheduleKind::Sigmoid),
                Just(ScheduleKind::EqualMass),
            ],
            steps in 1usize..73,
        ) {
            let schedule = NoiseSchedule::new(kind, steps).unwrap();
            for t in 1..=steps {
                prop_assert!(schedule.alpha_bar()[t] > schedule.alpha_bar()[t - 1]);
                // With û = u: mean a + b·sqrt(ᾱ_{t−1}) = sqrt(ᾱ_t); variance b²(1 − ᾱ_{t−1}) + c = 1 − ᾱ_t.
                let posterior = schedule.posterior(t);
                let ((signal, noise), (signal_t, noise_t)) = (schedule.noising(t - 1), schedule.noising(t));
                prop_assert!((posterior.estimate + posterior.latent * signal - signal_t).abs() < 1e-12);
                let variance = posterior.latent.powi(2) * noise.powi(2) + posterior.variance;
                prop_assert!((variance - noise_t.powi(2)).abs() < 1e-12);
                prop_assert!(posterior.variance >= 0.0);
            }
        }
    }
}
