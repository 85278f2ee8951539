//! What a program can be told by name: methods, blocks, schedules, objectives and datasets. What is added to the registry has all that the
//! built-in things have: flags, help, files, checkpoints, model files and reports.

mod adjoint;
mod backprop;
mod block;
mod committee;
mod ct;
mod dt;
pub(crate) mod flags;
mod fm;
mod method;
mod names;

pub(crate) use dt::dt_network;
pub use method::{MethodEntry, PaperDataset};

use crate::config::{Component, ConfigError};
use block::BlockEntry;
use names::Names;
use nopropdt_blocks::{
    Blind, Blindfold, BlockDesign, BlocksError, ConvBlock, DeepBlock, Labels, Method, NetworkConfig,
    NoiseSchedule, Objective, Paper, PatchBlock, Reference, ScheduleKind,
};
use nopropdt_data::{DataError, Dataset, DatasetName, DatasetNameError, DatasetSource, LoadOptions};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;

/// ᾱ_0 .. ᾱ_T of T steps.
type MakeSchedule = Arc<dyn Fn(usize) -> Result<NoiseSchedule, BlocksError> + Send + Sync>;
/// An objective whose squared error is weighted by η.
type MakeObjective = Arc<dyn Fn(f64) -> Arc<dyn Objective> + Send + Sync>;
/// A dataset, read.
type ReadDataset = Arc<dyn Fn(&LoadOptions) -> Result<Dataset, DataError> + Send + Sync>;

/// Methods, blocks, schedules, objectives and datasets by name.
///
/// ```no_run
/// use nopropdt_blocks::{ConvBlock, NoiseSchedule};
/// use nopropdt_train::registry::Registry;
///
/// fn main() -> std::process::ExitCode {
///     let narrow = ConvBlock { channels: [8, 16, 32], ..ConvBlock::paper() };
///     let registry = Registry::builtin()
///         .block("narrow", "the paper's with a quarter of its channels", narrow)
///         .schedule("even", "levels in equal steps", |steps| {
///             NoiseSchedule::from_levels((0..=steps).map(|t| 0.01 + 0.98 * t as f64 / steps as f64).collect::<Vec<_>>())
///         });
///     nopropdt_train::cli::run(registry)
/// }
/// ```
#[derive(Clone)]
pub struct Registry {
    methods: Names<MethodEntry>,
    blocks: Names<BlockEntry>,
    schedules: Names<MakeSchedule>,
    objectives: Names<MakeObjective>,
    datasets: Names<ReadDataset>,
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registry")
            .field("methods", &self.methods)
            .field("blocks", &self.blocks)
            .field("schedules", &self.schedules)
            .field("objectives", &self.objectives)
            .field("datasets", &self.datasets)
            .finish()
    }
}

/// The schedules of the paper and of others, by the names they have in files.
const SCHEDULES: [(ScheduleKind, &str); 6] = [
    (ScheduleKind::Cosine, "the paper's"),
    (ScheduleKind::Linear, "alpha_bar in equal steps"),
    (ScheduleKind::Sigmoid, "an S curve"),
    (ScheduleKind::EqualMass, "an equal share of the noise for each block"),
    (ScheduleKind::Late, "noise nearly to the end"),
    (ScheduleKind::Reference, "the reference repository's, which falls"),
];

impl Registry {
    /// What is built in.
    pub fn builtin() -> Self {
        let registry = Self {
            methods: Names::new("method"),
            blocks: Names::new("block"),
            schedules: Names::new("schedule"),
            objectives: Names::new("objective"),
            datasets: Names::new("dataset"),
        };
        let registry = registry
            .method(dt::entry())
            .method(ct::entry())
            .method(fm::entry())
            .method(backprop::entry())
            .method(adjoint::entry())
            .method(committee::entry())
            .block("paper", "the paper's (Figure 6)", ConvBlock::paper())
            .block("reference", "the reference repository's", ConvBlock::reference())
            .block("residual", "the paper's with residual convolutions", ConvBlock::residual())
            .block("patches", "image patches and attention", PatchBlock::small())
            .block("deep", "stages of convolutions, for accuracy", DeepBlock::standard())
            .objective("paper", "the paper's", |eta| Arc::new(Paper { eta }))
            .objective("reference", "the reference repository's", |eta| Arc::new(Reference { eta }))
            .objective("labels", "the paper's with a cross-entropy for each block's own term", |_| {
                Arc::new(Labels)
            })
            .objective("zeroed-z", "a control: the paper's, and blocks are given no z", |eta| {
                Arc::new(Blind { eta, by: Blindfold::Zeroed })
            })
            .objective(
                "shuffled-z",
                "a control: the paper's, and blocks learn from the z of other inputs",
                |eta| Arc::new(Blind { eta, by: Blindfold::Shuffled }),
            );
        let schedules = SCHEDULES.into_iter().fold(registry, |registry, (kind, about)| {
            registry.schedule(kind.name(), about, move |steps| NoiseSchedule::new(kind, steps))
        });
        schedules.with_builtin_marked()
    }

    /// What was added so far is what help speaks of by itself.
    fn with_builtin_marked(mut self) -> Self {
        self.methods.mark();
        self.blocks.mark();
        self.schedules.mark();
        self.objectives.mark();
        self
    }

    /// Adds a method.
    ///
    /// # Panics
    /// When the name is taken.
    #[must_use]
    pub fn method(mut self, entry: MethodEntry) -> Self {
        self.methods.add(entry.name(), entry.about(), entry.clone());
        self
    }

    /// Adds a block with the settings that it has when nobody says anything; they are the section `[block]` of files.
    ///
    /// # Panics
    /// When the name is taken, or the settings have no TOML form.
    #[must_use]
    pub fn block<D>(mut self, name: &'static str, about: &'static str, design: D) -> Self
    where
        D: BlockDesign + Serialize + DeserializeOwned + 'static,
    {
        self.blocks.add(name, about, BlockEntry::new(&design));
        self
    }

    /// Adds a noise schedule: levels for a number of steps.
    ///
    /// # Panics
    /// When the name is taken.
    #[must_use]
    pub fn schedule(
        mut self,
        name: &'static str,
        about: &'static str,
        levels: impl Fn(usize) -> Result<NoiseSchedule, BlocksError> + Send + Sync + 'static,
    ) -> Self {
        self.schedules.add(name, about, Arc::new(levels));
        self
    }

    /// Adds an objective of NoProp-DT, made for a weight η of its squared error.
    ///
    /// # Panics
    /// When the name is taken.
    #[must_use]
    pub fn objective(
        mut self,
        name: &'static str,
        about: &'static str,
        make: impl Fn(f64) -> Arc<dyn Objective> + Send + Sync + 'static,
    ) -> Self {
        self.objectives.add(name, about, Arc::new(make));
        self
    }

    /// Adds a dataset: `--dataset NAME`.
    ///
    /// # Panics
    /// When the name is taken.
    #[must_use]
    pub fn dataset(
        mut self,
        name: &'static str,
        about: &'static str,
        read: impl Fn(&LoadOptions) -> Result<Dataset, DataError> + Send + Sync + 'static,
    ) -> Self {
        self.datasets.add(name, about, Arc::new(read));
        self
    }

    /// The method called `name`.
    pub(crate) fn method_entry(&self, name: &str) -> Result<&MethodEntry, ConfigError> {
        self.methods.get(name)
    }

    /// The block called `name`.
    pub(crate) fn block_entry(&self, name: &str) -> Result<&BlockEntry, ConfigError> {
        self.blocks.get(name)
    }

    /// Every block's name.
    pub(crate) fn block_names(&self) -> impl Iterator<Item = &'static str> {
        self.blocks.names()
    }

    /// The schedule called `name` of `steps` steps.
    pub(crate) fn noise_schedule(&self, name: &str, steps: usize) -> Result<NoiseSchedule, ConfigError> {
        if name == LEARNED {
            return Err(BlocksError::LearnedSchedule.into());
        }
        Ok(self.schedules.get(name)?(steps)?)
    }

    /// The objective called `name`, with the weight η.
    pub(crate) fn make_objective(&self, name: &str, eta: f64) -> Result<Arc<dyn Objective>, ConfigError> {
        Ok(self.objectives.get(name)?(eta))
    }

    /// The method that `component` names, on `network`.
    pub(crate) fn build_method(
        &self,
        component: &Component,
        network: NetworkConfig,
    ) -> Result<Box<dyn Method>, ConfigError> {
        self.method_entry(&component.name)?.build(component, network, self)
    }

    /// The dataset that `text` names, own ones by their bare name too.
    ///
    /// # Errors
    /// When there is none.
    pub fn dataset_source(&self, text: &str) -> Result<DatasetSource, DatasetNameError> {
        match self.datasets.get(text) {
            Ok(_) => Ok(DatasetSource::Own(text.to_owned())),
            Err(_) => text.parse(),
        }
    }

    /// Reads an own dataset; none when there is none of this name.
    pub(crate) fn own_dataset(
        &self,
        name: &str,
        options: &LoadOptions,
    ) -> Option<Result<Dataset, DataError>> {
        Some(self.datasets.get(name).ok()?(options))
    }

    pub(crate) fn check_method(&self, text: &str) -> Result<(), String> {
        self.methods.check(text, &[])
    }

    pub(crate) fn check_block(&self, text: &str) -> Result<(), String> {
        self.blocks.check(text, &[])
    }

    pub(crate) fn check_schedule(&self, text: &str) -> Result<(), String> {
        self.schedules.check(text, &[LEARNED])
    }

    pub(crate) fn check_objective(&self, text: &str) -> Result<(), String> {
        self.objectives.check(text, &[])
    }

    /// Names of what `flag` chooses, each with a word about it.
    pub(crate) fn named(&self, flag: &str) -> Vec<(&'static str, &'static str)> {
        match flag {
            "method" => self.methods.told(),
            "block" => self.blocks.told(),
            "schedule" => {
                let learned = (LEARNED, "what the method learns");
                self.schedules.told().into_iter().chain([learned]).collect()
            }
            "objective" => self.objectives.told(),
            "dataset" => self.datasets.told(),
            _ => Vec::new(),
        }
    }

    /// Names of the datasets that are no folder or file, own ones last.
    pub(crate) fn datasets(&self) -> Vec<(&'static str, &'static str)> {
        let known = DatasetName::ALL.into_iter().map(|name| (name.as_str(), ""));
        known.chain(self.named("dataset")).collect()
    }

    /// What help adds to a flag for names that are not built in.
    #[cfg(feature = "cli")]
    pub(crate) fn also(&self, flag: &str) -> String {
        match flag {
            "method" => self.methods.also(),
            "block" => self.blocks.also(),
            "schedule" => self.schedules.also(),
            "objective" => self.objectives.also(),
            "dataset" => self.datasets.also(),
            _ => String::new(),
        }
    }
}

/// The name of a schedule that a method learns.
pub(crate) const LEARNED: &str = "learned";
