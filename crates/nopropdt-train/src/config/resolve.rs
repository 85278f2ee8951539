//! From settings as people write them to complete ones.

use super::error::ConfigError;
use super::kinds::MethodKind;
use super::overrides::Overrides;
use super::presets::Preset;
use super::run_config::RunConfig;
use nopropdt_data::DatasetName;

impl Overrides {
    /// The complete configuration: these settings over the preset's, over the dataset's defaults.
    ///
    /// # Errors
    /// The first setting that breaks a rule.
    pub fn resolve(self, preset: Option<Preset>) -> Result<RunConfig, ConfigError> {
        let dataset = self.dataset.clone().unwrap_or(DatasetName::Digits.into());
        let method = self.method.unwrap_or(MethodKind::Dt);
        let layers = self.over(preset.map(|preset| preset.overrides(&dataset, method)).unwrap_or_default());
        let complete = layers.over(Preset::defaults(dataset, method));
        let table = toml::to_string(&complete).expect("overrides have a TOML form");
        let config: RunConfig = toml::from_str(&table).expect("the defaults hold every setting a run needs");
        config.validate()?;
        Ok(config)
    }
}
