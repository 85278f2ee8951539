//! Along a noise schedule: Eq. 3, or the probability flow that has the same marginals.

use super::{Latent, Sampler};
use crate::schedule::posterior_between;
use nopropdt_tensor::Tensor;

/// What a denoiser makes of a latent: its logits [B, m] and û [B, d].
#[derive(Debug, Clone)]
pub struct Denoised {
    /// Class logits [B, m].
    pub logits: Tensor,
    /// û [B, d].
    pub estimate: Tensor,
}

/// Takes a latent through every level of `alpha_bar` = ᾱ_0 .. ᾱ_T. `denoiser(t, z)` is the estimate of step t = 1..=T, made
/// from a latent at level t − 1; `read(t, logits)` is told the logits met on the way.
///
/// # Panics
/// When there is no level.
pub fn denoise(
    sampler: Sampler,
    alpha_bar: &[f64],
    latent: &mut Latent<'_>,
    mut denoiser: impl FnMut(usize, &Tensor) -> Denoised,
    mut read: impl FnMut(usize, Tensor),
) {
    let steps = alpha_bar.len().checked_sub(1).expect("denoise: wants at least one level");
    for t in 1..=steps {
        let Denoised { logits, estimate } = denoiser(t, &latent.z);
        let levels = (alpha_bar[t - 1], alpha_bar[t]);
        match sampler {
            Sampler::Stochastic => latent.step(t, &posterior_between(levels.0, levels.1), &estimate),
            Sampler::Euler => {
                let noise = noise_in(levels.0, &latent.z, &estimate);
                latent.z = mix(levels.1, &estimate, &noise);
            }
            Sampler::Heun => {
                let noise = noise_in(levels.0, &latent.z, &estimate);
                let next = mix(levels.1, &estimate, &noise);
                // No denoiser takes a latent of the last level: the last step is Euler's.
                latent.z = if t == steps {
                    next
                } else {
                    let again = denoiser(t + 1, &next).estimate;
                    let after = noise_in(levels.1, &next, &again);
                    corrected(levels, &estimate, &noise, &after)
                };
            }
        }
        read(t, logits);
    }
}

/// The noise that is left in z if û is right: (z − sqrt(ᾱ)·û)/sqrt(1 − ᾱ).
fn noise_in(alpha_bar: f64, z: &Tensor, estimate: &Tensor) -> Tensor {
    let (signal, noise) = (alpha_bar.sqrt() as f32, 1.0 / (1.0 - alpha_bar).sqrt() as f32);
    combined(z, estimate, |z, u| (z - signal * u) * noise)
}

/// sqrt(ᾱ)·û + sqrt(1 − ᾱ)·ε: an Euler step of the probability flow in the variables z/sqrt(ᾱ) and sqrt((1 − ᾱ)/ᾱ), as in
/// Song et al. 2021 (DDIM).
fn mix(alpha_bar: f64, estimate: &Tensor, noise: &Tensor) -> Tensor {
    let (signal, deviation) = (alpha_bar.sqrt() as f32, (1.0 - alpha_bar).sqrt() as f32);
    combined(estimate, noise, |u, e| signal * u + deviation * e)
}

/// Heun's step in the same variables, as in Karras et al. 2022: with σ² = (1 − ᾱ)/ᾱ and y = z/sqrt(ᾱ), the slope dy/dσ is ε, and
/// y' = y + (σ' − σ)(ε + ε')/2 = û + σ'(ε + ε')/2 + σ(ε − ε')/2.
fn corrected(levels: (f64, f64), estimate: &Tensor, noise: &Tensor, after: &Tensor) -> Tensor {
    let sigma = |alpha_bar: f64| ((1.0 - alpha_bar) / alpha_bar).sqrt();
    let signal = levels.1.sqrt();
    let [before, now] = [sigma(levels.0), sigma(levels.1)].map(|sigma| (0.5 * signal * sigma) as f32);
    let noise = combined(noise, after, |e, f| now * (e + f) + before * (e - f));
    combined(estimate, &noise, |u, e| signal as f32 * u + e)
}

fn combined(a: &Tensor, b: &Tensor, value: impl Fn(f32, f32) -> f32) -> Tensor {
    let mut result = a.clone();
    result.data_mut().iter_mut().zip(b.data()).for_each(|(a, b)| *a = value(*a, *b));
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use nopropdt_tensor::random::Stream;

    /// Two classes at ±1 on a line, equally likely: the posterior mean at level ᾱ is tanh(sqrt(ᾱ)·z/(1 − ᾱ)).
    fn two_points(alpha_bar: &[f64]) -> impl FnMut(usize, &Tensor) -> Denoised {
        move |t, z| {
            let level = alpha_bar[t - 1];
            let mut estimate = z.clone();
            let slope = (level.sqrt() / (1.0 - level)) as f32;
            estimate.data_mut().iter_mut().for_each(|z| *z = (slope * *z).tanh());
            Denoised { logits: estimate.clone(), estimate }
        }
    }

    /// Levels in equal ratios of σ = sqrt((1 − ᾱ)/ᾱ), from 20 down to 0.03.
    fn levels(steps: usize) -> Vec<f64> {
        let sigma = |step: usize| 20.0 * (0.03f64 / 20.0).powf(step as f64 / steps as f64);
        (0..=steps).map(|step| 1.0 / (1.0 + sigma(step).powi(2))).collect()
    }

    fn ends(sampler: Sampler, steps: usize, rows: usize) -> Vec<f32> {
        let noise = |row| Stream::new(3).child(row as u64);
        let mut latent = Latent::new(rows, 1, &noise);
        let levels = levels(steps);
        let mut read = 0;
        denoise(sampler, &levels, &mut latent, two_points(&levels), |_, _| read += 1);
        assert_eq!(read, steps);
        latent.z.data().to_vec()
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
        for sampler in [Sampler::Euler, Sampler::Heun] {
            let mut latent = Latent::new(3, 2, &noise);
            let start = noise_in(levels[0], &latent.z, &target);
            let perfect =
                |_: usize, _: &Tensor| Denoised { logits: target.clone(), estimate: target.clone() };
            denoise(sampler, &levels, &mut latent, perfect, |_, _| ());
            let expected = mix(levels[10], &target, &start);
            for (found, expected) in latent.z.data().iter().zip(expected.data()) {
                assert!((found - expected).abs() < 1e-4, "{sampler}: {found} instead of {expected}");
            }
        }
    }
}
