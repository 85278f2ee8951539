//! Class embeddings W_embed [m, d].

use crate::error::BlocksError;
use nopropdt_tensor::init::Initializer;
use nopropdt_tensor::{Layout, ParameterBuilder, ParameterId, Parameters, Slot, Tape, Tensor, Var};
use serde::{Deserialize, Serialize};

/// What classes are embedded as.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind", from = "Written")]
pub enum EmbeddingConfig {
    /// The identity, fixed; d = m.
    OneHot,
    /// Trained with the network.
    Learned {
        /// d.
        dim: usize,
        /// Where it starts.
        start: EmbeddingStart,
    },
    /// Trained, each class an input; d = H·W·C of images. It starts from inputs of the training set (spec section 5), which
    /// [`LabelEmbedding::set`] is given.
    Prototype,
}

impl EmbeddingConfig {
    /// Whether the latent has the shape of an input.
    pub fn is_input(&self) -> bool {
        matches!(self, Self::Prototype)
    }
}

/// [`EmbeddingConfig`] as a file spells it: of a variant without braces serde would let any field pass.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind", deny_unknown_fields)]
enum Written {
    OneHot {},
    Learned { dim: usize, start: EmbeddingStart },
    Prototype {},
}

impl From<Written> for EmbeddingConfig {
    fn from(written: Written) -> Self {
        match written {
            Written::OneHot {} => Self::OneHot,
            Written::Learned { dim, start } => Self::Learned { dim, start },
            Written::Prototype {} => Self::Prototype,
        }
    }
}

/// Initial values of a learned embedding.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EmbeddingStart {
    /// Orthonormal rows where m ≤ d; else N(0, 1/d), whose rows have about the same length.
    Orthogonal,
    /// N(0, 1).
    Random,
    /// N(0, 0.1²): the reference repository's.
    Small,
}

impl EmbeddingStart {
    fn initializer(self, classes: usize, dim: usize) -> Initializer {
        match self {
            Self::Orthogonal if classes <= dim => Initializer::Orthogonal,
            Self::Orthogonal => Initializer::Normal { std: 1.0 / (dim as f32).sqrt() },
            Self::Random => Initializer::Normal { std: 1.0 },
            Self::Small => Initializer::Normal { std: 0.1 },
        }
    }
}

/// Most classes, and longest embedding that is no image.
const MOST: usize = 1 << 16;

/// A checked embedding: registered in a parameter set of its own, put on tapes as a value [m, d].
#[derive(Debug, Clone)]
pub struct LabelEmbedding {
    classes: usize,
    dim: usize,
    learned: Option<ParameterId>,
}

impl LabelEmbedding {
    /// Registers `embedding.weight` when it is learned; a fixed embedding registers nothing.
    ///
    /// # Errors
    /// When a size is 0 or there are fewer than two classes.
    pub fn new(
        config: &EmbeddingConfig,
        classes: usize,
        input: &[usize],
        builder: &mut ParameterBuilder,
    ) -> Result<Self, BlocksError> {
        BlocksError::check_size("classes", 2, MOST, classes)?;
        let (dim, layout, initializer) = match *config {
            EmbeddingConfig::OneHot => return Ok(Self { classes, dim: classes, learned: None }),
            EmbeddingConfig::Learned { dim, start } => (dim, Layout::Same, start.initializer(classes, dim)),
            EmbeddingConfig::Prototype => {
                let layout = match *input {
                    [height, width, channels] => Layout::Flattened { pixels: height * width, channels },
                    _ => Layout::Same,
                };
                (input.iter().product(), layout, Initializer::Normal { std: 0.1 })
            }
        };
        if !config.is_input() {
            BlocksError::check_size("embedding-dim", 1, MOST, dim)?;
        }
        let id = builder.scope("embedding", |builder| {
            builder.parameter("weight", &[classes, dim], layout, initializer, dim)
        });
        Ok(Self { classes, dim, learned: Some(id) })
    }

    /// d, the length of an embedding.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Whether W_embed is trained.
    pub fn is_learned(&self) -> bool {
        self.learned.is_some()
    }

    /// W_embed [m, d] on a tape; gradient flows to it when it is learned.
    pub fn on_tape(&self, tape: &mut Tape<'_>, slot: Slot) -> Var {
        match self.learned {
            Some(id) => tape.parameter(slot, id, &[self.classes, self.dim]),
            None => tape.constant(self.identity()),
        }
    }

    /// W_embed [m, d] as it stands in `parameters`, the set it was registered in, which a fixed embedding can do without.
    ///
    /// # Panics
    /// When the embedding is learned and there is no set.
    pub fn matrix(&self, parameters: Option<&Parameters>) -> Tensor {
        match self.learned {
            Some(id) => {
                let values = parameters.expect("embedding: a learned one wants its set").get(id);
                Tensor::filled_by(&[self.classes, self.dim], |data| data.copy_from_slice(values))
            }
            None => self.identity(),
        }
    }

    /// Sets W_embed [m, d] in `parameters`, the set it was registered in: prototypes start from images.
    ///
    /// # Panics
    /// When the embedding is fixed or `rows` is not [m, d].
    pub fn set(&self, parameters: &mut Parameters, rows: &Tensor) {
        let id = self.learned.expect("embedding: a fixed one can't be set");
        let (shape, wanted) = (rows.shape(), [self.classes, self.dim]);
        assert_eq!(shape, wanted, "embedding: wants {wanted:?}; found {shape:?}");
        let range = parameters.range(id);
        parameters.values_mut()[range].copy_from_slice(rows.data());
    }

    fn identity(&self) -> Tensor {
        Tensor::filled_by(&[self.classes, self.classes], |data| {
            data.iter_mut().step_by(self.classes + 1).for_each(|v| *v = 1.0);
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nopropdt_tensor::random::Stream;

    const IMAGE: &[usize] = &[2, 3, 2];

    fn matrix(config: EmbeddingConfig, classes: usize) -> Tensor {
        let mut builder = ParameterBuilder::new(Stream::new(1));
        let embedding = LabelEmbedding::new(&config, classes, IMAGE, &mut builder).unwrap();
        embedding.matrix(Some(&builder.build()))
    }

    #[test]
    fn one_hot_is_the_identity() {
        assert_eq!(matrix(EmbeddingConfig::OneHot, 3).data(), [1., 0., 0., 0., 1., 0., 0., 0., 1.]);
    }

    #[test]
    fn learned_rows_start_orthonormal_where_they_can() {
        let w = matrix(EmbeddingConfig::Learned { dim: 20, start: EmbeddingStart::Orthogonal }, 10);
        for i in 0..10 {
            for j in 0..10 {
                let dot: f32 = (0..20).map(|k| w.data()[i * 20 + k] * w.data()[j * 20 + k]).sum();
                assert!((dot - f32::from(u8::from(i == j))).abs() < 1e-5, "rows {i}, {j}: {dot}");
            }
        }
    }

    #[test]
    fn bad_sizes_are_refused() {
        let mut builder = ParameterBuilder::new(Stream::new(1));
        let config = EmbeddingConfig::Learned { dim: 0, start: EmbeddingStart::Small };
        let error = LabelEmbedding::new(&config, 10, IMAGE, &mut builder).unwrap_err();
        assert_eq!(error.to_string(), "embedding-dim: must be from 1 to 65536; found 0");
        let error = LabelEmbedding::new(&EmbeddingConfig::OneHot, 1, IMAGE, &mut builder).unwrap_err();
        assert_eq!(error.to_string(), "classes: must be from 2 to 65536; found 1");
    }

    #[test]
    fn prototypes_are_images_and_are_saved_channel_first() {
        let mut builder = ParameterBuilder::new(Stream::new(1));
        let embedding = LabelEmbedding::new(&EmbeddingConfig::Prototype, 2, IMAGE, &mut builder).unwrap();
        let mut parameters = builder.build();
        assert_eq!((embedding.dim(), embedding.is_learned()), (12, true));
        let rows = Tensor::filled_by(&[2, 12], |data| {
            data.iter_mut().enumerate().for_each(|(index, value)| *value = index as f32);
        });
        embedding.set(&mut parameters, &rows);
        assert_eq!(embedding.matrix(Some(&parameters)), rows);
        let saved = parameters.export("embedding.weight").unwrap();
        assert_eq!(saved[..12], [0., 2., 4., 6., 8., 10., 1., 3., 5., 7., 9., 11.]);
    }
}
