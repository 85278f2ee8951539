//! Named settings.

use super::kinds::{
    BlockKind, EmbeddingKind, HeadKind, LearningRateKind, MethodKind, Normalize, OptimizerKind, Order,
    PrecisionKind,
};
use super::overrides::Overrides;
use nopropdt_blocks::{EmbeddingStart, ObjectiveKind, ScheduleKind};
use nopropdt_data::{DatasetName, DatasetSource};

/// A named set of settings; flags and files go over it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum Preset {
    /// The paper's Table 3 for the dataset and the method: batch 128, constant learning rate, Algorithm 1's order for dt; other
    /// datasets take the epochs of the nearest of its three: grey ones MNIST's, colour ones of 10 classes and folders CIFAR-10's,
    /// those of more classes CIFAR-100's
    Paper,
    /// The reference repository's program as published (see docs/algorithm.md)
    Reference,
}

/// The paper's datasets. Its budgets of epochs are theirs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PaperDataset {
    Mnist,
    Cifar10,
    Cifar100,
}

impl PaperDataset {
    /// The one that is nearest to `dataset` in colour, size and number of classes; for a folder, of which only the path is known
    /// here, CIFAR-10.
    fn nearest(dataset: &DatasetSource) -> Self {
        match dataset.known() {
            Some(
                DatasetName::Digits | DatasetName::Mnist | DatasetName::FashionMnist | DatasetName::Kmnist,
            ) => Self::Mnist,
            Some(DatasetName::Cifar100 | DatasetName::Cifar100Coarse | DatasetName::TinyImagenet) => {
                Self::Cifar100
            }
            // CIFAR-10 itself and svhn; a test fails for a dataset that nobody has thought of.
            _ => Self::Cifar10,
        }
    }

    /// Epochs of a method by Table 3.
    fn epochs(self, method: MethodKind) -> usize {
        match (method, self) {
            (MethodKind::Dt | MethodKind::Backprop, Self::Mnist) => 100,
            (MethodKind::Dt | MethodKind::Backprop, Self::Cifar10 | Self::Cifar100) => 150,
            (MethodKind::Ct | MethodKind::Fm, Self::Mnist) => 100,
            (MethodKind::Ct | MethodKind::Fm, Self::Cifar10) => 500,
            (MethodKind::Ct | MethodKind::Fm, Self::Cifar100) => 1000,
            (MethodKind::Adjoint, Self::Mnist) => 2,
            (MethodKind::Adjoint, Self::Cifar10 | Self::Cifar100) => 4,
        }
    }
}

impl Preset {
    /// The settings it names, for a run of `method` on `dataset`.
    ///
    /// `paper` names every setting that means anything to the method, so that no later change of a default moves it; absent are
    /// those of one dataset or run alone (the size of a folder's pictures, limits, seed).
    #[must_use]
    pub fn overrides(self, dataset: &DatasetSource, method: MethodKind) -> Overrides {
        match self {
            Self::Paper => paper(dataset, method),
            Self::Reference => Overrides {
                schedule: Some(ScheduleKind::Reference),
                objective: Some(ObjectiveKind::Reference),
                embedding: Some(EmbeddingKind::Learned),
                embedding_dim: Some(256),
                embedding_start: Some(EmbeddingStart::Small),
                block: Some(BlockKind::Reference),
                decoder: Some(true),
                epochs: Some(10),
                batch_size: Some(128),
                lr_schedule: Some(LearningRateKind::Reference),
                clip_norm: Some(1.0),
                order: Some(Order::Sequential),
                ..Overrides::default()
            },
        }
    }

    /// What every setting is when nobody says anything: the paper's, with a cosine learning rate and few epochs so that a
    /// first run is short.
    pub(super) fn defaults(dataset: DatasetSource, method: MethodKind) -> Overrides {
        let (epochs, batch_size) = match dataset.known() {
            Some(DatasetName::Digits) => (20, 64),
            _ => (10, 128),
        };
        let steps = match method {
            MethodKind::Dt | MethodKind::Backprop => 10,
            MethodKind::Ct | MethodKind::Fm => 1000,
            // The paper's 1000 steps there and back would make a first run last for hours.
            MethodKind::Adjoint => 100,
        };
        let continuous = matches!(method, MethodKind::Ct | MethodKind::Fm);
        let learned = method == MethodKind::Ct;
        Overrides {
            dataset: Some(dataset),
            image_size: None,
            channels: None,
            split: None,
            normalize: None,
            crop_padding: None,
            flip: None,
            limit_train: None,
            limit_test: None,
            validation: Some(0),
            method: Some(method),
            steps: Some(steps),
            schedule: Some(if learned { ScheduleKind::Learned } else { ScheduleKind::Cosine }),
            eta: Some(if learned { 1.0 } else { 0.1 }),
            sampler: None,
            flow_sigma: None,
            objective: Some(ObjectiveKind::Paper),
            embedding: Some(EmbeddingKind::OneHot),
            embedding_dim: Some(20),
            embedding_start: Some(EmbeddingStart::Orthogonal),
            head: None,
            head_sigma: None,
            block: Some(BlockKind::Paper),
            decoder: Some(false),
            dropout: Some(0.2),
            epochs: Some(epochs),
            batch_size: Some(batch_size),
            optimizer: Some(if continuous { OptimizerKind::Adam } else { OptimizerKind::Adamw }),
            lr: Some(0.001),
            lr_schedule: Some(LearningRateKind::Cosine),
            warmup_epochs: Some(0),
            weight_decay: Some(0.001),
            clip_norm: Some(0.0),
            seed: Some(0),
            order: Some(Order::Interleaved),
            precision: Some(PrecisionKind::Auto),
        }
    }
}

/// Table 3, and what the text around it says of the rest.
fn paper(dataset: &DatasetSource, method: MethodKind) -> Overrides {
    use MethodKind::{Adjoint, Backprop, Ct, Dt, Fm};
    Overrides {
        normalize: Some(Normalize::None),
        crop_padding: Some(0),
        flip: Some(false),
        validation: Some(0),
        steps: Some(match method {
            Dt | Backprop => 10,
            Ct | Fm | Adjoint => 1000,
        }),
        schedule: Some(if method == Ct { ScheduleKind::Learned } else { ScheduleKind::Cosine }),
        eta: Some(if method == Ct { 1.0 } else { 0.1 }),
        // The blocks of back-propagation run once: it has no sampler.
        sampler: (method != Backprop).then(|| method.sampler()),
        flow_sigma: (method == Fm).then_some(0.0),
        objective: Some(ObjectiveKind::Paper),
        embedding: Some(EmbeddingKind::OneHot),
        embedding_dim: Some(20),
        embedding_start: Some(EmbeddingStart::Orthogonal),
        head: Some(HeadKind::Softmax),
        block: Some(BlockKind::Paper),
        decoder: Some(false),
        dropout: Some(0.2),
        epochs: Some(PaperDataset::nearest(dataset).epochs(method)),
        batch_size: Some(128),
        optimizer: Some(match method {
            Dt | Backprop | Adjoint => OptimizerKind::Adamw,
            Ct | Fm => OptimizerKind::Adam,
        }),
        lr: Some(0.001),
        lr_schedule: Some(LearningRateKind::Constant),
        warmup_epochs: Some(0),
        weight_decay: Some(0.001),
        clip_norm: Some(0.0),
        // Of the others there is one network, and only one order.
        order: Some(if method == Dt { Order::Sequential } else { Order::Interleaved }),
        precision: Some(PrecisionKind::Auto),
        ..Overrides::default()
    }
}
