//! Settings, complete and checked.

use super::error::ConfigError;
use super::image_size::ImageSize;
use super::kinds::{
    BlockKind, EmbeddingKind, HeadKind, LearningRateKind, MethodKind, Normalize, OptimizerKind, Order,
    PrecisionKind,
};
use super::whole::{self, Whole};
use nopropdt_blocks::{BlockConfig, EmbeddingStart, ObjectiveKind, Sampler, ScheduleKind};
use nopropdt_data::{Augmentation, Channels, DatasetSource, ImageShape, LoadOptions};
use nopropdt_tensor::optim::{LearningRate, OptimizerConfig};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Everything that decides what a run computes; two runs with equal ones end bit-identical (on one instruction set).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct RunConfig {
    /// Images to learn.
    pub dataset: DatasetSource,
    /// Size to which the pictures of a folder are brought; as they are when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_size: Option<ImageSize>,
    /// Grey or colour, for a folder; as its pictures are when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channels: Option<Channels>,
    /// Share of the pictures of a folder that becomes the test set, where it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub split: Option<f64>,
    /// Normalisation of pixel values; none when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub normalize: Option<Normalize>,
    /// Pixels by which training images are shifted at most; 0 when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub crop_padding: Option<usize>,
    /// Whether training images are mirrored at random; not when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flip: Option<bool>,
    /// Training images used, from the first; all when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit_train: Option<usize>,
    /// Test images used, from the first; all when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit_test: Option<usize>,
    /// Training images held out for validation.
    pub validation: usize,
    /// Method.
    pub method: MethodKind,
    /// T.
    pub steps: usize,
    /// Noise schedule.
    pub schedule: ScheduleKind,
    /// η.
    pub eta: f64,
    /// How an answer is reached; the method's own way when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sampler: Option<Sampler>,
    /// σ around the path of method fm; 0 when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flow_sigma: Option<f64>,
    /// Loss and chain: the paper's, or the reference repository's.
    pub objective: ObjectiveKind,
    /// Class embedding.
    pub embedding: EmbeddingKind,
    /// d of a learned embedding.
    pub embedding_dim: usize,
    /// Where a learned embedding starts.
    pub embedding_start: EmbeddingStart,
    /// How z_T becomes class probabilities; softmax when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub head: Option<HeadKind>,
    /// σ of a radial head; 1 when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub head_sigma: Option<f64>,
    /// Block.
    pub block: BlockKind,
    /// Whether û passes the reference repository's decoder.
    pub decoder: bool,
    /// Dropout probability in the image path.
    pub dropout: f32,
    /// Passes over the training images.
    pub epochs: usize,
    /// Images per batch.
    pub batch_size: usize,
    /// Update rule.
    pub optimizer: OptimizerKind,
    /// Base learning rate.
    pub lr: f32,
    /// How it changes.
    pub lr_schedule: LearningRateKind,
    /// Epochs over which the learning rate rises at the start.
    pub warmup_epochs: usize,
    /// Weight decay.
    pub weight_decay: f64,
    /// Largest norm of a block's gradient; 0 leaves gradients as they are.
    pub clip_norm: f32,
    /// Seed of everything random.
    pub seed: u64,
    /// Order of blocks and batches.
    pub order: Order,
    /// Arithmetic.
    pub precision: PrecisionKind,
}

fn count(range: &Whole, found: usize) -> Result<(), ConfigError> {
    if range.contains(found as u64) {
        return Ok(());
    }
    Err(ConfigError::Range { setting: range.key, rule: range.rule(), found: found.to_string() })
}

fn number(setting: &'static str, holds: bool, rule: &str, found: f64) -> Result<(), ConfigError> {
    match holds {
        true => Ok(()),
        false => Err(ConfigError::Range { setting, rule: rule.into(), found: found.to_string() }),
    }
}

impl RunConfig {
    /// Checks all that can be checked without the data.
    ///
    /// # Errors
    /// The first setting that breaks a rule.
    pub fn validate(&self) -> Result<(), ConfigError> {
        count(&whole::epochs::RANGE, self.epochs)?;
        count(&whole::warmup_epochs::RANGE, self.warmup_epochs)?;
        let (warmup, epochs) = (self.warmup_epochs, self.epochs);
        if warmup > epochs {
            // The rate would never be the one that was asked for.
            let rule = format!("at most the {epochs} epochs of the run");
            return Err(ConfigError::Range { setting: "warmup-epochs", rule, found: warmup.to_string() });
        }
        count(&whole::batch_size::RANGE, self.batch_size)?;
        let unless_absent = |range, found: Option<usize>| found.map_or(Ok(()), |found| count(range, found));
        unless_absent(&whole::limit_train::RANGE, self.limit_train)?;
        unless_absent(&whole::limit_test::RANGE, self.limit_test)?;
        unless_absent(&whole::crop_padding::RANGE, self.crop_padding)?;
        // Conditions say what must hold, so that NaN fails.
        let split = self.split.unwrap_or(0.5);
        number("split", split > 0.0 && split < 1.0, "above 0 and below 1", split)?;
        number("lr", self.lr > 0.0 && self.lr.is_finite(), "above 0 and finite", f64::from(self.lr))?;
        let decay = self.weight_decay;
        number("weight-decay", decay >= 0.0 && (decay as f32).is_finite(), "at least 0 and finite", decay)?;
        let norm = f64::from(self.clip_norm);
        number("clip-norm", norm >= 0.0, "above 0, or 0 for no limit", norm)?;
        let sigma = self.flow_sigma.unwrap_or(0.0);
        number("flow-sigma", sigma >= 0.0 && sigma.is_finite(), "at least 0 and finite", sigma)?;
        self.check_applies()?;
        self.optimizer().validate()?;
        self.learning_rate(1).validate(self.lr)?;
        Ok(())
    }

    /// d, the length of the embedding of one of `classes` classes of images.
    pub fn embedding_length(&self, classes: usize, image: ImageShape) -> usize {
        match self.embedding {
            EmbeddingKind::OneHot => classes,
            EmbeddingKind::Learned => self.embedding_dim,
            EmbeddingKind::Prototype => image.len(),
        }
    }

    /// The settings of a block.
    pub fn block(&self) -> BlockConfig {
        let block = match self.block {
            BlockKind::Paper => BlockConfig::paper(),
            BlockKind::Reference => BlockConfig::reference(),
            BlockKind::Residual => BlockConfig::residual(),
        };
        BlockConfig { decoder: self.decoder, dropout: self.dropout, ..block }
    }

    /// How the dataset is to be read.
    pub fn load_options(&self, data_dir: &Path) -> LoadOptions {
        LoadOptions {
            image_size: self.image_size.map(|size| (size.height, size.width)),
            channels: self.channels.unwrap_or_default(),
            split: self.split,
            ..LoadOptions::new(data_dir)
        }
    }

    /// What is done to training images.
    pub fn augmentation(&self) -> Augmentation {
        Augmentation { crop_padding: self.crop_padding.unwrap_or(0), flip: self.flip.unwrap_or(false) }
    }

    /// The update rule.
    pub fn optimizer(&self) -> OptimizerConfig {
        let weight_decay = self.weight_decay;
        match self.optimizer {
            OptimizerKind::Adamw => OptimizerConfig::adamw(weight_decay),
            OptimizerKind::Adam => OptimizerConfig::adam(weight_decay),
            OptimizerKind::Sgd => OptimizerConfig::Sgd { momentum: 0.9, weight_decay },
        }
    }

    /// The learning-rate schedule of a run with `batches` batches an epoch.
    pub fn learning_rate(&self, batches: u64) -> LearningRate {
        let warmup_steps = self.warmup_epochs as u64 * batches;
        match self.lr_schedule {
            LearningRateKind::Constant => LearningRate::Constant { warmup_steps },
            LearningRateKind::Cosine => LearningRate::Cosine { warmup_steps, final_fraction: 0.0 },
            LearningRateKind::Reference => LearningRate::Reference { period: self.epochs as u64 },
        }
    }

    /// The same settings, without the place where a folder of pictures or a file lies: what model files and checkpoints keep.
    #[must_use]
    pub fn without_place(&self) -> Self {
        Self { dataset: self.dataset.without_place(), ..self.clone() }
    }

    /// The configuration as TOML, with one line a setting: a valid `--config` file.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("a flat table of numbers, strings and booleans has a TOML form")
    }
}
