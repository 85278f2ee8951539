//! A part of a network that is chosen by name and has settings of its own: the method, the block.

use super::error::ConfigError;
use super::known::setting_name;
use super::value::{Table, Value};
use serde::de::DeserializeOwned;
use serde::ser::{Serialize, SerializeMap, Serializer};

/// A method or a block: its name in the registry, and all of its settings.
#[derive(Debug, Clone, PartialEq)]
pub struct Component {
    /// What it is: `method` or `block`.
    pub(crate) kind: &'static str,
    /// Its name.
    pub name: String,
    /// Its settings, complete.
    pub settings: Table,
}

impl Component {
    /// A setting, if the component has it and it is of this type.
    pub fn get<T: DeserializeOwned>(&self, key: &str) -> Option<T> {
        self.settings.get(key)?.read().ok()
    }

    /// All settings.
    ///
    /// # Errors
    /// When one is not of its type, or there is one that the component does not have.
    pub fn read<T: DeserializeOwned>(&self, defaults: &Table) -> Result<T, ConfigError> {
        Value::Table(self.settings.clone()).read().map_err(|error| {
            self.blame(defaults, |table| Value::Table(table).read::<T>().err()).unwrap_or(
                ConfigError::Component {
                    kind: self.kind,
                    name: self.name.clone(),
                    problem: error.to_string(),
                },
            )
        })
    }

    /// The first setting that the defaults can't take.
    fn blame<E: ToString>(
        &self,
        defaults: &Table,
        refuses: impl Fn(Table) -> Option<E>,
    ) -> Option<ConfigError> {
        self.settings.iter().find_map(|(key, value)| {
            let mut table = defaults.clone();
            table.insert(key.clone(), value.clone());
            let problem = refuses(table)?;
            Some(ConfigError::Value { setting: setting_name(self.kind, key), problem: problem.to_string() })
        })
    }

    /// Refuses settings that mean nothing to the component, so that nobody believes they did something.
    pub(super) fn check_keys(&self, known: &Table) -> Result<(), ConfigError> {
        match self.settings.keys().find(|key| !known.contains_key(*key)) {
            None => Ok(()),
            Some(key) => Err(ConfigError::NoSuchSetting {
                setting: setting_name(self.kind, key),
                kind: self.kind,
                name: self.name.clone(),
                known: known.keys().cloned().collect(),
            }),
        }
    }
}

impl Serialize for Component {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1 + self.settings.len()))?;
        map.serialize_entry("name", &self.name)?;
        for (key, value) in &self.settings {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}
