//! Settings, complete and checked.

use super::component::Component;
use super::error::ConfigError;
use super::kinds::{HeadKind, Order, PrecisionKind};
use super::known::{SECTIONS, setting_name};
use super::overrides::Overrides;
use super::presets::Preset;
use super::sections::{DataSettings, EmbeddingSettings, HeadSettings, TrainingSettings};
use super::smaller::MOST_PARAMETERS;
use super::value::Value;
use super::whole::{self, Whole};
use crate::registry::{Registry, dt_network};
use nopropdt_blocks::{Method, Mirrored, NetworkConfig, NoPropDt};
use nopropdt_tensor::{Isa, Precision};
use serde::{Serialize, Serializer};

/// Everything that decides what a run computes; two runs with equal ones end bit-identical (on one instruction set).
#[derive(Debug, Clone)]
pub struct RunConfig {
    /// What is learned from.
    pub data: DataSettings,
    /// The method, and its settings.
    pub method: Component,
    /// What classes are embedded as.
    pub embedding: EmbeddingSettings,
    /// How the last latent becomes class probabilities.
    pub head: HeadSettings,
    /// The block, and its settings.
    pub block: Component,
    /// How the network is trained.
    pub training: TrainingSettings,
    /// What the names mean.
    pub(crate) registry: Registry,
    /// Settings that follow from the number of training images, by section and key, until [`RunConfig::for_images`] knows it.
    pub(super) open: Vec<&'static str>,
}

/// The sections of a file.
#[derive(Serialize)]
struct Sections<'a> {
    data: &'a DataSettings,
    method: &'a Component,
    embedding: &'a EmbeddingSettings,
    head: &'a HeadSettings,
    block: &'a Component,
    training: &'a TrainingSettings,
}

/// Without settings that are open: where they are read again, they are open again.
impl Serialize for RunConfig {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { data, method, embedding, head, block, training, .. } = self;
        let sections = Sections { data, method, embedding, head, block, training };
        if self.open.is_empty() {
            return sections.serialize(serializer);
        }
        let mut table = Value::table_of(&sections);
        for (section, key) in self.open.iter().filter_map(|setting| setting.split_once('.')) {
            if let Some(Value::Table(section)) = table.get_mut(section) {
                section.remove(key);
            }
        }
        table.serialize(serializer)
    }
}

/// What the names mean is not compared: it is the program's. Nor is what is open, which has the same values then.
impl PartialEq for RunConfig {
    fn eq(&self, other: &Self) -> bool {
        let Self { data, method, embedding, head, block, training, registry: _, open: _ } = self;
        (data, method, embedding) == (&other.data, &other.method, &other.embedding)
            && (head, block, training) == (&other.head, &other.block, &other.training)
    }
}

fn number(setting: &str, holds: bool, rule: &str, found: f64) -> Result<(), ConfigError> {
    match holds {
        true => Ok(()),
        false => {
            Err(ConfigError::Range { setting: setting.into(), rule: rule.into(), found: found.to_string() })
        }
    }
}

impl RunConfig {
    /// Checks all that can be checked without the data.
    ///
    /// # Errors
    /// The first setting that breaks a rule.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.check_data()?;
        self.check_training()?;
        let (radial, sigma) = (self.head.kind == HeadKind::Radial, self.head.sigma);
        if let Some(found) = sigma.filter(|_| !radial) {
            return number("head-sigma", false, "left out unless the head is radial", found);
        }
        self.registry.method_entry(&self.method.name)?.check(&self.method)?;
        self.registry.block_entry(&self.block.name)?.design(&self.block)?;
        Ok(())
    }

    fn check_data(&self) -> Result<(), ConfigError> {
        let data = &self.data;
        let unless_absent =
            |range: Whole, found: Option<usize>| found.map_or(Ok(()), |found| range.check(found));
        unless_absent(whole::LIMIT_TRAIN, data.limit_train)?;
        unless_absent(whole::LIMIT_TEST, data.limit_test)?;
        unless_absent(whole::CROP_PADDING, data.crop_padding)?;
        unless_absent(whole::CUTOUT, data.cutout)?;
        // Conditions say what must hold, so that NaN fails.
        let scale = f64::from(data.crop_scale.unwrap_or(0.0));
        number("crop-scale", (0.0..1.0).contains(&scale), "at least 0 and below 1", scale)?;
        let split = data.split.unwrap_or(0.5);
        number("split", split > 0.0 && split < 1.0, "above 0 and below 1", split)
    }

    fn check_training(&self) -> Result<(), ConfigError> {
        let training = &self.training;
        let (warmup, epochs) = (training.warmup_epochs, training.epochs);
        whole::EPOCHS.check(epochs)?;
        whole::WARMUP_EPOCHS.check(warmup)?;
        if warmup > epochs {
            // The rate would never be the one that was asked for.
            let (setting, rule) = ("warmup-epochs".into(), format!("at most the {epochs} epochs of the run"));
            return Err(ConfigError::Range { setting, rule, found: warmup.to_string() });
        }
        whole::BATCH_SIZE.check(training.batch_size)?;
        training.eval_every.map_or(Ok(()), |every| whole::EVAL_EVERY.check(every))?;
        training.patience.map_or(Ok(()), |patience| whole::PATIENCE.check(patience))?;
        let lr = f64::from(training.lr);
        number("lr", lr > 0.0 && lr.is_finite(), "above 0 and finite", lr)?;
        let decay = training.weight_decay;
        number("weight-decay", decay >= 0.0 && (decay as f32).is_finite(), "at least 0 and finite", decay)?;
        let smoothing = f64::from(training.label_smoothing.unwrap_or(0.0));
        number("label-smoothing", (0.0..1.0).contains(&smoothing), "at least 0 and below 1", smoothing)?;
        let ema = training.ema.unwrap_or(0.0);
        number("ema", (0.0..1.0).contains(&ema), "at least 0 and below 1", ema)?;
        let norm = f64::from(training.clip_norm);
        number("clip-norm", norm >= 0.0, "above 0, or 0 for no limit", norm)?;
        training.optimizer().validate()?;
        training.learning_rate(1).validate(training.lr)?;
        Ok(())
    }

    /// Refuses what judges epochs by images for validation, for a run without any.
    ///
    /// # Errors
    /// [`ConfigError::NoValidation`].
    pub fn check_without_validation(&self) -> Result<(), ConfigError> {
        let TrainingSettings { keep_best, patience, .. } = self.training;
        let judging = [("keep-best", keep_best == Some(true)), ("patience", patience.is_some())];
        match judging.into_iter().find(|(_, is_set)| *is_set) {
            Some((setting, _)) => Err(ConfigError::NoValidation { setting: setting.into() }),
            None => Ok(()),
        }
    }

    /// The network for inputs of this shape and classes of the dataset. Precision `auto` is decided for this processor.
    ///
    /// # Errors
    /// When a setting of the network breaks a rule.
    pub fn network(&self, input: &[usize], classes: usize) -> Result<Box<dyn Method>, ConfigError> {
        let network = self.boxed(input, classes)?;
        let facts = network.facts();
        if self.training.order == Order::Sequential && (facts.one_network || facts.together > 1) {
            let rule = format!("interleaved for {}, which has one loss", facts.name);
            return Err(ConfigError::Range { setting: "order".into(), rule, found: "sequential".into() });
        }
        let found = network.facts().parameters;
        if found > MOST_PARAMETERS {
            let (most, ways) = (MOST_PARAMETERS, self.smaller(input, classes));
            return Err(ConfigError::TooLarge { found, most, ways });
        }
        Ok(network)
    }

    pub(super) fn boxed(&self, input: &[usize], classes: usize) -> Result<Box<dyn Method>, ConfigError> {
        let network = self.registry.build_method(&self.method, self.network_config(input, classes)?)?;
        Ok(if self.data.test_flip == Some(true) { Box::new(Mirrored::new(network)) } else { network })
    }

    pub(crate) fn network_config(
        &self,
        input: &[usize],
        classes: usize,
    ) -> Result<NetworkConfig, ConfigError> {
        Ok(NetworkConfig {
            input: input.to_vec(),
            classes,
            embedding: self.embedding.config(),
            head: self.head.config(),
            block: self.registry.block_entry(&self.block.name)?.design(&self.block)?,
            precision: self.kernel_precision(),
        })
    }

    fn kernel_precision(&self) -> Precision {
        match self.training.precision {
            PrecisionKind::Auto => Isa::active().fastest_precision(),
            PrecisionKind::F32 => Precision::F32,
            PrecisionKind::Bf16 => Precision::Bf16,
        }
    }

    /// The network of NoProp-DT, for what only that one can do.
    ///
    /// # Errors
    /// When a setting of the network breaks a rule, or the method has other settings than NoProp-DT.
    pub fn dt_network(&self, input: &[usize], classes: usize) -> Result<NoPropDt, ConfigError> {
        dt_network(&self.method, self.network_config(input, classes)?, &self.registry)
    }

    /// The same settings with one of the method replaced, which must be one that it has.
    ///
    /// # Errors
    /// When the method has no such setting, or it is of another kind.
    pub fn with_method_setting(mut self, key: &str, value: impl Serialize) -> Result<Self, ConfigError> {
        self.method.settings.insert(key.to_owned(), Value::of(&value));
        let entry = self.registry.method_entry(&self.method.name)?;
        self.method.check_keys(entry.defaults())?;
        entry.check(&self.method)?;
        Ok(self)
    }

    /// The same settings, without the place where a folder of pictures or a file lies: what model files and checkpoints keep.
    #[must_use]
    pub fn without_place(&self) -> Self {
        let mut config = self.clone();
        config.data.dataset = self.data.dataset.without_place();
        config
    }

    /// Every setting by name, in the order of the sections: that of its flag, else section and key.
    pub fn named_settings(&self) -> Vec<(String, Value)> {
        let mut sections = Value::table_of(self);
        let each = SECTIONS.iter().flat_map(|section| match sections.remove(*section) {
            Some(Value::Table(table)) => {
                // What it is comes before how it is.
                let (what, how): (Vec<_>, Vec<_>) = table
                    .into_iter()
                    .partition(|(key, _)| ["dataset", "name", "kind"].contains(&key.as_str()));
                let each = what.into_iter().chain(how);
                each.map(|(key, value)| (setting_name(section, &key), value)).collect()
            }
            _ => Vec::new(),
        });
        each.collect()
    }

    /// What a preset says for this method and dataset.
    ///
    /// # Errors
    /// When there is no such method.
    pub fn of_preset(&self, preset: Preset) -> Result<Overrides, ConfigError> {
        Ok(preset.overrides(&self.data.dataset, self.registry.method_entry(&self.method.name)?))
    }

    /// The configuration as TOML, with a section a component and one line a setting: a valid `--config` file.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("sections of numbers, strings, booleans and lists have a TOML form")
    }
}
