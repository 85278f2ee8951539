//! A block in the registry: its settings, and what is built from them.

use crate::config::{Component, ConfigError, Table, Value};
use nopropdt_blocks::BlockDesign;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;

/// Settings that become a design.
type Read = Arc<dyn Fn(&Component, &Table) -> Result<Arc<dyn BlockDesign>, ConfigError> + Send + Sync>;

/// A block of the registry.
#[derive(Clone)]
pub(crate) struct BlockEntry {
    defaults: Table,
    read: Read,
}

impl BlockEntry {
    /// A block with the settings of `design` for defaults.
    pub(super) fn new<D>(design: &D) -> Self
    where
        D: BlockDesign + Serialize + DeserializeOwned + 'static,
    {
        let read: Read = Arc::new(|component, defaults| {
            let design: D = component.read(defaults)?;
            Ok(Arc::new(design))
        });
        Self { defaults: Value::table_of(design), read }
    }

    /// Its settings when nobody says anything.
    pub(crate) fn defaults(&self) -> &Table {
        &self.defaults
    }

    /// The design with the settings of `component`.
    pub(crate) fn design(&self, component: &Component) -> Result<Arc<dyn BlockDesign>, ConfigError> {
        (self.read)(component, &self.defaults)
    }
}
