//! A committee of plain classifiers by name.

use super::method::{MethodEntry, PaperDataset};
use crate::config::Overrides;
use nopropdt_blocks::{Committee, CommitteeConfig};
use serde::{Deserialize, Serialize};

/// Settings of a committee.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct CommitteeSettings {
    /// T, the number of members.
    steps: usize,
}

pub(super) fn entry() -> MethodEntry {
    let about = "a control: the blocks of dt as plain classifiers, averaged";
    let ten = CommitteeSettings { steps: 10 };
    let entry = MethodEntry::new("committee", about, &ten, |settings: CommitteeSettings, network, _| {
        Ok(Committee::new(&CommitteeConfig { network, steps: settings.steps })?)
    });
    // The paper has no committee: it gets what the paper gives the blocks of dt.
    entry.with_paper(|dataset| {
        let epochs = if dataset == PaperDataset::Mnist { 100 } else { 150 };
        Overrides::default().with("epochs", epochs).with("order", "sequential")
    })
}
