//! Every setting that has a flag.

use super::sections::{DataSettings, EmbeddingSettings, HeadSettings, TrainingSettings};
use super::setting::Setting;
use crate::registry::flags::{block_settings, method_settings};

/// The sections of a configuration file, in its order.
pub(crate) const SECTIONS: [&str; 6] = ["data", "method", "embedding", "head", "block", "training"];

/// Whether a section is of a component that is chosen by name, and knows its own settings.
pub(crate) fn is_component(section: &str) -> bool {
    matches!(section, "method" | "block")
}

/// Every setting that has a flag, in the order of help.
pub(crate) fn all_settings() -> Vec<Setting> {
    [
        DataSettings::settings(),
        method_settings(),
        EmbeddingSettings::settings(),
        HeadSettings::settings(),
        block_settings(),
        TrainingSettings::settings(),
    ]
    .concat()
}

/// What a setting is called: by its flag, else by section and key.
pub(crate) fn setting_name(section: &str, key: &str) -> String {
    find(section, key).map_or_else(|| format!("{section}.{key}"), |setting| setting.flag.to_owned())
}

/// The setting with this section and key, if it has a flag.
pub(crate) fn find(section: &str, key: &str) -> Option<Setting> {
    all_settings().into_iter().find(|setting| setting.section == section && setting.key == key)
}

/// A setting's `section.key`, when `key` is its flag.
pub(crate) fn canonical(key: &str) -> String {
    let called = |flag: &str, alias: Option<&str>| flag == key || alias == Some(key);
    let setting = all_settings().into_iter().find(|setting| called(setting.flag, setting.alias));
    setting.map_or_else(|| key.to_owned(), |setting| format!("{}.{}", setting.section, setting.key))
}
