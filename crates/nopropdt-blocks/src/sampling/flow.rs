//! Through time: a velocity field followed from t = 0 to t = 1.

use super::Sampler;
use nopropdt_tensor::Tensor;

/// Moves z along dz/dt = `field(step, t, z)` from t = 0 to t = 1 in equal steps; `step` counts from 0, and is None where Heun's
/// rule looks ahead.
pub fn flow(
    sampler: Sampler,
    steps: usize,
    z: &mut Tensor,
    mut field: impl FnMut(Option<usize>, f64, &Tensor) -> Tensor,
) {
    let width = 1.0 / steps as f64;
    for step in 0..steps {
        let t = step as f64 * width;
        let mut velocity = field(Some(step), t, z);
        if sampler == Sampler::Heun {
            let mut ahead = z.clone();
            add(&mut ahead, width, &velocity);
            let again = field(None, t + width, &ahead);
            velocity.data_mut().iter_mut().zip(again.data()).for_each(|(v, w)| *v = 0.5 * (*v + w));
        }
        add(z, width, &velocity);
    }
}

fn add(z: &mut Tensor, width: f64, velocity: &Tensor) {
    let width = width as f32;
    z.data_mut().iter_mut().zip(velocity.data()).for_each(|(z, v)| *z += width * v);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// dz/dt = z·t: z(1) = z(0)·exp(½).
    fn error(sampler: Sampler, steps: usize) -> f64 {
        let mut z = Tensor::scalar(1.5);
        flow(sampler, steps, &mut z, |_, t, z| {
            let mut v = z.clone();
            v.data_mut()[0] *= t as f32;
            v
        });
        (f64::from(z.item()) - 1.5 * 0.5f64.exp()).abs()
    }

    #[test]
    fn euler_is_of_first_and_heun_of_second_order() {
        let ratio = |sampler| error(sampler, 10) / error(sampler, 20);
        assert!((1.7..2.3).contains(&ratio(Sampler::Euler)), "{}", ratio(Sampler::Euler));
        assert!((3.3..4.7).contains(&ratio(Sampler::Heun)), "{}", ratio(Sampler::Heun));
    }
}
