//! The sections that every run has, whatever its method and block.

use super::image_size::ImageSize;
use super::init_from::InitFrom;
use super::kinds::{
    ClassWeights, EmbeddingKind, HeadKind, LearningRateKind, Normalize, OptimizerKind, Order, PrecisionKind,
};
use super::setting::{Kind, one_of, parsed, section};
use super::whole;
use crate::registry::Registry;
use nopropdt_blocks::{EmbeddingConfig, EmbeddingStart, HeadConfig};
use nopropdt_data::{Augmentation, Channels, DatasetName, DatasetSource, Edges, LoadOptions};
use nopropdt_tensor::optim::{Decayed, LearningRate, OptimizerConfig};
use std::path::Path;

section! {
    /// What is learned from.
    pub struct DataSettings in "data" under "Data" {
        /// Dataset: digits (embedded), mnist, fashion-mnist, kmnist, cifar10, cifar100, cifar100-coarse, svhn,
        /// tiny-imagenet (fetched once), folder:PATH with a folder of pictures for each class, or npz:FILE with the arrays
        /// train_images, train_labels, test_images and test_labels [default: digits]
        ["dataset" "NAME" Kind::Name(|registry, text| registry.dataset_source(text).map(|_| ()).map_err(|error| error.to_string()), Registry::datasets)]
        dataset: DatasetSource = DatasetName::Digits.into();
        /// Bring the pictures of a folder to N×N or HEIGHTxWIDTH pixels [default: as they are]
        ["image-size" "N" Kind::Text(parsed::<ImageSize>)]
        #[serde(skip_serializing_if = "Option::is_none")]
        image_size: Option<ImageSize> = None;
        /// Pictures of a folder: auto (colour if one of them is), grey or rgb [default: auto]
        ["channels" "NAME" one_of::<Channels>()]
        #[serde(skip_serializing_if = "Option::is_none")]
        channels: Option<Channels> = None;
        /// Test on this share of a folder that has no test pictures
        ["split" "SHARE" Kind::Number]
        #[serde(skip_serializing_if = "Option::is_none")]
        split: Option<f64> = None;
        /// Pixel values: none (0 to 1), or standard (mean 0 and deviation 1 over the training images) [default: none]
        ["normalize" "NAME" one_of::<Normalize>()]
        #[serde(skip_serializing_if = "Option::is_none")]
        normalize: Option<Normalize> = None;
        /// Take a random part of each training image, of at least this share of its area, in 0..1, at the size of the whole; 0 for none
        /// [default: 0]
        ["crop-scale" "SHARE" Kind::Number]
        #[serde(skip_serializing_if = "Option::is_none")]
        crop_scale: Option<f32> = None;
        /// Shift training images at random by up to N pixels; black fills the edges [default: 0]
        ["crop-padding" "N" Kind::Whole(whole::CROP_PADDING)]
        #[serde(skip_serializing_if = "Option::is_none")]
        crop_padding: Option<usize> = None;
        /// What comes in from the edges of shifted images: black, or mirror (the image again) [default: black]
        ["crop-edges" "NAME" one_of::<Edges>()]
        #[serde(skip_serializing_if = "Option::is_none")]
        crop_edges: Option<Edges> = None;
        /// Mirror training images left to right at random [default: false]
        ["flip" "BOOL" Kind::Switch]
        #[serde(skip_serializing_if = "Option::is_none")]
        flip: Option<bool> = None;
        /// Answer by the mean of the logits for an image and for its mirror image [default: false]
        ["test-flip" "BOOL" Kind::Switch]
        #[serde(skip_serializing_if = "Option::is_none")]
        test_flip: Option<bool> = None;
        /// Blacken a square of N×N pixels at a random place of each training image [default: 0]
        ["cutout" "N" Kind::Whole(whole::CUTOUT)]
        #[serde(skip_serializing_if = "Option::is_none")]
        cutout: Option<usize> = None;
        /// Train on the first N training images only
        ["limit-train" "N" Kind::Whole(whole::LIMIT_TRAIN)]
        #[serde(skip_serializing_if = "Option::is_none")]
        limit_train: Option<usize> = None;
        /// Test on the first N test images only, and on as many of the validation images that an npz file has
        ["limit-test" "N" Kind::Whole(whole::LIMIT_TEST)]
        #[serde(skip_serializing_if = "Option::is_none")]
        limit_test: Option<usize> = None;
        /// Hold out N training images and report the accuracy on them too [default: 0, or the validation images of an npz file]
        ["validation" "N" Kind::Whole(whole::VALIDATION)]
        validation: usize = 0;
    }
}

section! {
    /// What classes are embedded as.
    pub struct EmbeddingSettings in "embedding" under "Method" {
        /// Class embedding: one-hot, learned, or prototype (learned, starting from an image of each class) [default: one-hot]
        ["embedding" "NAME" one_of::<EmbeddingKind>()]
        kind: EmbeddingKind = EmbeddingKind::OneHot;
        /// Length of a learned embedding [default: 20]
        ["embedding-dim" "D" Kind::Whole(whole::EMBEDDING_DIM)]
        dim: usize = 20;
        /// Start of a learned embedding: orthogonal, random (N(0, 1)), or small (N(0, 0.1²)) [default: orthogonal]
        ["embedding-start" "NAME" one_of::<EmbeddingStart>()]
        start: EmbeddingStart = EmbeddingStart::Orthogonal;
    }
}

section! {
    /// How the last latent becomes class probabilities.
    pub struct HeadSettings in "head" under "Method" {
        /// From z_T to class probabilities: softmax, or radial (by distance to the embeddings) [default: softmax]
        ["head" "NAME" one_of::<HeadKind>()]
        kind: HeadKind = HeadKind::Softmax;
        /// Width of a radial head, above 0 [default: 1]
        ["head-sigma" "SIGMA" Kind::Number]
        #[serde(skip_serializing_if = "Option::is_none")]
        sigma: Option<f64> = None;
    }
}

section! {
    /// How a network is trained.
    pub struct TrainingSettings in "training" under "Training" {
        /// Passes over the training images [default: 20 for digits, by the number of images with the preset best, 10 for others]
        ["epochs" "N" Kind::Whole(whole::EPOCHS)]
        epochs: usize = 10;
        /// Images per batch, at least 2 [default: 64 for digits, by the number of images with the preset best, 128 for others]
        ["batch-size" "B" Kind::Whole(whole::BATCH_SIZE)]
        batch_size: usize = 128;
        /// Update rule: adamw, adam, sgd (momentum 0.9), nesterov (sgd that looks ahead), or muon (orthogonal steps for matrices and
        /// kernels, adamw's for the rest) [default: adamw; adam for ct and fm]
        ["optimizer" "NAME" one_of::<OptimizerKind>()]
        optimizer: OptimizerKind = OptimizerKind::Adamw;
        /// Learning rate [default: 0.001]
        ["lr" "LR" Kind::Number]
        lr: f32 = 0.001;
        /// How the learning rate changes: constant, cosine, one-cycle (up over a quarter of the run, or over the warm-up, then evenly down to
        /// 0) or reference [default: cosine]
        ["lr-schedule" "NAME" one_of::<LearningRateKind>()]
        lr_schedule: LearningRateKind = LearningRateKind::Cosine;
        /// Epochs over which the learning rate rises at the start [default: 0]
        ["warmup-epochs" "N" Kind::Whole(whole::WARMUP_EPOCHS)]
        warmup_epochs: usize = 0;
        /// Weight decay [default: 0.001]
        ["weight-decay" "WD" Kind::Number]
        weight_decay: f64 = 0.001;
        /// What weight decay is for: all, or matrices (kernels of convolutions and linear layers, not biases and norms) [default: all]
        ["decayed" "NAME" one_of::<Decayed>()]
        #[serde(skip_serializing_if = "Option::is_none")]
        decayed: Option<Decayed> = None;
        /// Share of the target that all classes get alike in cross-entropies, in 0..1 [default: 0]
        ["label-smoothing" "S" Kind::Number]
        #[serde(skip_serializing_if = "Option::is_none")]
        label_smoothing: Option<f32> = None;
        /// Answer with a running average of the weights, which keeps this share of itself at each step, in 0..1; 0 for the weights as they
        /// are [default: 0]
        ["ema" "DECAY" Kind::Number]
        #[serde(skip_serializing_if = "Option::is_none")]
        ema: Option<f64> = None;
        /// Largest norm of a block's gradient; 0 for no limit [default: 0]
        ["clip-norm" "NORM" Kind::Number]
        clip_norm: f32 = 0.0;
        /// How much classes count in the loss: none (as much as they have images), or balanced (all the same) [default: none]
        ["class-weights" "NAME" one_of::<ClassWeights>()]
        #[serde(skip_serializing_if = "Option::is_none")]
        class_weights: Option<ClassWeights> = None;
        /// Measure each N-th epoch and the last, on test and validation images [default: 1]
        ["eval-every" "N" Kind::Whole(whole::EVAL_EVERY)]
        #[serde(skip_serializing_if = "Option::is_none")]
        eval_every: Option<usize> = None;
        /// Keep the weights of the epoch that is best on the validation images as the model; needs such images [default: false]
        ["keep-best" "BOOL" Kind::Switch]
        #[serde(skip_serializing_if = "Option::is_none")]
        keep_best: Option<bool> = None;
        /// Stop after N epochs without a better one on the validation images; needs such images
        ["patience" "N" Kind::Whole(whole::PATIENCE)]
        #[serde(skip_serializing_if = "Option::is_none")]
        patience: Option<usize> = None;
        /// Seed of everything random [default: 0]
        ["seed" "SEED" Kind::Whole(whole::SEED)]
        seed: u64 = 0;
        /// Order: interleaved (blocks side by side) or sequential (Algorithm 1 as printed) [default: interleaved]
        ["order" "NAME" one_of::<Order>()]
        order: Order = Order::Interleaved;
        /// Arithmetic: f32, bf16, or auto, the faster on this processor [default: auto]
        ["precision" "NAME" one_of::<PrecisionKind>()]
        precision: PrecisionKind = PrecisionKind::Auto;
        /// Start from the weights of this model file, where names and shapes are the same; the others start fresh
        ["init-from" "FILE" Kind::Text(parsed::<InitFrom>)]
        #[serde(skip_serializing_if = "Option::is_none")]
        init_from: Option<InitFrom> = None;
    }
}

impl DataSettings {
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
        Augmentation {
            crop_scale: self.crop_scale.unwrap_or(0.0),
            crop_padding: self.crop_padding.unwrap_or(0),
            edges: self.crop_edges.unwrap_or_default(),
            flip: self.flip.unwrap_or(false),
            cutout: self.cutout.unwrap_or(0),
        }
    }
}

impl EmbeddingSettings {
    /// The embedding they describe.
    pub fn config(&self) -> EmbeddingConfig {
        match self.kind {
            EmbeddingKind::OneHot => EmbeddingConfig::OneHot,
            EmbeddingKind::Learned => EmbeddingConfig::Learned { dim: self.dim, start: self.start },
            EmbeddingKind::Prototype => EmbeddingConfig::Prototype,
        }
    }
}

impl HeadSettings {
    /// The head they describe.
    pub fn config(&self) -> HeadConfig {
        match self.kind {
            HeadKind::Softmax => HeadConfig::Softmax,
            HeadKind::Radial => HeadConfig::Radial { sigma: self.sigma.unwrap_or(1.0) },
        }
    }
}

impl TrainingSettings {
    /// The update rule.
    pub fn optimizer(&self) -> OptimizerConfig {
        let weight_decay = self.weight_decay;
        match self.optimizer {
            OptimizerKind::Adamw => OptimizerConfig::adamw(weight_decay),
            OptimizerKind::Adam => OptimizerConfig::adam(weight_decay),
            OptimizerKind::Sgd => OptimizerConfig::Sgd { momentum: 0.9, weight_decay, nesterov: false },
            OptimizerKind::Nesterov => OptimizerConfig::Sgd { momentum: 0.9, weight_decay, nesterov: true },
            OptimizerKind::Muon => OptimizerConfig::muon(weight_decay),
        }
    }

    /// The share of itself that the running average of the weights keeps at each step; none where there is no such average.
    pub fn averaged(&self) -> Option<f64> {
        self.ema.filter(|&decay| decay > 0.0)
    }

    /// The learning-rate schedule of a run with `batches` batches an epoch.
    pub fn learning_rate(&self, batches: u64) -> LearningRate {
        let warmup_steps = self.warmup_epochs as u64 * batches;
        match self.lr_schedule {
            LearningRateKind::Constant => LearningRate::Constant { warmup_steps },
            LearningRateKind::Cosine => LearningRate::Cosine { warmup_steps, final_fraction: 0.0 },
            LearningRateKind::OneCycle => {
                let quarter = (self.epochs as u64).saturating_mul(batches) / 4;
                LearningRate::Linear { warmup_steps: if warmup_steps > 0 { warmup_steps } else { quarter } }
            }
            LearningRateKind::Reference => LearningRate::Reference { period: self.epochs as u64 },
        }
    }
}
