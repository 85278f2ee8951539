//! NoProp-FM by name.

use super::ct::continuous_epochs;
use super::method::MethodEntry;
use crate::config::{OptimizerKind, Overrides};
use nopropdt_blocks::{FmConfig, NoPropFm, Sampler};
use serde::{Deserialize, Serialize};

/// Settings of NoProp-FM.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct FmSettings {
    /// T, steps of an answer.
    steps: usize,
    /// How the field is followed.
    sampler: Sampler,
    /// σ, deviation of the noise around the straight path.
    flow_sigma: f64,
}

pub(super) fn entry() -> MethodEntry {
    let about = "NoProp-FM: flow matching, one network";
    let paper = FmSettings { steps: 1000, sampler: Sampler::Euler, flow_sigma: 0.0 };
    let entry = MethodEntry::new("fm", about, &paper, |settings: FmSettings, network, _| {
        let FmSettings { steps, sampler, flow_sigma } = settings;
        Ok(NoPropFm::new(&FmConfig { network, steps, sigma: flow_sigma, sampler })?)
    });
    entry.with_defaults(Overrides::default().with("optimizer", OptimizerKind::Adam)).with_paper(|dataset| {
        let epochs = continuous_epochs(dataset);
        Overrides::default().with("epochs", epochs).with("optimizer", OptimizerKind::Adam)
    })
}
