//! Named settings.

use super::kinds::{HeadKind, LearningRateKind, Normalize, OptimizerKind, Order, PrecisionKind};
use super::overrides::Overrides;
use super::sections::EmbeddingSettings;
use super::{EmbeddingKind, Value};
use crate::registry::MethodEntry;
use nopropdt_blocks::{ConvBlock, EmbeddingStart};
use nopropdt_data::{DatasetName, DatasetSource, Edges};
use nopropdt_tensor::optim::Decayed;

/// A named set of settings; flags and files go over it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum Preset {
    /// The paper's Table 3 for the dataset and the method: batch 128, constant learning rate, f32, Algorithm 1's order for dt; other
    /// datasets take the epochs of the nearest of its three: grey ones MNIST's, colour ones of 10 classes and folders CIFAR-10's,
    /// those of more classes CIFAR-100's
    Paper,
    /// The reference repository's program as published (see docs/algorithm.md)
    Reference,
    /// What answers best at a sensible cost: deep blocks that learn the class, and a recipe that goes with them; epochs, batch size,
    /// images for validation, width and shifts by the number and size of the training images. The default of all datasets of images but
    /// the digits, unless another block or method is asked for
    Best,
}

impl Preset {
    /// The settings it names, for a run of `method` on `dataset`.
    ///
    /// `paper` names every setting that means anything to the method, so that no later change of a default moves it; absent are
    /// those of one dataset or run alone (the size of a folder's pictures, limits, seed).
    #[must_use]
    pub fn overrides(self, dataset: &DatasetSource, method: &MethodEntry) -> Overrides {
        match self {
            Self::Paper => method.paper(dataset).over(paper(method)),
            Self::Best => method.best().clone().over(best(dataset)),
            Self::Reference => Overrides::default()
                .with("schedule", "reference")
                .with("objective", "reference")
                .with("embedding", EmbeddingKind::Learned)
                .with("embedding-dim", 256)
                .with("embedding-start", EmbeddingStart::Small)
                .with("block", "reference")
                .with("decoder", true)
                .with("epochs", 10)
                .with("batch-size", 128)
                .with("lr-schedule", LearningRateKind::Reference)
                .with("clip-norm", 1.0)
                .with("order", Order::Sequential),
        }
    }
}

/// Table 3, and what the text around it says of the rest, as far as methods have it in common.
fn paper(method: &MethodEntry) -> Overrides {
    let EmbeddingSettings { dim, start, .. } = EmbeddingSettings::defaults();
    let common = Overrides::default()
        .with("normalize", Normalize::None)
        .with("crop-scale", 0.0)
        .with("crop-padding", 0)
        .with("crop-edges", Edges::Black)
        .with("flip", false)
        .with("test-flip", false)
        .with("cutout", 0)
        .with("validation", 0)
        .with("embedding", EmbeddingKind::OneHot)
        .with("embedding-dim", dim)
        .with("embedding-start", start)
        .with("head", HeadKind::Softmax)
        .with("block", "paper")
        .with("batch-size", 128)
        .with("optimizer", OptimizerKind::Adamw)
        .with("lr", 0.001)
        .with("lr-schedule", LearningRateKind::Constant)
        .with("warmup-epochs", 0)
        .with("weight-decay", 0.001)
        .with("decayed", Decayed::All)
        .with("label-smoothing", 0.0)
        .with("ema", 0.0)
        .with("eval-every", 1)
        .with("clip-norm", 0.0)
        // Of one network there is only one order.
        .with("order", Order::Interleaved)
        .with("precision", PrecisionKind::F32);
    let block = Value::table_of(&ConvBlock::paper());
    let common = block.into_iter().fold(common, |all, (key, value)| all.with(&format!("block.{key}"), value));
    let own = method.defaults().clone();
    own.into_iter().fold(common, |all, (key, value)| all.with(&format!("method.{key}"), value))
}

/// What goes well with deep blocks.
fn best(dataset: &DatasetSource) -> Overrides {
    let mirror = shows_things(dataset);
    Overrides::default()
        .with("block", "deep")
        .with("normalize", Normalize::Standard)
        .with("crop-edges", Edges::Mirror)
        .with("flip", mirror)
        .with("test-flip", mirror)
        .with("optimizer", OptimizerKind::Muon)
        .with("lr", 0.02)
        .with("lr-schedule", LearningRateKind::OneCycle)
        .with("decayed", Decayed::Matrices)
        .with("label-smoothing", 0.1)
        .with("ema", 0.99)
        .with("eval-every", 3)
}

/// Whether pictures look as likely when they are mirrored: of things and animals, not of characters; of arrays nothing is known.
fn shows_things(dataset: &DatasetSource) -> bool {
    use DatasetName::{Cifar10, Cifar100, Cifar100Coarse, FashionMnist, TinyImagenet};
    match dataset {
        DatasetSource::Folder(_) => true,
        DatasetSource::Known(name) => {
            matches!(name, Cifar10 | Cifar100 | Cifar100Coarse | FashionMnist | TinyImagenet)
        }
        DatasetSource::Npz(_) | DatasetSource::Own(_) => false,
    }
}

/// The preset that a dataset has when none is named: [`Preset::Best`] where it is sure to be of images, unless the settings name another
/// method or block, which it was not made for. A file of a whole run names both, so no later default changes what it means. The digits
/// keep to the paper.
pub(super) fn usual(dataset: &DatasetSource, said: &Overrides) -> Option<Preset> {
    let is = |setting: &str, usual: &str| said.get(setting).is_none_or(|name| name.text() == Some(usual));
    let of_images = match dataset {
        DatasetSource::Folder(_) => true,
        DatasetSource::Known(name) => *name != DatasetName::Digits,
        DatasetSource::Npz(_) | DatasetSource::Own(_) => false,
    };
    (of_images && is("method", "dt") && is("block", "deep")).then_some(Preset::Best)
}

/// Defaults of a dataset: few epochs, so that a first run is short.
pub(super) fn of_dataset(dataset: &DatasetSource, method: &MethodEntry) -> Overrides {
    match dataset.known() {
        Some(DatasetName::Digits) => {
            method.of_digits().clone().over(Overrides::default().with("epochs", 20).with("batch-size", 64))
        }
        _ => Overrides::default(),
    }
}
