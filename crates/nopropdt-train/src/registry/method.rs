//! A method in the registry: its settings, its defaults in other sections, and what is built from them.

use super::Registry;
use crate::config::{Component, ConfigError, Overrides, Table, Value};
use nopropdt_blocks::{Method, NetworkConfig};
use nopropdt_data::{DatasetName, DatasetSource};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;

/// Settings that become a method on a network.
type Build = Arc<
    dyn Fn(&Component, &Table, NetworkConfig, &Registry) -> Result<Box<dyn Method>, ConfigError>
        + Send
        + Sync,
>;
/// Refuses settings that are not of their types.
type Check = Arc<dyn Fn(&Component, &Table) -> Result<(), ConfigError> + Send + Sync>;

/// A method of the registry.
#[derive(Clone)]
pub struct MethodEntry {
    name: &'static str,
    about: &'static str,
    defaults: Table,
    further: Overrides,
    paper: Option<fn(PaperDataset) -> Overrides>,
    best: Overrides,
    of_digits: Overrides,
    check: Check,
    build: Build,
}

impl MethodEntry {
    /// A method with the settings that it has when nobody says anything, which are the section `[method]` of files, and what builds it
    /// from its settings and those of the network.
    ///
    /// # Panics
    /// When the settings have no TOML form.
    pub fn new<S, M>(
        name: &'static str,
        about: &'static str,
        defaults: &S,
        build: impl Fn(S, NetworkConfig, &Registry) -> Result<M, ConfigError> + Send + Sync + 'static,
    ) -> Self
    where
        S: Serialize + DeserializeOwned + 'static,
        M: Method + 'static,
    {
        let build: Build = Arc::new(move |component, defaults, network, registry| {
            Ok(Box::new(build(component.read(defaults)?, network, registry)?))
        });
        let check: Check = Arc::new(|component, defaults| component.read::<S>(defaults).map(|_| ()));
        let [further, best, of_digits] = [(); 3].map(|()| Overrides::default());
        Self {
            name,
            about,
            defaults: Value::table_of(defaults),
            further,
            paper: None,
            best,
            of_digits,
            check,
            build,
        }
    }

    /// The same, with defaults in sections of others: `training.optimizer`, `embedding.kind`.
    #[must_use]
    pub fn with_defaults(self, further: Overrides) -> Self {
        Self { further, ..self }
    }

    /// The same, with what `--preset paper` makes of it.
    #[must_use]
    pub fn with_paper(self, paper: fn(PaperDataset) -> Overrides) -> Self {
        Self { paper: Some(paper), ..self }
    }

    /// The same, with what `--preset best` says of it beside what it says of block and training.
    #[must_use]
    pub fn with_best(self, best: Overrides) -> Self {
        Self { best, ..self }
    }

    /// The same, with what it needs to learn the embedded digits, where that differs from what others do.
    #[must_use]
    pub fn with_digits(self, of_digits: Overrides) -> Self {
        Self { of_digits, ..self }
    }

    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    pub(super) fn about(&self) -> &'static str {
        self.about
    }

    /// Its settings when nobody says anything.
    pub(crate) fn defaults(&self) -> &Table {
        &self.defaults
    }

    /// Its defaults in sections of others.
    pub(crate) fn further(&self) -> &Overrides {
        &self.further
    }

    /// Table 3 for a dataset, where the paper speaks of the method.
    pub(crate) fn paper(&self, dataset: &DatasetSource) -> Overrides {
        self.paper.map(|paper| paper(PaperDataset::nearest(dataset))).unwrap_or_default()
    }

    /// What `--preset best` says of it.
    pub(crate) fn best(&self) -> &Overrides {
        &self.best
    }

    /// What it needs to learn the digits.
    pub(crate) fn of_digits(&self) -> &Overrides {
        &self.of_digits
    }

    /// Refuses settings that are not of their types.
    pub(crate) fn check(&self, component: &Component) -> Result<(), ConfigError> {
        (self.check)(component, &self.defaults)
    }

    pub(super) fn build(
        &self,
        component: &Component,
        network: NetworkConfig,
        registry: &Registry,
    ) -> Result<Box<dyn Method>, ConfigError> {
        (self.build)(component, &self.defaults, network, registry)
    }
}

/// The paper's datasets. Its budgets of epochs are theirs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PaperDataset {
    /// MNIST.
    Mnist,
    /// CIFAR-10.
    Cifar10,
    /// CIFAR-100.
    Cifar100,
}

impl PaperDataset {
    /// The one that is nearest to `dataset` in colour, size and number of classes; for a folder, of which only the path is known
    /// here, CIFAR-10.
    fn nearest(dataset: &DatasetSource) -> Self {
        match dataset.known() {
            Some(
                DatasetName::Digits | DatasetName::Mnist | DatasetName::FashionMnist | DatasetName::Kmnist,
            ) => Self::Mnist,
            Some(DatasetName::Cifar100 | DatasetName::Cifar100Coarse | DatasetName::TinyImagenet) => {
                Self::Cifar100
            }
            // CIFAR-10 itself and svhn; a test fails for a dataset that nobody has thought of.
            _ => Self::Cifar10,
        }
    }
}
