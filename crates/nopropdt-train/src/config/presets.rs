//! Named settings.

use super::{
    BlockKind, EmbeddingKind, LearningRateKind, MethodKind, OptimizerKind, Order, Overrides, Precision,
};
use nopropdt_blocks::{EmbeddingStart, Objective, ScheduleKind};
use nopropdt_data::{DatasetName, DatasetSource};

/// A named set of settings; flags and files go over it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Preset {
    /// The paper's Table 3: batch 128, constant learning rate, 100 epochs, Algorithm 1's order
    Paper,
    /// The reference repository's program as published (see docs/algorithm.md)
    Reference,
}

impl Preset {
    pub(super) fn overrides(self) -> Overrides {
        match self {
            Self::Paper => Overrides {
                epochs: Some(100),
                batch_size: Some(128),
                lr_schedule: Some(LearningRateKind::Constant),
                order: Some(Order::Sequential),
                ..Overrides::default()
            },
            Self::Reference => Overrides {
                schedule: Some(ScheduleKind::Reference),
                objective: Some(Objective::Reference),
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
            objective: Some(Objective::Paper),
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
            precision: Some(Precision::Auto),
        }
    }
}
