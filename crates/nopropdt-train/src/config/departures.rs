//! In which settings a run departs from a preset, found by comparing resolved configurations.

use super::known::{SECTIONS, setting_name};
use super::overrides::Overrides;
use super::{ConfigError, Preset, RunConfig, Value};
use std::collections::BTreeSet;

/// A setting that is not a preset's.
#[derive(Debug, Clone, PartialEq)]
pub struct Departure {
    /// `section.key`.
    pub key: String,
    /// What people call it: its flag, else `section.key`.
    pub name: String,
    /// Its value; none where it is left out.
    pub value: Option<Value>,
    /// The preset's value; none where the preset leaves it out.
    pub of_preset: Option<Value>,
}

/// What says which run of the preset a run is compared with, or how it is measured.
const COMPARED_WITHIN: [&str; 5] =
    ["data.dataset", "method.name", "embedding.kind", "training.seed", "training.eval-every"];

impl RunConfig {
    /// The settings in which this run departs from what `preset` is for its dataset, method and kind of embedding, in the order of the
    /// sections. Compared is what settings mean. The seed and the epochs that are measured are no departure.
    ///
    /// # Errors
    /// When the preset can't be resolved for them.
    pub fn departures(&self, preset: Preset) -> Result<Vec<Departure>, ConfigError> {
        let same = Overrides::default()
            .with("dataset", &self.data.dataset)
            .with("method", &self.method.name)
            .with("embedding", self.embedding.kind);
        let theirs = same.resolve_in(&self.registry, Some(preset))?.meant_settings();
        let ours = self.meant_settings();
        let keys: BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
        let differing = keys
            .into_iter()
            .filter(|key| !COMPARED_WITHIN.contains(&key.as_str()) && ours.get(*key) != theirs.get(*key));
        let mut departures: Vec<(usize, Departure)> = differing
            .filter_map(|key| {
                let (section, setting) = key.split_once('.')?;
                let (value, of_preset) = (ours.get(key).cloned(), theirs.get(key).cloned());
                let departure =
                    Departure { key: key.clone(), name: setting_name(section, setting), value, of_preset };
                Some((SECTIONS.iter().position(|known| *known == section)?, departure))
            })
            .collect();
        departures.sort_by_key(|(section, _)| *section);
        Ok(departures.into_iter().map(|(_, departure)| departure).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::EmbeddingKind;

    fn told(settings: Overrides, preset: Option<Preset>) -> String {
        let config = settings.resolve(preset).unwrap();
        let plain = |value: &Option<Value>| value.as_ref().map_or("-".into(), Value::plain);
        let each = config.departures(Preset::Paper).unwrap();
        let each =
            each.iter().map(|of| format!("{} {} for {}", of.name, plain(&of.value), plain(&of.of_preset)));
        each.collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn a_preset_does_not_depart_from_itself() {
        for method in ["dt", "ct", "fm", "backprop", "adjoint", "committee"] {
            let settings = Overrides::default()
                .with("dataset", "mnist")
                .with("method", method)
                .with(
                    "embedding",
                    if method == "adjoint" { EmbeddingKind::OneHot } else { EmbeddingKind::Learned },
                )
                .with("seed", 3)
                .with("eval-every", 100);
            assert_eq!(told(settings, Some(Preset::Paper)), "", "{method}");
        }
    }

    /// Defaults are found like what was typed, and so is what the preset does not have at all.
    #[test]
    fn every_departure_is_found_whoever_made_it() {
        let settings = Overrides::default().with("dataset", "mnist").with("block", "paper");
        let settings = settings.with("limit-train", 100).with("dropout", 0.0);
        assert_eq!(
            told(settings, None),
            "limit-train 100 for -, dropout 0 for 0.2, epochs 10 for 100, lr-schedule cosine for constant, \
             order interleaved for sequential, precision auto for f32"
        );
        let blind = Overrides::default().with("dataset", "mnist").with("objective", "zeroed-z");
        assert_eq!(told(blind, Some(Preset::Paper)), "objective zeroed-z for paper");
    }
}
