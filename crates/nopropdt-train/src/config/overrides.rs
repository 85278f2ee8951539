//! Settings as people write them: any may be left out. Flags, presets and files all take this form.

use super::error::ConfigError;
use super::image_size::ImageSize;
use super::kinds::{
    BlockKind, EmbeddingKind, HeadKind, LearningRateKind, MethodKind, Normalize, OptimizerKind, Order,
    PrecisionKind,
};
use super::whole;
use nopropdt_blocks::{EmbeddingStart, ObjectiveKind, Sampler, ScheduleKind};
use nopropdt_data::{Channels, DatasetSource};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Parses a name as configuration files spell it, so that flags and files can't disagree.
#[cfg(feature = "cli")]
pub(crate) fn named<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, String> {
    use serde::de::IntoDeserializer;
    use serde::de::value::{Error as ValueError, StrDeserializer};

    let deserializer: StrDeserializer<'_, ValueError> = text.into_deserializer();
    T::deserialize(deserializer).map_err(|error| error.to_string())
}

macro_rules! overrides {
    ($($(#[doc = $help:literal])* #[arg($($flag:tt)*)] $(#[serde($($key:tt)*)])? $field:ident: $type:ty,)*) => {
        /// Settings that replace those of the layer below; see [`Overrides::resolve`].
        #[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
        #[cfg_attr(feature = "cli", derive(clap::Args))]
        #[serde(rename_all = "kebab-case", deny_unknown_fields)]
        pub struct Overrides {
            $(
                $(#[doc = $help])*
                #[cfg_attr(feature = "cli", arg($($flag)*))]
                $(#[serde($($key)*)])?
                #[serde(skip_serializing_if = "Option::is_none")]
                pub $field: Option<$type>,
            )*
        }

        impl Overrides {
            /// These settings, and those of `below` where these say nothing.
            #[must_use]
            pub fn over(self, below: Self) -> Self {
                Self { $($field: self.$field.or(below.$field),)* }
            }
        }
    };
}

overrides! {
    /// Dataset: digits (embedded), mnist, fashion-mnist, kmnist, cifar10, cifar100, cifar100-coarse, svhn,
    /// tiny-imagenet (fetched once), folder:PATH with a folder of pictures for each class, or npz:FILE with the arrays
    /// train_images, train_labels, test_images and test_labels [default: digits]
    #[arg(long, value_parser = str::parse::<DatasetSource>, value_name = "NAME", help_heading = "Data")]
    dataset: DatasetSource,
    /// Bring the pictures of a folder to N×N or HEIGHTxWIDTH pixels [default: as they are]
    #[arg(long, value_parser = str::parse::<ImageSize>, value_name = "N", help_heading = "Data")]
    image_size: ImageSize,
    /// Pictures of a folder: auto (colour if one of them is), grey or rgb [default: auto]
    #[arg(long, value_parser = named::<Channels>, value_name = "NAME", help_heading = "Data")]
    channels: Channels,
    /// Test on this share of a folder that has no test pictures
    #[arg(long, value_name = "SHARE", help_heading = "Data")]
    split: f64,
    /// Pixel values: none (0 to 1), or standard (mean 0 and deviation 1 over the training images) [default: none]
    #[arg(long, value_parser = named::<Normalize>, value_name = "NAME", help_heading = "Data")]
    normalize: Normalize,
    /// Shift training images at random by up to N pixels; black fills the edges [default: 0]
    #[arg(long, value_parser = whole::crop_padding::parse, value_name = "N", help_heading = "Data")]
    #[serde(default, deserialize_with = "whole::crop_padding::read")]
    crop_padding: usize,
    /// Mirror training images left to right at random [default: false]
    #[arg(long, num_args = 0..=1, default_missing_value = "true", value_name = "BOOL", help_heading = "Data")]
    flip: bool,
    /// Train on the first N training images only
    #[arg(long, value_parser = whole::limit_train::parse, value_name = "N", help_heading = "Data")]
    #[serde(default, deserialize_with = "whole::limit_train::read")]
    limit_train: usize,
    /// Test on the first N test images only, and on as many of the validation images that an npz file has
    #[arg(long, value_parser = whole::limit_test::parse, value_name = "N", help_heading = "Data")]
    #[serde(default, deserialize_with = "whole::limit_test::read")]
    limit_test: usize,
    /// Hold out N training images and report the accuracy on them too [default: 0, or the validation images of an npz file]
    #[arg(long, value_parser = whole::validation::parse, value_name = "N", help_heading = "Data")]
    #[serde(default, deserialize_with = "whole::validation::read")]
    validation: usize,
    /// Method: dt, ct, fm, or a baseline: backprop (through the same blocks), adjoint (a neural ODE) [default: dt]
    #[arg(long, value_parser = named::<MethodKind>, value_name = "NAME", help_heading = "Method")]
    method: MethodKind,
    /// T: blocks of dt and backprop, steps of the one network of ct, fm and adjoint [default: 10; 1000 for ct and fm; 100 for adjoint]
    #[arg(long, alias = "blocks", value_parser = whole::steps::parse, value_name = "T", help_heading = "Method")]
    #[serde(default, deserialize_with = "whole::steps::read")]
    steps: usize,
    /// Noise schedule: cosine, linear, sigmoid, equal-mass, reference (falling; needs --objective reference), or learned (ct) [default: cosine; learned for ct]
    #[arg(long, value_parser = named::<ScheduleKind>, value_name = "NAME", help_heading = "Method")]
    schedule: ScheduleKind,
    /// Weight of the squared error (dt, ct) [default: 0.1; 1 for ct]
    #[arg(long, value_name = "ETA", help_heading = "Method")]
    eta: f64,
    /// From noise to answer: stochastic (fresh noise at every step), or euler or heun (noise at the start only) [default: stochastic; euler for fm and adjoint]
    #[arg(long, value_parser = named::<Sampler>, value_name = "NAME", help_heading = "Method")]
    sampler: Sampler,
    /// Deviation of the noise around the path that fm learns [default: 0]
    #[arg(long, value_name = "SIGMA", help_heading = "Method")]
    flow_sigma: f64,
    /// Loss and chain: paper, or reference (the reference repository's) [default: paper]
    #[arg(long, value_parser = named::<ObjectiveKind>, value_name = "NAME", help_heading = "Method")]
    objective: ObjectiveKind,
    /// Class embedding: one-hot, learned, or prototype (learned, starting from an image of each class) [default: one-hot]
    #[arg(long, value_parser = named::<EmbeddingKind>, value_name = "NAME", help_heading = "Method")]
    embedding: EmbeddingKind,
    /// Length of a learned embedding [default: 20]
    #[arg(long, value_parser = whole::embedding_dim::parse, value_name = "D", help_heading = "Method")]
    #[serde(default, deserialize_with = "whole::embedding_dim::read")]
    embedding_dim: usize,
    /// Start of a learned embedding: orthogonal, random (N(0, 1)), or small (N(0, 0.1²)) [default: orthogonal]
    #[arg(long, value_parser = named::<EmbeddingStart>, value_name = "NAME", help_heading = "Method")]
    embedding_start: EmbeddingStart,
    /// From z_T to class probabilities: softmax, or radial (by distance to the embeddings) [default: softmax]
    #[arg(long, value_parser = named::<HeadKind>, value_name = "NAME", help_heading = "Method")]
    head: HeadKind,
    /// Width of a radial head, above 0 [default: 1]
    #[arg(long, value_name = "SIGMA", help_heading = "Method")]
    head_sigma: f64,
    /// Block: paper, reference, or residual (the paper's with residual convolutions) [default: paper]
    #[arg(long, value_parser = named::<BlockKind>, value_name = "NAME", help_heading = "Method")]
    block: BlockKind,
    /// Pass each estimate through a linear layer and tanh, as the reference repository does [default: false]
    #[arg(long, num_args = 0..=1, default_missing_value = "true", value_name = "BOOL", help_heading = "Method")]
    decoder: bool,
    /// Dropout probability in the image path [default: 0.2]
    #[arg(long, value_name = "P", help_heading = "Method")]
    dropout: f32,
    /// Passes over the training images [default: 20 for digits, 10 for others]
    #[arg(long, value_parser = whole::epochs::parse, value_name = "N", help_heading = "Training")]
    #[serde(default, deserialize_with = "whole::epochs::read")]
    epochs: usize,
    /// Images per batch, at least 2 [default: 64 for digits, 128 for others]
    #[arg(long, value_parser = whole::batch_size::parse, value_name = "B", help_heading = "Training")]
    #[serde(default, deserialize_with = "whole::batch_size::read")]
    batch_size: usize,
    /// Update rule: adamw, adam or sgd (momentum 0.9) [default: adamw; adam for ct and fm]
    #[arg(long, value_parser = named::<OptimizerKind>, value_name = "NAME", help_heading = "Training")]
    optimizer: OptimizerKind,
    /// Learning rate [default: 0.001]
    #[arg(long, value_name = "LR", help_heading = "Training")]
    lr: f32,
    /// How the learning rate changes: constant, cosine or reference [default: cosine]
    #[arg(long, value_parser = named::<LearningRateKind>, value_name = "NAME", help_heading = "Training")]
    lr_schedule: LearningRateKind,
    /// Epochs over which the learning rate rises at the start [default: 0]
    #[arg(long, value_parser = whole::warmup_epochs::parse, value_name = "N", help_heading = "Training")]
    #[serde(default, deserialize_with = "whole::warmup_epochs::read")]
    warmup_epochs: usize,
    /// Weight decay [default: 0.001]
    #[arg(long, value_name = "WD", help_heading = "Training")]
    weight_decay: f64,
    /// Largest norm of a block's gradient; 0 for no limit [default: 0]
    #[arg(long, value_name = "NORM", help_heading = "Training")]
    clip_norm: f32,
    /// Seed of everything random [default: 0]
    #[arg(long, value_parser = whole::seed::parse, value_name = "SEED", help_heading = "Training")]
    #[serde(default, deserialize_with = "whole::seed::read")]
    seed: u64,
    /// Order: interleaved (blocks side by side) or sequential (Algorithm 1 as printed) [default: interleaved]
    #[arg(long, value_parser = named::<Order>, value_name = "NAME", help_heading = "Training")]
    order: Order,
    /// Arithmetic: f32, bf16, or auto, the faster on this processor [default: auto]
    #[arg(long, value_parser = named::<PrecisionKind>, value_name = "NAME", help_heading = "Training")]
    precision: PrecisionKind,
}

impl Overrides {
    /// Reads a TOML file.
    ///
    /// # Errors
    /// When the file can't be read, is not TOML, or holds an unknown key or a value of the wrong kind.
    pub fn from_file(path: &Path) -> Result<Self, ConfigError> {
        let failed = |problem: String| ConfigError::File { file: path.display().to_string(), problem };
        let text =
            std::fs::read_to_string(path).map_err(|error| failed(format!("can't be read: {error}")))?;
        Self::from_text(&text).map_err(failed)
    }

    /// Reads the text of a TOML file.
    ///
    /// # Errors
    /// What is wrong in which line.
    pub fn from_text(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|error| {
            let line =
                error.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
            format!("line {line}: {}", error.message().lines().next().unwrap_or_default())
        })
    }
}
