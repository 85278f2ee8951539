//! Batch normalisation over the rows of a matrix: plain loops over features, compiled for each instruction set.

use crate::portable::Portable;
use crate::simd::{Operation, Simd};

/// Mean and biased variance of each column of x [rows, features], summed in f64 in row order.
///
/// # Panics
/// When x does not consist of rows.
pub fn moments(kernels: &dyn BatchNorms, x: &[f32], features: usize) -> (Vec<f32>, Vec<f32>) {
    assert!(features > 0 && x.len().is_multiple_of(features), "batch_norm: x wants rows of {features}");
    kernels.moments(x, features)
}

/// What x is shifted and scaled by, per feature.
#[derive(Debug, Clone, Copy)]
pub struct Standard<'a> {
    /// μ
    pub mean: &'a [f32],
    /// 1/σ
    pub inverse_std: &'a [f32],
    /// γ
    pub scale: &'a [f32],
}

impl Standard<'_> {
    /// Overwrites x [rows, features] with γ·(x − μ)/σ + β.
    ///
    /// # Panics
    /// When lengths do not fit.
    pub fn normalise(&self, kernels: &dyn BatchNorms, shift: &[f32], x: &mut [f32]) {
        self.check(shift.len(), x.len());
        kernels.normalise(self, shift, x);
    }

    /// With x̂ = (x − μ)/σ over a batch of n: dβ = Σ dy, dγ = Σ dy·x̂, and, if it is wanted,
    /// dx += γ/σ · (dy − share·(dβ + x̂·dγ)), where share is 1/n, or 0 when μ and σ do not depend on x. Answers (dγ, dβ).
    ///
    /// # Panics
    /// When lengths do not fit.
    pub fn gradients(
        &self,
        kernels: &dyn BatchNorms,
        share: f32,
        [x, dy]: [&[f32]; 2],
        dx: Option<&mut [f32]>,
    ) -> (Vec<f32>, Vec<f32>) {
        self.check(self.mean.len(), x.len());
        let wanted = dx.as_ref().map_or(x.len(), |dx| dx.len());
        assert!(dy.len() == x.len() && wanted == x.len(), "batch_norm: gradients want the length of x");
        kernels.gradients(self, share, [x, dy], dx)
    }

    fn check(&self, shift: usize, x: usize) {
        let features = self.mean.len();
        let fits = [self.inverse_std.len(), self.scale.len(), shift].iter().all(|&length| length == features);
        assert!(features > 0 && fits && x.is_multiple_of(features), "batch_norm: wants rows of {features}");
    }
}

/// What an instruction set brings to batch norm; lengths fit.
pub trait BatchNorms {
    /// See [`moments`].
    fn moments(&self, x: &[f32], features: usize) -> (Vec<f32>, Vec<f32>);

    /// See [`Standard::normalise`].
    fn normalise(&self, standard: &Standard<'_>, shift: &[f32], x: &mut [f32]);

    /// See [`Standard::gradients`].
    fn gradients(
        &self,
        standard: &Standard<'_>,
        share: f32,
        x_dy: [&[f32]; 2],
        dx: Option<&mut [f32]>,
    ) -> (Vec<f32>, Vec<f32>);
}

impl BatchNorms for Portable {
    fn moments(&self, x: &[f32], features: usize) -> (Vec<f32>, Vec<f32>) {
        Moments { x, features }.compute()
    }

    fn normalise(&self, standard: &Standard<'_>, shift: &[f32], x: &mut [f32]) {
        Normalise { standard, shift, x }.compute();
    }

    fn gradients(
        &self,
        standard: &Standard<'_>,
        share: f32,
        x_dy: [&[f32]; 2],
        dx: Option<&mut [f32]>,
    ) -> (Vec<f32>, Vec<f32>) {
        Gradients { standard, share, x_dy, dx }.compute()
    }
}

impl<S: Simd> BatchNorms for S {
    fn moments(&self, x: &[f32], features: usize) -> (Vec<f32>, Vec<f32>) {
        self.vectorize(Compiled(Moments { x, features }))
    }

    fn normalise(&self, standard: &Standard<'_>, shift: &[f32], x: &mut [f32]) {
        self.vectorize(Compiled(Normalise { standard, shift, x }));
    }

    fn gradients(
        &self,
        standard: &Standard<'_>,
        share: f32,
        x_dy: [&[f32]; 2],
        dx: Option<&mut [f32]>,
    ) -> (Vec<f32>, Vec<f32>) {
        self.vectorize(Compiled(Gradients { standard, share, x_dy, dx }))
    }
}

/// Loops that an instruction set need only be the target of.
trait Loops {
    type Output;

    /// Runs them. To be marked `#[inline(always)]`.
    fn compute(self) -> Self::Output;
}

/// Loops as work to be compiled for several instruction sets.
struct Compiled<L>(L);

impl<L: Loops> Operation for Compiled<L> {
    type Output = L::Output;

    #[inline(always)]
    fn run<S: Simd>(self, _: S) -> L::Output {
        self.0.compute()
    }
}

struct Moments<'a> {
    x: &'a [f32],
    features: usize,
}

impl Loops for Moments<'_> {
    type Output = (Vec<f32>, Vec<f32>);

    #[inline(always)]
    fn compute(self) -> (Vec<f32>, Vec<f32>) {
        let Self { x, features } = self;
        let rows = (x.len() / features) as f64;
        let mut mean = vec![0.0f64; features];
        for row in x.chunks_exact(features) {
            for (sum, &value) in mean.iter_mut().zip(row) {
                *sum += f64::from(value);
            }
        }
        for sum in &mut mean {
            *sum /= rows;
        }
        let mut variance = vec![0.0f64; features];
        for row in x.chunks_exact(features) {
            for ((sum, &value), &mean) in variance.iter_mut().zip(row).zip(&mean) {
                let difference = f64::from(value) - mean;
                *sum += difference * difference;
            }
        }
        (
            mean.iter().map(|&mean| mean as f32).collect(),
            variance.iter().map(|&sum| (sum / rows) as f32).collect(),
        )
    }
}

struct Normalise<'a> {
    standard: &'a Standard<'a>,
    shift: &'a [f32],
    x: &'a mut [f32],
}

impl Loops for Normalise<'_> {
    type Output = ();

    #[inline(always)]
    fn compute(self) {
        let Standard { mean, inverse_std, scale } = *self.standard;
        for row in self.x.chunks_exact_mut(mean.len()) {
            let features = row.iter_mut().zip(mean).zip(inverse_std).zip(scale.iter().zip(self.shift));
            for (((value, mean), inverse_std), (scale, shift)) in features {
                *value = (*value - mean) * inverse_std * scale + shift;
            }
        }
    }
}

struct Gradients<'a> {
    standard: &'a Standard<'a>,
    share: f32,
    x_dy: [&'a [f32]; 2],
    dx: Option<&'a mut [f32]>,
}

impl Loops for Gradients<'_> {
    type Output = (Vec<f32>, Vec<f32>);

    #[inline(always)]
    fn compute(self) -> (Vec<f32>, Vec<f32>) {
        let Self { standard: &Standard { mean, inverse_std, scale }, share, x_dy: [x, dy], dx } = self;
        let features = mean.len();
        let (mut of_scale, mut of_shift) = (vec![0.0; features], vec![0.0; features]);
        for (x, dy) in x.chunks_exact(features).zip(dy.chunks_exact(features)) {
            let sums = of_scale.iter_mut().zip(&mut of_shift);
            for (((of_scale, of_shift), (x, dy)), (mean, inverse_std)) in
                sums.zip(x.iter().zip(dy)).zip(mean.iter().zip(inverse_std))
            {
                *of_scale += dy * ((x - mean) * inverse_std);
                *of_shift += dy;
            }
        }
        let rows = x.chunks_exact(features).zip(dy.chunks_exact(features));
        for (dx, (x, dy)) in dx.into_iter().flat_map(|dx| dx.chunks_exact_mut(features)).zip(rows) {
            let sums = of_scale.iter().zip(&of_shift).zip(scale);
            for (((dx, (x, dy)), (mean, inverse_std)), ((of_scale, of_shift), scale)) in
                dx.iter_mut().zip(x.iter().zip(dy)).zip(mean.iter().zip(inverse_std)).zip(sums)
            {
                let normalised = (x - mean) * inverse_std;
                *dx += scale * inverse_std * (dy - share * (of_shift + normalised * of_scale));
            }
        }
        (of_scale, of_shift)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dispatch::available;
    use crate::random::Stream;
    use proptest::prelude::*;

    fn normal(length: usize, tag: u64) -> Vec<f32> {
        let mut values = vec![0.0; length];
        Stream::new(3).child(tag).fill_normal(&mut values);
        values
    }

    proptest! {
        /// The same loops on other vectors: the same bits.
        #[test]
        fn instruction_sets_agree_to_the_bit(rows in 1usize..40, features in 1usize..70, of_batch in any::<bool>()) {
            let (x, dy, scale, shift) =
                (normal(rows * features, 1), normal(rows * features, 2), normal(features, 3), normal(features, 4));
            let all = available().map(|kernels| {
                let (mean, variance) = moments(kernels, &x, features);
                let inverse_std: Vec<f32> = variance.iter().map(|v| 1.0 / (v + 1e-5).sqrt()).collect();
                let standard = Standard { mean: &mean, inverse_std: &inverse_std, scale: &scale };
                let (mut y, mut dx) = (x.clone(), dy.clone());
                standard.normalise(kernels, &shift, &mut y);
                let share = if of_batch { 1.0 / rows as f32 } else { 0.0 };
                let sums = standard.gradients(kernels, share, [&x, &dy], Some(&mut dx));
                prop_assert_eq!(&standard.gradients(kernels, share, [&x, &dy], None), &sums);
                Ok((kernels.isa(), (mean, variance, y, dx, sums)))
            });
            let all = all.collect::<Result<Vec<_>, TestCaseError>>()?;
            for (isa, found) in &all {
                prop_assert_eq!(found, &all[0].1, "{}", isa);
            }
        }
    }

    #[test]
    fn moments_are_those_of_the_columns() {
        let (mean, variance) = moments(crate::dispatch::active(), &[1.0, 10.0, 3.0, 10.0], 2);
        assert_eq!((mean, variance), (vec![2.0, 10.0], vec![1.0, 0.0]));
    }
}
