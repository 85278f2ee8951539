//! Along a noise schedule: Eq. 3, or the probability flow that has the same marginals.

use super::{Runner, Sampler, Value};
use crate::schedule::{Posterior, posterior_between};

/// What a denoiser makes of a latent: its logits [B, m] and û [B, d].
#[derive(Debug, Clone)]
pub struct Denoised {
    /// Class logits [B, m].
    pub logits: Value,
    /// û [B, d].
    pub estimate: Value,
}

/// Takes a latent from z_0 through every level of `alpha_bar` = ᾱ_0 .. ᾱ_T to z_T. `denoiser(on, t, z)` is the estimate of step t = 1..=T, made
/// from a latent at level t − 1; `read(t, logits)` is told the logits met on the way.
///
/// # Panics
/// When there is no level.
pub fn denoise<'r, 'p>(
    sampler: Sampler,
    alpha_bar: &[f64],
    on: &mut Runner<'r, 'p>,
    mut denoiser: impl FnMut(&mut Runner<'r, 'p>, usize, &Value) -> Denoised,
    mut read: impl FnMut(usize, Value),
) -> Value {
    let steps = alpha_bar.len().checked_sub(1).expect("denoise: wants at least one level");
    let mut z = on.start();
    for t in 1..=steps {
        on.step(&z);
        let Denoised { logits, estimate } = denoiser(on, t, &z);
        let levels = (alpha_bar[t - 1], alpha_bar[t]);
        z = match sampler {
            Sampler::Stochastic => stochastic(on, t, &posterior_between(levels.0, levels.1), [&estimate, &z]),
            Sampler::Euler => {
                let noise = noise_in(on, levels.0, &z, &estimate);
                mix(on, levels.1, &estimate, &noise)
            }
            Sampler::Heun => {
                let noise = noise_in(on, levels.0, &z, &estimate);
                let next = mix(on, levels.1, &estimate, &noise);
                // No denoiser takes a latent of the last level: the last step is Euler's.
                if t == steps {
                    next
                } else {
                    let again = denoiser(on, t + 1, &next).estimate;
                    let after = noise_in(on, levels.1, &next, &again);
                    corrected(on, levels, &estimate, [&noise, &after])
                }
            }
        };
        read(t, logits);
    }
    on.step(&z);
    z
}

/// z_t = a·û + b·z_{t−1} + sqrt(c)·ε.
pub(crate) fn stochastic(
    on: &mut Runner<'_, '_>,
    t: usize,
    posterior: &Posterior,
    [estimate, z]: [&Value; 2],
) -> Value {
    let epsilon = on.noise(t);
    let (a, b) = (posterior.estimate as f32, posterior.latent as f32);
    on.combine(&[(a, estimate), (b, z), (posterior.variance.sqrt() as f32, &epsilon)])
}

/// The noise that is left in z if û is right: (z − sqrt(ᾱ)·û)/sqrt(1 − ᾱ).
fn noise_in(on: &mut Runner<'_, '_>, alpha_bar: f64, z: &Value, estimate: &Value) -> Value {
    let (signal, noise) = (alpha_bar.sqrt() as f32, 1.0 / (1.0 - alpha_bar).sqrt() as f32);
    let rest = on.combine(&[(1.0, z), (-signal, estimate)]);
    on.combine(&[(noise, &rest)])
}

/// sqrt(ᾱ)·û + sqrt(1 − ᾱ)·ε: an Euler step of the probability flow in the variables z/sqrt(ᾱ) and sqrt((1 − ᾱ)/ᾱ), as in
/// Song et al. 2021 (DDIM).
fn mix(on: &mut Runner<'_, '_>, alpha_bar: f64, estimate: &Value, noise: &Value) -> Value {
    let (signal, deviation) = (alpha_bar.sqrt() as f32, (1.0 - alpha_bar).sqrt() as f32);
    on.combine(&[(signal, estimate), (deviation, noise)])
}

/// Heun's step in the same variables, as in Karras et al. 2022: with σ² = (1 − ᾱ)/ᾱ and y = z/sqrt(ᾱ), the slope dy/dσ is ε, and
/// y' = y + (σ' − σ)(ε + ε')/2 = û + σ'(ε + ε')/2 + σ(ε − ε')/2.
fn corrected(
    on: &mut Runner<'_, '_>,
    levels: (f64, f64),
    estimate: &Value,
    [noise, after]: [&Value; 2],
) -> Value {
    let sigma = |alpha_bar: f64| ((1.0 - alpha_bar) / alpha_bar).sqrt();
    let signal = levels.1.sqrt();
    let [before, now] = [sigma(levels.0), sigma(levels.1)].map(|sigma| (0.5 * signal * sigma) as f32);
    let both = on.combine(&[(1.0, noise), (1.0, after)]);
    let change = on.combine(&[(1.0, noise), (-1.0, after)]);
    let noise = on.combine(&[(now, &both), (before, &change)]);
    on.combine(&[(signal as f32, estimate), (1.0, &noise)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use nopropdt_tensor::Tensor;
    use nopropdt_tensor::random::Stream;

    /// Two classes at ±1 on a line, equally likely: the posterior mean at level ᾱ is tanh(sqrt(ᾱ)·z/(1 − ᾱ)).
    fn two_points(alpha_bar: &[f64]) -> impl Fn(&mut Runner<'_, '_>, usize, &Value) -> Denoised {
        move |_, t, z| {
            let level = alpha_bar[t - 1];
            let mut estimate = z.numbers().clone();
            let slope = (level.sqrt() / (1.0 - level)) as f32;
            estimate.data_mut().iter_mut().for_each(|z| *z = (slope * *z).tanh());
            Denoised { logits: estimate.clone().into(), estimate: estimate.into() }
        }
    }

    /// Levels in equal ratios of σ = sqrt((1 − ᾱ)/ᾱ), from 20 down to 0.03.
    fn levels(steps: usize) -> Vec<f64> {
        let sigma = |step: usize| 20.0 * (0.03f64 / 20.0).powf(step as f64 / steps as f64);
        (0..=steps).map(|step| 1.0 / (1.0 + sigma(step).powi(2))).collect()
    }

    fn ends(sampler: Sampler, steps: usize, rows: usize) -> Vec<f32> {
        let noise = |row| Stream::new(3).child(row as u64);
        let mut on = Runner::numbers(rows, 1, &noise);
        let levels = levels(steps);
        let mut read = 0;
        let end = denoise(sampler, &levels, &mut on, two_points(&levels), |_, _| read += 1);
        assert_eq!(read, steps);
        end.numbers().data().to_vec()
    }

    /// Whatever the rule, half of the draws end at each class, and near it.
    #[test]
    fn every_sampler_ends_at_the_classes_in_equal_shares() {
        for sampler in [Sampler::Stochastic, Sampler::Euler, Sampler::Heun] {
            let ends = ends(sampler, 50, 2000);
            let up = ends.iter().filter(|&&z| z > 0.0).count();
            assert!((900..1100).contains(&up), "{sampler}: {up} of 2000");
            let near = ends.iter().filter(|z| (z.abs() - 1.0).abs() < 0.15).count();
            assert!(near > 1950, "{sampler}: {near} of 2000");
        }
    }

    /// The rules without noise follow one curve, each with the order it is known for.
    #[test]
    fn euler_is_of_first_and_heun_of_second_order() {
        let fine = ends(Sampler::Heun, 1000, 200);
        let error = |sampler, steps| {
            let coarse = ends(sampler, steps, 200);
            coarse.iter().zip(&fine).map(|(a, b)| f64::from((a - b).abs())).sum::<f64>() / 200.0
        };
        let ratio = |sampler| error(sampler, 30) / error(sampler, 60);
        let (euler, heun) = (ratio(Sampler::Euler), ratio(Sampler::Heun));
        assert!((1.6..2.4).contains(&euler) && heun > 3.2, "Euler {euler}, Heun {heun}");
        assert!(error(Sampler::Heun, 30) < 0.2 * error(Sampler::Euler, 30));
    }

    #[test]
    fn with_a_perfect_estimate_every_step_keeps_the_noise_it_started_with() {
        let noise = |row| Stream::new(4).child(row as u64);
        let levels = levels(10);
        let target = Tensor::filled_by(&[3, 2], |data| data.copy_from_slice(&[1., 0., 0., 1., -1., 2.]));
        let target = Value::from(target);
        for sampler in [Sampler::Euler, Sampler::Heun] {
            let mut on = Runner::numbers(3, 2, &noise);
            let z = on.start();
            let start = noise_in(&mut on, levels[0], &z, &target);
            let perfect = |_: &mut Runner<'_, '_>, _: usize, _: &Value| Denoised {
                logits: target.clone(),
                estimate: target.clone(),
            };
            let end = denoise(sampler, &levels, &mut on, perfect, |_, _| ());
            let expected = mix(&mut on, levels[10], &target, &start);
            for (found, expected) in end.numbers().data().iter().zip(expected.numbers().data()) {
                assert!((found - expected).abs() < 1e-4, "{sampler}: {found} instead of {expected}");
            }
        }
    }
}
