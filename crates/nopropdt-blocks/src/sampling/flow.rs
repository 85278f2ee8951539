//! Through time: a velocity field followed from t = 0 to t = 1.

use super::{Runner, Sampler, Value};

/// Where z ends that moves along dz/dt = `field(on, step, t, z)` from t = 0 to t = 1 in equal steps; `step` counts from 0, and is None
/// where Heun's rule looks ahead.
pub fn flow<'r, 'p>(
    sampler: Sampler,
    steps: usize,
    on: &mut Runner<'r, 'p>,
    mut z: Value,
    mut field: impl FnMut(&mut Runner<'r, 'p>, Option<usize>, f64, &Value) -> Value,
) -> Value {
    let width = 1.0 / steps as f64;
    for step in 0..steps {
        on.step(&z);
        let t = step as f64 * width;
        let mut velocity = field(on, Some(step), t, &z);
        if sampler == Sampler::Heun {
            let ahead = on.combine(&[(1.0, &z), (width as f32, &velocity)]);
            let again = field(on, None, t + width, &ahead);
            let both = on.combine(&[(1.0, &velocity), (1.0, &again)]);
            velocity = on.combine(&[(0.5, &both)]);
        }
        z = on.combine(&[(1.0, &z), (width as f32, &velocity)]);
    }
    on.step(&z);
    z
}

#[cfg(test)]
mod tests {
    use super::*;
    use nopropdt_tensor::Tensor;
    use nopropdt_tensor::random::Stream;

    /// dz/dt = z·t: z(1) = z(0)·exp(½).
    fn error(sampler: Sampler, steps: usize) -> f64 {
        let noise = |_| Stream::new(0);
        let mut on = Runner::numbers(1, 1, &noise);
        let start = Tensor::scalar(1.5).into();
        let end = flow(sampler, steps, &mut on, start, |on, _, t, z| on.combine(&[(t as f32, z)]));
        (f64::from(end.numbers().item()) - 1.5 * 0.5f64.exp()).abs()
    }

    #[test]
    fn euler_is_of_first_and_heun_of_second_order() {
        let ratio = |sampler| error(sampler, 10) / error(sampler, 20);
        assert!((1.7..2.3).contains(&ratio(Sampler::Euler)), "{}", ratio(Sampler::Euler));
        assert!((3.3..4.7).contains(&ratio(Sampler::Heun)), "{}", ratio(Sampler::Heun));
    }
}
