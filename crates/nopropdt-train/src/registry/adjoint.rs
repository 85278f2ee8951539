//! The neural ODE by name.

use super::method::{MethodEntry, PaperDataset};
use crate::config::Overrides;
use nopropdt_blocks::{Adjoint, AdjointConfig, Sampler};
use serde::{Deserialize, Serialize};

/// Settings of the neural ODE.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct AdjointSettings {
    /// T, steps of the solver, in training and in answering.
    steps: usize,
    /// The solver.
    sampler: Sampler,
}

pub(super) fn entry() -> MethodEntry {
    let about = "a neural ODE on the network of ct, trained by the adjoint method";
    // The paper's 1000 steps there and back would make a first run last for hours.
    let short = AdjointSettings { steps: 100, sampler: Sampler::Euler };
    let entry = MethodEntry::new("adjoint", about, &short, |settings: AdjointSettings, network, _| {
        let AdjointSettings { steps, sampler } = settings;
        Ok(Adjoint::new(&AdjointConfig { network, steps, sampler })?)
    });
    entry.with_paper(|dataset| {
        let epochs = if dataset == PaperDataset::Mnist { 2 } else { 4 };
        Overrides::default().with("epochs", epochs).with("steps", 1000)
    })
}
