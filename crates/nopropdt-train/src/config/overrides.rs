//! Settings as people write them: any may be left out. Flags, presets, files and defaults all take this form.

use super::error::ConfigError;
use super::known::{SECTIONS, all_settings, find, is_component};
use super::setting::Setting;
use super::value::{Table, Value, table_of};
use crate::registry::Registry;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Settings by section, which replace those of the layer below; see [`Overrides::resolve`].
///
/// ```
/// use nopropdt_train::config::Overrides;
///
/// // By the name of a flag, or by section and key.
/// let config = Overrides::default().with("epochs", 3).with("block.hidden", 128).resolve(None)?;
/// assert_eq!(config.training.epochs, 3);
/// # Ok::<(), nopropdt_train::config::ConfigError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Overrides(BTreeMap<String, Table>);

impl Overrides {
    /// The same, with a setting replaced: called by its flag (`embedding-dim`), or by section and key (`embedding.dim`).
    ///
    /// # Panics
    /// When the value has no TOML form.
    #[must_use]
    pub fn with(mut self, setting: &str, value: impl Serialize) -> Self {
        let (section, key) = place(setting);
        self.insert(&section, &key, Value::of(&value));
        self
    }

    pub(crate) fn insert(&mut self, section: &str, key: &str, value: Value) {
        self.0.entry(section.to_owned()).or_default().insert(key.to_owned(), value);
    }

    /// A setting, called as in [`Overrides::with`].
    pub fn get(&self, setting: &str) -> Option<&Value> {
        let (section, key) = place(setting);
        self.0.get(&section)?.get(&key)
    }

    /// The same without a setting, called as in [`Overrides::with`].
    #[must_use]
    pub fn without(mut self, setting: &str) -> Self {
        let (section, key) = place(setting);
        if let Some(table) = self.0.get_mut(&section) {
            table.remove(&key);
            if table.is_empty() {
                self.0.remove(&section);
            }
        }
        self
    }

    /// Whether nothing is said.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The settings of a section.
    pub(crate) fn section(&self, section: &str) -> Table {
        self.0.get(section).cloned().unwrap_or_default()
    }

    /// Every section and its settings.
    pub fn sections(&self) -> impl Iterator<Item = (&str, &Table)> {
        self.0.iter().map(|(section, table)| (section.as_str(), table))
    }

    /// These settings, and those of `below` where these say nothing. Settings of a method or a block belong to the one that they were
    /// written for: where these name another, those of `below` are left out.
    #[must_use]
    pub fn over(mut self, below: Self) -> Self {
        for (section, table) in below.0 {
            let own = self.0.entry(section.clone()).or_default();
            let differs = |own: &Table| match (own.get("name"), table.get("name")) {
                (Some(own), Some(other)) => own != other,
                _ => false,
            };
            if is_component(&section) && differs(own) {
                continue;
            }
            for (key, value) in table {
                own.entry(key).or_insert(value);
            }
        }
        self
    }

    /// Reads a TOML file: one with a section a component, or one whose settings have the names of flags, as files had them before.
    ///
    /// # Errors
    /// When the file can't be read, is not TOML, or holds an unknown setting or a value of the wrong kind.
    pub fn from_file(path: &Path) -> Result<Self, ConfigError> {
        Self::from_file_in(path, &Registry::builtin())
    }

    /// As [`Overrides::from_file`], with the names of `registry`.
    ///
    /// # Errors
    /// As `from_file`.
    pub fn from_file_in(path: &Path, registry: &Registry) -> Result<Self, ConfigError> {
        let failed = |problem: String| ConfigError::File { file: path.display().to_string(), problem };
        let text =
            std::fs::read_to_string(path).map_err(|error| failed(format!("can't be read: {error}")))?;
        Self::from_text_in(&text, registry).map_err(failed)
    }

    /// Reads the text of a TOML file.
    ///
    /// # Errors
    /// What is wrong in which line.
    pub fn from_text(text: &str) -> Result<Self, String> {
        Self::from_text_in(text, &Registry::builtin())
    }

    /// As [`Overrides::from_text`], with the names of `registry`.
    ///
    /// # Errors
    /// What is wrong in which line.
    pub fn from_text_in(text: &str, registry: &Registry) -> Result<Self, String> {
        let at = |place: usize, problem: String| {
            let line = text[..place.min(text.len())].matches('\n').count() + 1;
            format!("line {line}: {problem}")
        };
        let parsed = DeTable::parse(text)
            .map_err(|error| at(error.span().map_or(0, |span| span.start), first_line(error.message())))?;
        Self::from_table_in(parsed.into_inner(), registry).map_err(|(place, problem)| at(place, problem))
    }

    /// Settings as a file has them.
    ///
    /// # Errors
    /// Where in the file's text something is wrong, and what.
    pub(crate) fn from_table_in(table: DeTable<'_>, registry: &Registry) -> Result<Self, (usize, String)> {
        let mut found = Self::default();
        for (key, value) in table {
            let (place, key) = (key.span().start, key.into_inner().into_owned());
            match value.into_inner() {
                DeValue::Table(table) if SECTIONS.contains(&key.as_str()) => {
                    for (name, value) in table {
                        let place = name.span().start;
                        found.read_in(&key, name, value, registry).map_err(|problem| (place, problem))?;
                    }
                }
                value => {
                    found.read_flat(&key, value.into(), registry).map_err(|problem| (place, problem))?;
                }
            }
        }
        Ok(found)
    }

    /// One setting, called by section and key, or by its flag.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn one_in(setting: &str, value: Value, registry: &Registry) -> Result<Self, String> {
        let (section, key) = place(setting);
        if !SECTIONS.contains(&section.as_str()) {
            return Err(format!("unknown setting `{setting}`"));
        }
        let mut found = Self::default();
        found.read_setting(&section, key, value, registry)?;
        Ok(found)
    }

    /// Settings as a model file has them.
    ///
    /// # Errors
    /// What is wrong with which setting.
    pub(crate) fn from_value(value: Value, registry: &Registry) -> Result<Self, String> {
        let Value::Table(table) = value else {
            return Err(format!("settings: must be a table; found {value}"));
        };
        let mut found = Self::default();
        for (key, value) in table {
            match value {
                Value::Table(table) if SECTIONS.contains(&key.as_str()) => {
                    for (name, value) in table {
                        found.read_setting(&key, name, value, registry)?;
                    }
                }
                value => found.read_flat(&key, value, registry)?,
            }
        }
        Ok(found)
    }

    fn read_in(
        &mut self,
        section: &str,
        key: Spanned<toml::de::DeString<'_>>,
        value: Spanned<DeValue<'_>>,
        registry: &Registry,
    ) -> Result<(), String> {
        let value = match value.into_inner() {
            DeValue::Table(table) => Value::Table(table_of(table)),
            value => value.into(),
        };
        self.read_setting(section, key.into_inner().into_owned(), value, registry)
    }

    /// A setting in its section. Those of methods and blocks are theirs to know.
    fn read_setting(
        &mut self,
        section: &str,
        key: String,
        value: Value,
        registry: &Registry,
    ) -> Result<(), String> {
        match find(section, &key) {
            Some(setting) => setting.check(registry, &value)?,
            None if is_component(section) => {}
            None => return Err(format!("unknown setting `{key}` of section `{section}`")),
        }
        self.insert(section, &key, value);
        Ok(())
    }

    /// A setting by the name of its flag.
    fn read_flat(&mut self, key: &str, value: Value, registry: &Registry) -> Result<(), String> {
        let setting = all_settings().into_iter().find(|setting| setting.flag == key);
        let setting = setting.ok_or_else(|| format!("unknown setting `{key}`"))?;
        setting.check(registry, &value)?;
        if !is_inert(&setting, &value) {
            self.insert(setting.section, &setting.key, value);
        }
        Ok(())
    }
}

/// Files without sections held every setting, those that meant nothing to their method too, with the value that this has everywhere.
fn is_inert(setting: &Setting, value: &Value) -> bool {
    match (setting.flag, value) {
        ("schedule", Value::Text(text)) => text == "cosine",
        ("objective", Value::Text(text)) => text == "paper",
        ("decoder", Value::Switch(decoder)) => !decoder,
        ("eta", Value::Number(eta)) => *eta == 0.1,
        _ => false,
    }
}

/// Section and key of a setting that is called by its flag or by both.
fn place(setting: &str) -> (String, String) {
    match setting.split_once('.') {
        Some((section, key)) => (section.to_owned(), key.to_owned()),
        None => match all_settings().into_iter().find(|known| known.flag == setting) {
            Some(known) => (known.section.to_owned(), known.key),
            // No section: refused when it is resolved.
            None => (String::new(), setting.to_owned()),
        },
    }
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}
