//! From settings as people write them to complete ones.

use super::by_images::open;
use super::component::Component;
use super::error::ConfigError;
use super::known::SECTIONS;
use super::overrides::Overrides;
use super::presets::{Preset, of_dataset, usual};
use super::run_config::RunConfig;
use super::sections::{DataSettings, EmbeddingSettings, HeadSettings, TrainingSettings};
use super::setting::Setting;
use super::value::{Table, Value};
use crate::registry::Registry;
use nopropdt_data::{DatasetName, DatasetSource};
use serde::Serialize;
use serde::de::DeserializeOwned;

impl Overrides {
    /// The complete configuration: these settings over the preset's, over the defaults of the method and of the dataset.
    ///
    /// # Errors
    /// The first setting that breaks a rule.
    pub fn resolve(self, preset: Option<Preset>) -> Result<RunConfig, ConfigError> {
        self.resolve_in(&Registry::builtin(), preset)
    }

    /// As [`Overrides::resolve`], with the names of `registry`.
    ///
    /// # Errors
    /// The first setting that breaks a rule.
    pub fn resolve_in(self, registry: &Registry, preset: Option<Preset>) -> Result<RunConfig, ConfigError> {
        let (own, dataset) = self.with_dataset(registry)?;
        let preset = preset.or_else(|| usual(&dataset, &own));
        own.complete(registry, &dataset, preset)
    }

    /// The configuration that a program wrote down: what it does not name is off, or has the default that it had before there were presets.
    ///
    /// # Errors
    /// The first setting that breaks a rule.
    pub fn resolve_written_in(self, registry: &Registry) -> Result<RunConfig, ConfigError> {
        let (own, dataset) = self.with_dataset(registry)?;
        own.complete(registry, &dataset, None)
    }

    /// These settings over the preset's, over the defaults.
    fn complete(
        self,
        registry: &Registry,
        dataset: &DatasetSource,
        preset: Option<Preset>,
    ) -> Result<RunConfig, ConfigError> {
        self.refuse_unknown_sections()?;
        let own = self;
        let name = own.get("method").map_or(Ok("dt".to_owned()), |name| text("method", name))?;
        let method = registry.method_entry(&name)?;
        let layers = own.over(preset.map(|preset| preset.overrides(dataset, method)).unwrap_or_default());
        let open = match preset {
            Some(Preset::Best) => open(&layers),
            _ => Vec::new(),
        };
        let layers = layers.over(method.further().clone()).over(of_dataset(dataset, method));
        let method_settings = component("method", name, layers.section("method"), method.defaults())?;
        let name = layers.get("block").map_or(Ok("paper".to_owned()), |name| text("block", name))?;
        let block = component(
            "block",
            name.clone(),
            layers.section("block"),
            registry.block_entry(&name)?.defaults(),
        )?;
        let config = RunConfig {
            data: section::<DataSettings>(
                &layers,
                "data",
                &DataSettings::defaults(),
                DataSettings::settings(),
            )?,
            method: method_settings,
            embedding: section(
                &layers,
                "embedding",
                &EmbeddingSettings::defaults(),
                EmbeddingSettings::settings(),
            )?,
            head: section(&layers, "head", &HeadSettings::defaults(), HeadSettings::settings())?,
            block,
            training: section(
                &layers,
                "training",
                &TrainingSettings::defaults(),
                TrainingSettings::settings(),
            )?,
            registry: registry.clone(),
            open,
        };
        config.validate()?;
        Ok(config)
    }

    fn refuse_unknown_sections(&self) -> Result<(), ConfigError> {
        match self.sections().find(|(section, _)| !SECTIONS.contains(section)) {
            None => Ok(()),
            Some((section, table)) => {
                let keys = table.keys().next().map_or(String::new(), |key| {
                    if section.is_empty() { key.clone() } else { format!("{section}.{key}") }
                });
                Err(ConfigError::Unknown { setting: keys })
            }
        }
    }

    /// The dataset, and the settings with its full name.
    fn with_dataset(self, registry: &Registry) -> Result<(Self, DatasetSource), ConfigError> {
        let Some(value) = self.get("dataset") else { return Ok((self, DatasetName::Digits.into())) };
        let source = registry.dataset_source(&text("dataset", value)?)?;
        Ok((self.with("dataset", &source), source))
    }
}

fn text(setting: &str, value: &Value) -> Result<String, ConfigError> {
    let wrong =
        || ConfigError::Range { setting: setting.into(), rule: "a name".into(), found: value.to_string() };
    value.text().map(str::to_owned).ok_or_else(wrong)
}

/// A method or a block: what was said of it over its defaults.
fn component(
    kind: &'static str,
    name: String,
    mut said: Table,
    defaults: &Table,
) -> Result<Component, ConfigError> {
    said.remove("name");
    let said = Component { kind, name, settings: said };
    said.check_keys(defaults)?;
    let mut settings = defaults.clone();
    settings.extend(said.settings);
    Ok(Component { settings, ..said })
}

/// A section that every run has: what was said over its defaults.
fn section<S: Serialize + DeserializeOwned>(
    layers: &Overrides,
    section: &str,
    defaults: &S,
    settings: Vec<Setting>,
) -> Result<S, ConfigError> {
    let mut complete = Value::table_of(defaults);
    for (key, value) in layers.section(section) {
        let setting = settings.iter().find(|setting| setting.key == key);
        let setting = setting.ok_or_else(|| ConfigError::Unknown { setting: format!("{section}.{key}") })?;
        let mut one = Value::table_of(defaults);
        one.insert(key.clone(), value.clone());
        Value::Table(one).read::<S>().map_err(|error| ConfigError::Value {
            setting: setting.flag.into(),
            problem: error.to_string(),
        })?;
        complete.insert(key, value);
    }
    Value::Table(complete).read().map_err(|error| ConfigError::Component {
        kind: "section",
        name: section.into(),
        problem: error.to_string(),
    })
}
