//! What settings mean: two files that say the same in different words, or differ in what nothing reads, mean the same.

use super::kinds::{ClassWeights, EmbeddingKind, HeadKind, Normalize};
use super::known::SECTIONS;
use super::run_config::RunConfig;
use super::value::{Table, Value};

impl RunConfig {
    /// Every setting that means something to this run, by `section.key`. What was left out and has a value all the same is there with
    /// that value; settings of an embedding or a head that another kind has are not.
    pub fn meant_settings(&self) -> Table {
        let mut meant = self.clone();
        let data = &mut meant.data;
        data.channels = Some(data.channels.unwrap_or_default());
        data.normalize = Some(data.normalize.unwrap_or(Normalize::None));
        data.crop_scale = Some(data.crop_scale.unwrap_or(0.0));
        data.crop_padding = Some(data.crop_padding.unwrap_or(0));
        data.crop_edges = Some(data.crop_edges.unwrap_or_default());
        data.flip = Some(data.flip.unwrap_or(false));
        data.cutout = Some(data.cutout.unwrap_or(0));
        data.test_flip = Some(data.test_flip.unwrap_or(false));
        let training = &mut meant.training;
        training.class_weights = Some(training.class_weights.unwrap_or(ClassWeights::None));
        training.decayed = Some(training.decayed.unwrap_or_default());
        training.label_smoothing = Some(training.label_smoothing.unwrap_or(0.0));
        training.ema = Some(training.averaged().unwrap_or(0.0));
        training.eval_every = Some(training.eval_every.unwrap_or(1));
        training.keep_best = Some(training.keep_best.unwrap_or(false));
        if meant.head.kind == HeadKind::Radial {
            meant.head.sigma = Some(meant.head.sigma.unwrap_or(1.0));
        }
        let fixed = meant.embedding.kind != EmbeddingKind::Learned;
        let unread = |section: &str, key: &str| fixed && section == "embedding" && key != "kind";
        let mut sections = Value::table_of(&meant);
        let mut settings = Table::new();
        for section in SECTIONS {
            let Some(Value::Table(table)) = sections.remove(section) else { continue };
            let read = table.into_iter().filter(|(key, _)| !unread(section, key));
            settings.extend(read.map(|(key, value)| (format!("{section}.{key}"), value)));
        }
        settings
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{Overrides, Value};

    fn meant(overrides: Overrides) -> crate::config::Table {
        overrides.resolve(None).unwrap().meant_settings()
    }

    #[test]
    fn saying_what_is_so_anyway_changes_nothing() {
        let said = Overrides::default()
            .with("flip", false)
            .with("crop-padding", 0)
            .with("normalize", "none")
            .with("class-weights", "none")
            .with("epochs", 20)
            .with("embedding-dim", 64);
        assert_eq!(meant(said), meant(Overrides::default()));
    }

    #[test]
    fn what_is_read_is_there() {
        let learned = meant(Overrides::default().with("embedding", "learned").with("head", "radial"));
        assert_eq!(learned["embedding.dim"], Value::Whole(20));
        assert_eq!(learned["head.sigma"], Value::Number(1.0));
        assert!(!meant(Overrides::default()).contains_key("embedding.dim"));
        assert!(!learned.contains_key("data.split"));
    }
}
