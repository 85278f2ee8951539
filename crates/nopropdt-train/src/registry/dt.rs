//! NoProp-DT by name.

use super::Registry;
use super::method::{MethodEntry, PaperDataset};
use crate::config::{Component, ConfigError, Overrides, Value};
use nopropdt_blocks::{NetworkConfig, NoPropDt, Sampler};
use serde::{Deserialize, Serialize};

/// Settings of NoProp-DT.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct DtSettings {
    /// T.
    steps: usize,
    /// Name of the noise schedule.
    schedule: String,
    /// η.
    eta: f64,
    /// How an answer is denoised.
    sampler: Sampler,
    /// Name of the objective.
    objective: String,
}

impl DtSettings {
    fn paper() -> Self {
        let (schedule, objective) = ("cosine".into(), "paper".into());
        Self { steps: 10, schedule, eta: 0.1, sampler: Sampler::Stochastic, objective }
    }
}

pub(super) fn entry() -> MethodEntry {
    let about = "NoProp-DT: discrete time, blocks that learn alone";
    let best = Overrides::default().with("steps", 2).with("objective", "labels").with("schedule", "late");
    MethodEntry::new("dt", about, &DtSettings::paper(), network).with_best(best).with_paper(|dataset| {
        let epochs = if dataset == PaperDataset::Mnist { 100 } else { 150 };
        Overrides::default().with("epochs", epochs).with("order", "sequential")
    })
}

/// The network of a method whose settings are those of NoProp-DT.
pub(crate) fn dt_network(
    component: &Component,
    network_config: NetworkConfig,
    registry: &Registry,
) -> Result<NoPropDt, ConfigError> {
    network(component.read(&Value::table_of(&DtSettings::paper()))?, network_config, registry)
}

/// The network of these settings.
fn network(
    settings: DtSettings,
    network: NetworkConfig,
    registry: &Registry,
) -> Result<NoPropDt, ConfigError> {
    let DtSettings { steps, schedule, eta, sampler, objective } = settings;
    if !(eta > 0.0 && eta.is_finite()) {
        let (setting, rule) = ("eta".into(), "above 0 and finite".into());
        return Err(ConfigError::Range { setting, rule, found: eta.to_string() });
    }
    let schedule = registry.noise_schedule(&schedule, steps)?;
    let objective = registry.make_objective(&objective, eta)?;
    Ok(NoPropDt::with_objective(&network, schedule, objective, sampler)?)
}
