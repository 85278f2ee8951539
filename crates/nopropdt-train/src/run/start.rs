//! What a new run starts from, where that is a model file.

use super::error::RunError;
use crate::checkpoint::Checkpoint;
use crate::config::{ConfigError, EmbeddingKind, InitFrom, RunConfig};
use crate::files::WriteError;
use crate::model_file::{EMBEDDING, ModelFileError, Started, parse_in, start_from};
use crate::prototypes::prototypes;
use crate::run_folder::RunFolder;
use crate::trainer::{Trainer, first_look};
use nopropdt_blocks::{Method, Weights};
use nopropdt_data::Dataset;
use sha2::{Digest, Sha256};

/// What a new run starts from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    /// The model file.
    pub file: String,
    /// Which tensors are the file's.
    pub started: Started,
    /// The file's class names, where they are as many as the run's and not the same.
    pub other_names: Option<Vec<String>>,
}

/// Refuses the settings of a run that has begun for a new one: of the model file that it started from they keep the hash alone.
///
/// # Errors
/// [`ConfigError::Value`].
pub fn check_new(config: &RunConfig) -> Result<(), ConfigError> {
    match &config.training.init_from {
        Some(begun) if begun.path().is_none() => Err(ConfigError::Value {
            setting: "init-from".into(),
            problem: format!(
                "must be the path of a model file for a new run; found {begun}, the hash of the file that another run started from, or left out"
            ),
        }),
        _ => Ok(()),
    }
}

/// Weights that a run starts from.
pub(super) struct Beginning {
    pub(super) start: Start,
    pub(super) weights: Weights,
    /// SHA-256 of the file.
    hash: [u8; 32],
}

impl Beginning {
    /// Reads the model file that the settings name. None when they name none, or the run has begun and has its weights. A prototype
    /// embedding that the file does not have starts as in any run.
    ///
    /// # Errors
    /// When the file can't be read or has nothing in common with the network; when an embedding lacks its prototypes.
    pub(super) fn read(
        config: &RunConfig,
        network: &dyn Method,
        dataset: &Dataset,
    ) -> Result<Option<Self>, RunError> {
        let Some(path) = config.training.init_from.as_ref().and_then(InitFrom::path) else { return Ok(None) };
        let file = path.display().to_string();
        let failed = |problem: String| ModelFileError { file: file.clone(), problem };
        let bytes = std::fs::read(&path).map_err(|error| failed(format!("can't be read: {error}")))?;
        let model = parse_in(&bytes, &config.registry).map_err(failed)?;
        let mut weights = network.init(config.training.seed);
        first_look(network, &mut weights, &dataset.train, config.training.seed);
        let started = start_from(&model, network, &mut weights).map_err(|error| failed(error.to_string()))?;
        if config.embedding.kind == EmbeddingKind::Prototype && started.fresh.iter().any(|n| n == EMBEDDING) {
            network.embed(&mut weights, &prototypes(&dataset.train, dataset.classes())?);
        }
        let names = model.metadata.class_names;
        let other_names =
            Some(names).filter(|own| own.len() == dataset.classes() && *own != dataset.class_names);
        let hash = Sha256::digest(&bytes).into();
        Ok(Some(Self { start: Start { file, started, other_names }, weights, hash }))
    }

    /// What the settings say of it once the run has begun.
    pub(super) fn decided(&self) -> InitFrom {
        InitFrom::Begun(self.hash)
    }

    /// Writes the checkpoint of a run that has begun, before its first epoch, where none may be: `config` as files keep it, the hash of
    /// its images, and a trainer of its settings.
    ///
    /// # Errors
    /// [`WriteError`], of the kind [`AlreadyExists`](std::io::ErrorKind::AlreadyExists) when there is one.
    pub(super) fn write(
        &self,
        folder: &RunFolder,
        config: &RunConfig,
        images: [u8; 32],
        trainer: &Trainer<'_>,
    ) -> Result<(), WriteError> {
        let states = trainer.optimizer_states();
        let checkpoint = Checkpoint::new(config.to_toml(), images, 0.0, &[], &self.weights, states);
        checkpoint.create(&folder.checkpoint())
    }
}
