//! Noise levels between which the noise distribution has equal mass.

use std::f64::consts::FRAC_1_SQRT_2;

/// Mean and deviation of ln σ (Karras et al. 2022, Table 1).
const MEAN: f64 = -1.2;
const DEVIATION: f64 = 1.2;

/// ᾱ at the share `x` of the mass between the two ends, from the noisy one.
pub(super) fn alpha_bar(x: f64, ends: [f64; 2]) -> f64 {
    let [noisy, clean] = ends.map(|alpha_bar| {
        let sigma: f64 = ((1.0 - alpha_bar) / alpha_bar).sqrt();
        above((sigma.ln() - MEAN) / DEVIATION)
    });
    // The ends themselves need no root: what is above the noisy one is nearly nothing.
    match x {
        0.0 => ends[0],
        1.0 => ends[1],
        _ => {
            let sigma = (MEAN + DEVIATION * root(noisy + (clean - noisy) * x)).exp();
            1.0 / (1.0 + sigma * sigma)
        }
    }
}

/// Mass of the standard normal distribution above z.
fn above(z: f64) -> f64 {
    0.5 * libm::erfc(z * FRAC_1_SQRT_2)
}

/// The z above which the standard normal distribution has this mass, by bisection to the last bit.
fn root(mass: f64) -> f64 {
    let (mut low, mut high) = (-40.0, 40.0);
    loop {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            return middle;
        }
        if above(middle) > mass {
            low = middle;
        } else {
            high = middle;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{NoiseSchedule, ScheduleKind};

    #[test]
    fn roots_are_those_of_the_tables() {
        for (mass, z) in [(0.5, 0.0), (0.158_655_253_931_457, 1.0), (0.977_249_868_051_821, -2.0)] {
            approx::assert_abs_diff_eq!(root(mass), z, epsilon = 1e-12);
        }
    }

    /// The density of ln σ, integrated by Simpson's rule over each block's levels.
    #[test]
    fn every_block_has_the_same_mass() {
        let schedule = NoiseSchedule::new(ScheduleKind::EqualMass, 10).unwrap();
        let ln_sigma: Vec<f64> = schedule.alpha_bar().iter().map(|a| 0.5 * ((1.0 - a) / a).ln()).collect();
        let density = |x: f64| (-0.5 * ((x - MEAN) / DEVIATION).powi(2)).exp();
        let masses: Vec<f64> = ln_sigma
            .windows(2)
            .map(|ends| {
                let (steps, width) = (2000, (ends[0] - ends[1]) / 2000.0);
                let weight = |i: usize| {
                    if i == 0 || i == steps {
                        1.0
                    } else if i % 2 == 1 {
                        4.0
                    } else {
                        2.0
                    }
                };
                let sum: f64 = (0..=steps).map(|i| weight(i) * density(ends[1] + width * i as f64)).sum();
                sum * width / 3.0
            })
            .collect();
        for mass in &masses {
            approx::assert_relative_eq!(*mass, masses[0], max_relative = 1e-6);
        }
        let ends = schedule.alpha_bar();
        assert_eq!((ends[0], ends[10]), (1e-5, 0.999));
    }
}
