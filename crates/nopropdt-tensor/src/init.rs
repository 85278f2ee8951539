//! Starting values of parameters.

use std::f64::consts::SQRT_2;

use ndarray::{Array1, Array2, ArrayView1};
use ndarray_rand::{
    rand::RngCore,
    rand_distr::{Distribution, StandardNormal, Uniform},
};
use serde::{Deserialize, Serialize};

use crate::random::{Stream, StreamRng};
use nopropdt_kernels::sizes::product;

/// A rule for the starting values of one parameter.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Initializer {
    /// All 0.
    Zeros,
    /// All 1.
    Ones,
    /// All `value`.
    Constant {
        /// The number to repeat.
        value: f32,
    },
    /// Uniform over [-bound, bound].
    Uniform {
        /// The largest magnitude: at least 0 and finite.
        bound: f32,
    },
    /// Normal with mean 0.
    Normal {
        /// The standard deviation: at least 0 and finite.
        std: f32,
    },
    /// Uniform over ±gain · sqrt(3 / fan_in), with gain = sqrt(2 / (1 + negative_slope²)).
    ///
    /// # Source
    /// He et al., "Delving deep into rectifiers", 2015.
    KaimingUniform {
        /// The slope below 0 of the leaky ReLU that follows: 0 for a ReLU.
        negative_slope: f32,
    },
    /// Normal with standard deviation gain / sqrt(fan_in), with the gain of `KaimingUniform`.
    KaimingNormal {
        /// The slope below 0 of the leaky ReLU that follows: 0 for a ReLU.
        negative_slope: f32,
    },
    /// Orthonormal rows, or columns when there are more rows than columns, uniform over all such matrices (Haar).
    /// Axes after the first count as one: [rows, a, b] is [rows, a · b].
    Orthogonal,
}

/// A parameter of an [`Initializer`] that breaks its rule.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("initializer {name}: must be {rule}; found {found}")]
pub struct InitializerError {
    /// The parameter's name.
    pub name: &'static str,
    /// What must hold.
    pub rule: &'static str,
    /// The value given.
    pub found: f32,
}

impl Initializer {
    /// What PyTorch's linear layers and convolutions start from, weights and biases alike: uniform over
    /// ±1 / sqrt(fan_in), which it spells as a Kaiming rule with slope sqrt(5).
    pub const PYTORCH_DEFAULT: Self = Self::KaimingUniform { negative_slope: 2.236_068 };

    /// Checks the rule's own parameters.
    ///
    /// # Errors
    /// A value that is not finite, or a negative `bound` or `std`.
    pub fn validate(&self) -> Result<(), InitializerError> {
        const SIZE: &str = "at least 0 and finite";
        let (name, rule, found, holds) = match *self {
            Self::Zeros | Self::Ones | Self::Orthogonal => return Ok(()),
            Self::Constant { value } => ("value", "finite", value, value.is_finite()),
            Self::Uniform { bound } => ("bound", SIZE, bound, bound >= 0.0 && bound.is_finite()),
            Self::Normal { std } => ("std", SIZE, std, std >= 0.0 && std.is_finite()),
            Self::KaimingUniform { negative_slope } | Self::KaimingNormal { negative_slope } => {
                ("negative_slope", "finite", negative_slope, negative_slope.is_finite())
            }
        };
        if holds { Ok(()) } else { Err(InitializerError { name, rule, found }) }
    }

    /// Fills `out`, a row-major array of the given shape, from the numbers of `stream`.
    ///
    /// `fan_in` is the number of inputs each output sums over; only the Kaiming rules use it, and with 0 they
    /// give zeros.
    ///
    /// # Panics
    /// If `out` does not hold the product of `shape`, if [`validate`](Self::validate) fails, or if `Orthogonal`
    /// meets fewer than two axes.
    pub fn fill(&self, shape: &[usize], fan_in: usize, stream: Stream, out: &mut [f32]) {
        let expected = product("initializer", shape);
        assert!(
            out.len() == expected,
            "initializer: shape {shape:?} has {expected} values; out has {}",
            out.len()
        );
        if let Err(error) = self.validate() {
            panic!("{error}");
        }
        let mut rng = StreamRng::new(stream);
        match *self {
            Self::Zeros => out.fill(0.0),
            Self::Ones => out.fill(1.0),
            Self::Constant { value } => out.fill(value),
            Self::Uniform { bound } => fill_uniform(bound, &mut rng, out),
            Self::Normal { std } => fill_normal(std, &mut rng, out),
            Self::KaimingUniform { negative_slope } => {
                let bound = 3f64.sqrt() * kaiming_std(negative_slope, fan_in);
                fill_uniform(bound as f32, &mut rng, out);
            }
            Self::KaimingNormal { negative_slope } => {
                fill_normal(kaiming_std(negative_slope, fan_in) as f32, &mut rng, out);
            }
            Self::Orthogonal => fill_orthogonal(shape, &mut rng, out),
        }
    }
}

/// gain / sqrt(fan_in): the deviation that keeps the variance of activations from layer to layer.
fn kaiming_std(negative_slope: f32, fan_in: usize) -> f64 {
    if fan_in == 0 {
        return 0.0;
    }
    SQRT_2 / (1.0 + f64::from(negative_slope).powi(2)).sqrt() / (fan_in as f64).sqrt()
}

fn fill_uniform(bound: f32, rng: &mut impl RngCore, out: &mut [f32]) {
    // Over ±1 and scaled, because the width of ±bound overflows for the largest bounds.
    let unit = Uniform::new_inclusive(-1.0f32, 1.0).expect("the limits are ordered and finite");
    out.iter_mut().for_each(|value| *value = bound * unit.sample(rng));
}

fn fill_normal(std: f32, rng: &mut impl RngCore, out: &mut [f32]) {
    out.iter_mut().for_each(|value| {
        let unit: f32 = StandardNormal.sample(rng);
        *value = std * unit;
    });
}

/// Orthonormal vectors along the longer axis.
fn fill_orthogonal(shape: &[usize], rng: &mut impl RngCore, out: &mut [f32]) {
    assert!(
        shape.len() >= 2,
        "initializer orthogonal: wants at least 2 axes; shape {shape:?} has {}",
        shape.len()
    );
    if out.is_empty() {
        return;
    }
    let rows = shape[0];
    let columns = out.len() / rows;
    let vectors = orthonormal_vectors(rows.min(columns), rows.max(columns), rng);
    let matrix = if rows <= columns { vectors.view() } else { vectors.t() };
    for (value, &exact) in out.iter_mut().zip(matrix) {
        *value = exact as f32;
    }
}

/// `count` orthonormal vectors of `length >= count` values, one a row.
///
/// Gram–Schmidt on normal vectors: the projections leave each vector on its own side of the space spanned by those
/// before it (a QR factorisation whose R has a positive diagonal), which is what makes the result Haar-uniform.
fn orthonormal_vectors(count: usize, length: usize, rng: &mut impl RngCore) -> Array2<f64> {
    let mut vectors = Array2::zeros((count, length));
    for done in 0..count {
        let vector = loop {
            let drawn: Array1<f64> = StandardNormal.sample_iter(&mut *rng).take(length).collect();
            // The second pass removes what rounding left of the first.
            let once = without_projections(drawn.clone(), vectors.rows().into_iter().take(done));
            let twice = without_projections(once, vectors.rows().into_iter().take(done));
            // What is left of an almost dependent vector is rounding error: draw another.
            if norm(&twice) > 1e-8 * norm(&drawn) {
                break twice;
            }
        };
        vectors.row_mut(done).assign(&(&vector / norm(&vector)));
    }
    vectors
}

fn without_projections<'a>(
    mut vector: Array1<f64>,
    basis: impl Iterator<Item = ArrayView1<'a, f64>>,
) -> Array1<f64> {
    for unit in basis {
        let component = unit.dot(&vector);
        vector.scaled_add(-component, &unit);
    }
    vector
}

fn norm(vector: &Array1<f64>) -> f64 {
    vector.dot(vector).sqrt()
}

#[cfg(test)]
mod tests;
