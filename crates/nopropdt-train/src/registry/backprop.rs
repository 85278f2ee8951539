//! Back-propagation by name.

use super::method::{MethodEntry, PaperDataset};
use crate::config::Overrides;
use nopropdt_blocks::{Backprop, BackpropConfig};
use serde::{Deserialize, Serialize};

/// Settings of back-propagation.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct BackpropSettings {
    /// T, the number of blocks.
    steps: usize,
}

pub(super) fn entry() -> MethodEntry {
    let about = "end-to-end back-propagation through the blocks of dt";
    let paper = BackpropSettings { steps: 10 };
    let entry = MethodEntry::new("backprop", about, &paper, |settings: BackpropSettings, network, _| {
        Ok(Backprop::new(&BackpropConfig { network, steps: settings.steps })?)
    });
    entry.with_paper(|dataset| {
        let epochs = if dataset == PaperDataset::Mnist { 100 } else { 150 };
        Overrides::default().with("epochs", epochs)
    })
}
