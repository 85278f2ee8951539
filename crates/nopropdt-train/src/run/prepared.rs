//! A run on its way to a folder: its dataset looked through, then its images in memory and its network made.

use super::error::RunError;
use super::start::Beginning;
use crate::config::{ConfigError, EmbeddingKind, RunConfig};
use crate::estimate::{Work, memory};
use crate::image_hash::image_hash;
use crate::images::{load_splits, opened_for};
use crate::memory::Watch;
use crate::memory_limit::{NetworkSize, Shortfall, likely_shortfall, shortfall};
use crate::prototypes::members;
use crate::trainer::{Trainer, batches_per_epoch};
use nopropdt_blocks::Method;
use nopropdt_data::{Brightness, Dataset, Opened, Split, Watcher};
use nopropdt_tensor::Isa;
use std::path::Path;

/// A run whose dataset was looked through and whose network can be made.
pub struct Prepared {
    config: RunConfig,
    opened: Opened,
    size: NetworkSize,
}

impl Prepared {
    /// Looks through the dataset, which is embedded, a folder, or in `data_dir`.
    ///
    /// # Errors
    /// What is wrong with the dataset, or with the settings for its images.
    pub fn open(config: RunConfig, data_dir: &Path) -> Result<Self, RunError> {
        let (config, opened, size) = opened_for(config, data_dir)?;
        Ok(Self { config, opened, size })
    }

    /// The same, whose pictures, if it learns from a folder of them, are counted for `watcher` as they are read.
    #[must_use]
    pub fn watched(self, watcher: Watcher) -> Self {
        Self { opened: self.opened.watched(watcher), ..self }
    }

    /// The same, whose pictures, if it learns from a folder of them, take at most so many bytes of memory; the others lie in a temporary file.
    #[must_use]
    pub fn within(self, cache: u64) -> Self {
        Self { opened: self.opened.within(cache), ..self }
    }

    /// By how much memory will be too small, surely or by an estimate ([`crate::estimate::memory`]) for the threads of the pool this is
    /// called in; none when it is likely to be enough.
    pub fn shortfall(&self) -> Option<Shortfall> {
        let training = &self.config.training;
        let of_best = if training.keep_best == Some(true) { 4 * self.size.parameters as u64 } else { 0 };
        shortfall(&training.optimizer(), self.size, self.opened.image_bytes() + of_best).or_else(|| {
            let work = Work::of(&self.config, &self.opened);
            let network = self.config.network(&work.input, work.classes).ok()?;
            let threads = rayon::current_num_threads();
            likely_shortfall(memory(&self.config, network.as_ref(), &work, threads).ok()?.total)
        })
    }

    /// Reads the images, makes the network and, for a new run that is to start from a model file, reads that.
    ///
    /// # Errors
    /// When images can't be read, too few are left, an embedding lacks its prototypes, or the model file can't be started from.
    pub fn load(self) -> Result<Loaded, RunError> {
        let Self { config, opened, .. } = self;
        let isa = Isa::selected()?;
        let (dataset, validation) = load_splits(&config, opened)?;
        if validation.is_none() {
            config.check_without_validation()?;
        }
        let memory = Watch::start();
        let network = config.network(dataset.shape().sizes(), dataset.classes())?;
        let beginning = Beginning::read(&config, network.as_ref(), &dataset)?;
        if config.embedding.kind == EmbeddingKind::Prototype && config.training.init_from.is_none() {
            // Known now, so that no folder is made for a run that can't begin.
            members(&dataset.train, dataset.classes())?;
        }
        let images = image_hash(&[&dataset.train, &dataset.test]);
        let brightness = dataset.train.brightness();
        Ok(Loaded { config, dataset, validation, images, brightness, network, beginning, isa, memory })
    }
}

/// A run that lacks nothing but its folder.
pub struct Loaded {
    /// The settings, with the place where the images lie now.
    pub(super) config: RunConfig,
    pub(super) dataset: Dataset,
    pub(super) validation: Option<Split>,
    /// Hash of the training and test images.
    pub(super) images: [u8; 32],
    /// Of the training images.
    pub(super) brightness: Option<Brightness>,
    pub(super) network: Box<dyn Method>,
    /// What a new run starts from, where that is a model file.
    pub(super) beginning: Option<Beginning>,
    pub(super) isa: Isa,
    /// Since the images were read.
    pub(super) memory: Watch,
}

impl Loaded {
    /// Counts the memory of training from here on. A program calls this after it had the allocator give back what reading the images
    /// has freed.
    pub fn count_memory_anew(&mut self) {
        self.memory = Watch::start();
    }

    /// Fresh weights and the optimisers of the run.
    pub(super) fn trainer(&self) -> Result<Trainer<'_>, ConfigError> {
        Ok(Trainer::new(self.network.as_ref(), &self.config, self.batches())?)
    }

    /// Times that an epoch goes over its batches.
    pub(super) fn rounds(&self) -> usize {
        let facts = self.network.facts();
        self.config.training.order.rounds(facts.blocks / facts.together)
    }

    /// Batches an epoch.
    pub(super) fn batches(&self) -> usize {
        batches_per_epoch(self.dataset.train.len(), self.config.training.batch_size)
    }

    /// The name of a run of this dataset and method: `digits-dt`.
    pub fn name(&self) -> String {
        format!("{}-{}", self.dataset.name, self.config.method.name)
    }
}
