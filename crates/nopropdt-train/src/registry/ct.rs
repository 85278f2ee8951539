//! NoProp-CT by name.

use super::LEARNED;
use super::method::{MethodEntry, PaperDataset};
use crate::config::{OptimizerKind, Overrides};
use nopropdt_blocks::{CtConfig, NoPropCt, Sampler};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

/// Settings of NoProp-CT.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct CtSettings {
    /// T, steps of an answer.
    steps: usize,
    /// Always `learned`.
    #[serde(deserialize_with = "learned")]
    schedule: String,
    /// η.
    eta: f64,
    /// How an answer is denoised.
    sampler: Sampler,
}

/// The one schedule that there is.
fn learned<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let found = String::deserialize(deserializer)?;
    match found == LEARNED {
        true => Ok(found),
        false => {
            let rule = "must be learned for method ct, and another for all others";
            Err(D::Error::custom(format!("{rule}; found {found}")))
        }
    }
}

pub(super) fn entry() -> MethodEntry {
    let about = "NoProp-CT: continuous time, one network, a learned noise schedule";
    let paper = CtSettings { steps: 1000, schedule: LEARNED.into(), eta: 1.0, sampler: Sampler::Stochastic };
    let entry = MethodEntry::new("ct", about, &paper, |settings: CtSettings, network, _| {
        let CtSettings { steps, eta, sampler, .. } = settings;
        Ok(NoPropCt::new(&CtConfig { network, steps, eta, sampler })?)
    });
    let adam = Overrides::default().with("optimizer", OptimizerKind::Adam);
    // One network for all times takes longer than a block for one; measuring it, a thousand steps an answer, takes longer than an epoch.
    let digits = Overrides::default().with("epochs", 100).with("eval-every", 10);
    entry.with_defaults(adam).with_digits(digits).with_paper(|dataset| {
        let epochs = continuous_epochs(dataset);
        Overrides::default().with("epochs", epochs).with("optimizer", OptimizerKind::Adam)
    })
}

/// Epochs of Table 3 for methods of continuous time.
pub(super) fn continuous_epochs(dataset: PaperDataset) -> usize {
    match dataset {
        PaperDataset::Mnist => 100,
        PaperDataset::Cifar10 => 500,
        PaperDataset::Cifar100 => 1000,
    }
}
