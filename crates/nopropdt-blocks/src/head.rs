//! The output head: how z_T becomes class probabilities.

use crate::error::BlocksError;
use nopropdt_tensor::layers::Linear;
use nopropdt_tensor::{ParameterBuilder, Parameters, Slot, Tape, Tensor, Var};
use serde::{Deserialize, Serialize};

/// How z_T becomes class probabilities.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind", from = "Written")]
pub enum HeadConfig {
    /// softmax(f(z_T)), Eq. 14.
    Softmax,
    /// By the distance of ỹ = softmax(f(z_T))·W_embed to each class: proportional to exp(−‖ỹ − u_k‖²/(2σ²)), Eq. 15-16.
    Radial {
        /// σ, above 0: the smaller, the surer.
        sigma: f64,
    },
}

/// [`HeadConfig`] as a file spells it: of a variant without braces serde would let any field pass.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind", deny_unknown_fields)]
enum Written {
    Softmax {},
    Radial { sigma: f64 },
}

impl From<Written> for HeadConfig {
    fn from(written: Written) -> Self {
        match written {
            Written::Softmax {} => Self::Softmax,
            Written::Radial { sigma } => Self::Radial { sigma },
        }
    }
}

/// A checked head, registered in a parameter set of its own.
#[derive(Debug, Clone)]
pub struct Head {
    linear: Linear,
    /// −1/(2σ²) of a radial head.
    scale: Option<f32>,
}

impl Head {
    /// Registers `head.weight` `[m, d]` and `head.bias` `[m]`.
    ///
    /// # Errors
    /// When σ is not above 0 and finite, or 1/σ² is not.
    pub fn new(
        config: &HeadConfig,
        dim: usize,
        classes: usize,
        builder: &mut ParameterBuilder,
    ) -> Result<Self, BlocksError> {
        let scale = match *config {
            HeadConfig::Softmax => None,
            HeadConfig::Radial { sigma } => {
                let scale = (-0.5 / (sigma * sigma)) as f32;
                if !(sigma > 0.0 && sigma.is_finite() && scale.is_finite()) {
                    return Err(BlocksError::range(
                        "head-sigma",
                        "above 0 and finite, and its square too",
                        sigma,
                    ));
                }
                Some(scale)
            }
        };
        Ok(Self { linear: Linear::new(builder, "head", dim, classes), scale })
    }

    /// Lets the head in `parameters` start as the classifier by the nearest embedding, −‖z − u_k‖²·`sharpness`/(2s²) up to what all
    /// classes share, where s² is the mean of ‖u‖².
    pub(crate) fn start_nearest(&self, parameters: &mut Parameters, embedding: &Tensor, sharpness: f32) {
        let (classes, dim) = embedding.matrix_shape("head");
        let squares: Vec<f32> =
            embedding.data().chunks_exact(dim).map(|row| row.iter().map(|v| v * v).sum()).collect();
        let scale = sharpness * classes as f32 / squares.iter().sum::<f32>().max(f32::MIN_POSITIVE);
        let weight: Vec<f32> = embedding.data().iter().map(|v| scale * v).collect();
        let bias: Vec<f32> = squares.iter().map(|square| -0.5 * scale * square).collect();
        for (name, values) in [("head.weight", weight), ("head.bias", bias)] {
            assert!(parameters.import(name, &values), "the head's own tensors have these names and lengths");
        }
    }

    /// Class logits of z, given W_embed.
    ///
    /// # Shapes
    /// z [B, d], embedding [m, d] -> [B, m]
    pub fn forward(&self, tape: &mut Tape<'_>, slot: Slot, z: Var, embedding: Var) -> Var {
        let logits = self.linear.forward(tape, slot, z);
        let Some(scale) = self.scale else { return logits };
        let probabilities = tape.softmax(logits);
        let reconstructed = tape.matmul(probabilities, embedding);
        let distances = tape.squared_distances(reconstructed, embedding);
        tape.linear_combination(&[(distances, scale)], 0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nopropdt_tensor::Mode;
    use nopropdt_tensor::gradient_check::{parameter_error, relative_error};
    use nopropdt_tensor::random::Stream;

    const LABELS: [usize; 4] = [2, 0, 1, 2];

    fn head(config: HeadConfig) -> (Head, Parameters) {
        let mut builder = ParameterBuilder::new(Stream::new(1));
        let head = Head::new(&config, 5, 3, &mut builder).unwrap();
        (head, builder.build())
    }

    fn normal(shape: &[usize], tag: u64) -> Tensor {
        Tensor::filled_by(shape, |data| Stream::new(2).child(tag).fill_normal(data))
    }

    /// Cross-entropy, and gradients of the head and of W_embed.
    fn loss(head: &Head, parameters: &Parameters, embedding: &Tensor) -> (f64, Vec<f32>, Vec<f32>) {
        let mut tape = Tape::new(Mode::Train);
        let slot = tape.attach(parameters);
        let z = tape.constant(normal(&[4, 5], 1));
        let embedding = tape.variable(embedding.clone());
        let logits = head.forward(&mut tape, slot, z, embedding);
        let loss = tape.cross_entropy(logits, &LABELS);
        let value = f64::from(tape.value(loss).item());
        let mut gradients = tape.backward(loss);
        (value, gradients.take_parameters(slot), gradients.variable(embedding).unwrap_or(&[]).to_vec())
    }

    /// exp(−‖ỹ − u_k‖²/(2σ²)) over its sum, in f64 from the logits of the plain head.
    #[test]
    fn the_radial_head_is_its_formula() {
        let sigma = 0.7;
        let ((plain, parameters), (radial, _)) =
            (head(HeadConfig::Softmax), head(HeadConfig::Radial { sigma }));
        let (z, embedding) = (normal(&[4, 5], 1), normal(&[3, 5], 3));
        let logits = |head: &Head| {
            let mut tape = Tape::new(Mode::Eval);
            let slot = tape.attach(&parameters);
            let (z, embedding) = (tape.constant(z.clone()), tape.constant(embedding.clone()));
            let logits = head.forward(&mut tape, slot, z, embedding);
            let probabilities = tape.softmax(logits);
            tape.value(probabilities).clone()
        };
        let (of_plain, of_radial) = (logits(&plain), logits(&radial));
        for (p, found) in of_plain.data().chunks_exact(3).zip(of_radial.data().chunks_exact(3)) {
            let u = |k: usize| embedding.data()[k * 5..][..5].iter().map(|&v| f64::from(v));
            let y: Vec<f64> =
                (0..5).map(|j| (0..3).map(|k| f64::from(p[k]) * u(k).nth(j).unwrap()).sum()).collect();
            let density = |k| {
                (-y.iter().zip(u(k)).map(|(y, u)| (y - u).powi(2)).sum::<f64>() / (2.0 * sigma * sigma)).exp()
            };
            let sum: f64 = (0..3).map(density).sum();
            for (k, &found) in found.iter().enumerate() {
                approx::assert_abs_diff_eq!(f64::from(found), density(k) / sum, epsilon = 1e-5);
            }
        }
    }

    #[test]
    fn gradients_reach_the_head_and_the_embedding() {
        for config in [HeadConfig::Softmax, HeadConfig::Radial { sigma: 0.6 }] {
            let (head, parameters) = head(config);
            let embedding = normal(&[3, 5], 3);
            let (_, of_head, of_embedding) = loss(&head, &parameters, &embedding);
            let error =
                parameter_error(&parameters, &of_head, 1e-2, |moved| loss(&head, moved, &embedding).0);
            assert!(error < 1e-2, "{config:?}: {error}");
            if of_embedding.is_empty() {
                continue;
            }
            let error = relative_error(embedding.data(), &of_embedding, 1e-2, |point| {
                loss(&head, &parameters, &Tensor::from_vec(&[3, 5], point.to_vec()).unwrap()).0
            });
            assert!(error < 1e-2, "{config:?}: {error}");
        }
        assert!(
            !loss(
                &head(HeadConfig::Radial { sigma: 1.0 }).0,
                &head(HeadConfig::Softmax).1,
                &normal(&[3, 5], 3)
            )
            .2
            .is_empty()
        );
    }

    #[test]
    fn a_head_that_starts_nearest_prefers_the_nearest_embedding() {
        let (head, mut parameters) = head(HeadConfig::Softmax);
        let (z, embedding) = (normal(&[4, 5], 1), normal(&[3, 5], 3));
        head.start_nearest(&mut parameters, &embedding, 10.0);
        let mut tape = Tape::new(Mode::Eval);
        let slot = tape.attach(&parameters);
        let (z, embedding) = (tape.constant(z), tape.constant(embedding));
        let logits = head.forward(&mut tape, slot, z, embedding);
        let distances = tape.squared_distances(z, embedding);
        let nearness = tape.linear_combination(&[(distances, -1.0)], 0.0);
        assert_eq!(tape.value(logits).argmax_rows(), tape.value(nearness).argmax_rows());
    }

    #[test]
    fn a_sigma_that_divides_by_nothing_is_refused() {
        for sigma in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e-30] {
            let mut builder = ParameterBuilder::new(Stream::new(1));
            let error = Head::new(&HeadConfig::Radial { sigma }, 5, 3, &mut builder).unwrap_err();
            assert!(error.to_string().starts_with("head-sigma: must be above 0"), "{error}");
        }
    }
}
