//! A run in its folder: how it begins and goes on, what its epochs are measured by, and its end.

use super::error::RunError;
use super::extend::{Extended, Steps, extend};
use super::judge::{best_of, has_run_out};
use super::pace::WITHIN_EPOCHS;
use super::prepared::Loaded;
use super::resume::TakenUp;
use super::start::{Start, check_new};
use crate::checkpoint::Extension;
use crate::config::{RunConfig, TrainingSettings};
use crate::diagnostics::{Diagnostics, HeldOut, INPUTS, SharedSets, diagnose, write_diagnostics};
use crate::evaluate::{Accuracy, accuracy};
use crate::files::{WriteError, create_file, settle};
use crate::metrics::{EpochMetrics, Summary};
use crate::metrics_file::{read_summary, write_summary};
use crate::run_folder::{RunFolder, RunFolderError};
use crate::trainer::{EpochLoss, Trainer};
use nopropdt_blocks::{Method, Readout, Weights};
use nopropdt_data::{Dataset, Split};
use nopropdt_tensor::Isa;
use std::io::ErrorKind;
use std::time::Duration;

/// A run about to start or to go on. Its folder is its own for as long as it lives.
pub struct Run {
    pub(super) loaded: Loaded,
    /// The settings as files keep them: the same wherever the images lie.
    pub(super) kept_config: RunConfig,
    pub(super) folder: RunFolder,
    pub(super) taken_up: Option<TakenUp>,
    /// When it was given other numbers of epochs.
    pub(super) extensions: Vec<Extension>,
    extended: Option<Extended>,
    /// How long it trains within an epoch without being saved; none for ever.
    pub(super) saved_within_epochs: Option<Duration>,
    start: Option<Start>,
    /// Those of a new run that starts from a model file.
    pub(super) first_weights: Option<Weights>,
}

impl Run {
    /// A new run, whose settings are in its folder when this returns. Precision `auto` is decided, so that it stays when the run goes
    /// on elsewhere. So is a model file to start from: the folder has a checkpoint with its weights, and the settings have its hash.
    ///
    /// # Errors
    /// When the folder can't be written, or the settings are of a run that has begun.
    pub fn begin(mut loaded: Loaded, folder: RunFolder) -> Result<Self, RunError> {
        check_new(&loaded.config)?;
        loaded.config.training.precision = loaded.config.training.precision.decided(loaded.isa);
        let failed = |error: WriteError| match error.reason.kind() {
            // Where there are no locks, another run may have begun in between.
            ErrorKind::AlreadyExists => {
                RunError::from(RunFolderError::Taken { path: folder.path().display().to_string() })
            }
            _ => error.into(),
        };
        let beginning = loaded.beginning.take();
        if let Some(beginning) = &beginning {
            loaded.config.training.init_from = Some(beginning.decided());
        }
        let kept_config = loaded.config.without_place();
        if let Some(beginning) = &beginning {
            // Before the settings: a kill in between leaves a run that can go on.
            let trainer = loaded.trainer()?;
            beginning.write(&folder, &kept_config, loaded.images, &trainer).map_err(failed)?;
        }
        create_file(&folder.config(), loaded.config.to_toml().as_bytes()).map_err(failed)?;
        let (start, first_weights) = beginning.map(|beginning| (beginning.start, beginning.weights)).unzip();
        Ok(Self { start, first_weights, ..Self::of(loaded, kept_config, folder) })
    }

    /// A run that starts from fresh weights.
    fn of(loaded: Loaded, kept_config: RunConfig, folder: RunFolder) -> Self {
        Self {
            loaded,
            kept_config,
            folder,
            taken_up: None,
            extensions: Vec::new(),
            extended: None,
            saved_within_epochs: Some(WITHIN_EPOCHS),
            start: None,
            first_weights: None,
        }
    }

    /// A run that goes on where it was saved last: after an epoch, or within one.
    ///
    /// # Errors
    /// When its checkpoint can't be read, or its settings or images are not those it was started with.
    pub fn resume(mut loaded: Loaded, folder: RunFolder) -> Result<Self, RunError> {
        let taken_up = TakenUp::find(&folder, &loaded.config, loaded.images)?;
        let (mut kept_config, mut extensions) = (loaded.config.without_place(), Vec::new());
        if let Some(run) = &taken_up {
            let facts = loaded.network.facts();
            let (waves, losses) = (loaded.rounds() * loaded.batches(), facts.blocks / facts.together);
            run.check_within(&folder, waves, losses)?;
            (kept_config, extensions) = (run.config.clone(), run.extensions.clone());
            // The last number that the run was given, if a kill kept it out of config.toml.
            loaded.config.training.epochs = kept_config.training.epochs;
        }
        Ok(Self { taken_up, extensions, ..Self::of(loaded, kept_config, folder) })
    }

    /// A run that goes on where it was saved last, and is to have this number of epochs. Its files say so when this returns.
    ///
    /// # Errors
    /// As [`Run::resume`], or when the run has begun more epochs, its files being as they were; or when a file can't be written.
    pub fn extend(loaded: Loaded, folder: RunFolder, epochs: usize) -> Result<Self, RunError> {
        let mut run = Self::resume(loaded, folder)?;
        let steps = Steps { batches: run.loaded.batches(), rounds: run.loaded.rounds() };
        let configs = [&mut run.loaded.config, &mut run.kept_config];
        run.extended = extend(&run.folder, configs, run.taken_up.as_mut(), epochs, steps)?;
        if let Some(taken_up) = &run.taken_up {
            run.extensions.clone_from(&taken_up.extensions);
        }
        Ok(run)
    }

    /// Its settings.
    pub fn config(&self) -> &RunConfig {
        &self.loaded.config
    }

    /// What it learns from.
    pub fn dataset(&self) -> &Dataset {
        &self.loaded.dataset
    }

    /// Whether it holds out validation images, which choose where the answer is read.
    pub fn has_validation(&self) -> bool {
        self.loaded.validation.is_some()
    }

    /// Its network.
    pub fn network(&self) -> &dyn Method {
        self.loaded.network.as_ref()
    }

    /// The kernels it runs with.
    pub fn isa(&self) -> Isa {
        self.loaded.isa
    }

    /// Where its files are.
    pub fn folder(&self) -> &RunFolder {
        &self.folder
    }

    /// What it starts from, where it is new and that is a model file.
    pub fn start(&self) -> Option<&Start> {
        self.start.as_ref()
    }

    /// The same run, saved within an epoch too whenever so much time has passed since it was saved last: before each batch where that is
    /// zero, and never where it is none. Ten minutes unless it is said.
    #[must_use]
    pub fn saved_within_epochs(mut self, longest: Option<Duration>) -> Self {
        self.saved_within_epochs = longest;
        self
    }

    /// What [`Run::extend`] changed; none when the run had that number of epochs.
    pub fn extended(&self) -> Option<&Extended> {
        self.extended.as_ref()
    }

    /// Epochs that were finished and saved before.
    pub fn finished(&self) -> usize {
        self.taken_up.as_ref().map_or(0, |run| run.metrics.len())
    }

    /// What these epochs measured.
    pub fn metrics(&self) -> &[EpochMetrics] {
        self.taken_up.as_ref().map_or(&[], |run| &run.metrics)
    }

    /// Which share was done and saved of the epoch after the finished ones, 0 to 1.
    pub fn begun(&self) -> f64 {
        self.taken_up.as_ref().map_or(0.0, |run| self.share_of(run))
    }

    pub(super) fn share_of(&self, taken_up: &TakenUp) -> f64 {
        let waves = taken_up.begun.as_ref().map_or(0, |(begun, _)| begun.waves);
        waves as f64 / (self.loaded.rounds() * self.loaded.batches()) as f64
    }

    /// Whether no epoch is left to train.
    pub fn needs_no_epoch(&self) -> bool {
        self.taken_up.as_ref().is_some_and(|run| self.is_over(&run.metrics))
    }

    /// Whether it ended before its last epoch, because none was better than the best for as long as its patience.
    pub fn stopped_early(&self) -> bool {
        self.finished() < self.config().training.epochs && self.needs_no_epoch()
    }

    /// The summary of a run that needs nothing more: no epoch is left and its files are there.
    pub fn result(&self) -> Option<Summary> {
        let complete = self.needs_no_epoch()
            && self.folder.model().is_file()
            && (self.folder.report().is_file() || cfg!(not(feature = "report")));
        // An unreadable summary is a missing one: the checkpoint holds all it is made from.
        complete.then(|| read_summary(&self.folder.summary()).ok()).flatten()
    }

    /// Whether a run that has measured these epochs needs no more: it has all that it is to have, or its patience has run out.
    pub(super) fn is_over(&self, metrics: &[EpochMetrics]) -> bool {
        metrics.len() >= self.config().training.epochs || self.is_out_of_patience(metrics)
    }

    fn is_out_of_patience(&self, metrics: &[EpochMetrics]) -> bool {
        has_run_out(metrics, self.config().training.patience, &self.extensions)
    }

    /// Whether the model is that of the best epoch.
    pub(super) fn keeps_best(&self) -> bool {
        self.config().training.keep_best.unwrap_or(false)
    }

    /// The epoch that the model is of: the best where it is kept, else the last; none before the first.
    pub(super) fn model_epoch<'m>(&self, metrics: &'m [EpochMetrics]) -> Option<&'m EpochMetrics> {
        let best = self.keeps_best().then(|| best_of(metrics)).flatten();
        best.or(metrics.last())
    }

    /// The read-out that the validation images chose: in the epoch of the model, or the last one measured before it.
    pub(super) fn chosen_readout(&self, metrics: &[EpochMetrics]) -> Option<Readout> {
        let of_model = self.model_epoch(metrics)?.epoch;
        let mut before = metrics.iter().rev().filter(|epoch| epoch.epoch <= of_model);
        before.find_map(EpochMetrics::chosen_readout)
    }

    /// What an epoch, from 0, leaves to say: what it was trained by and, if it is one that is measured, its accuracies.
    pub(super) fn measure(
        &self,
        trainer: &Trainer<'_>,
        epoch: usize,
        loss: EpochLoss,
        seconds: f64,
    ) -> EpochMetrics {
        let mut metrics = EpochMetrics {
            epoch: epoch + 1,
            seconds,
            total: loss.terms.iter().map(|terms| terms.total).collect(),
            squared_error: loss.terms.iter().map(|terms| terms.squared_error).collect(),
            cross_entropy: loss.terms.iter().map(|terms| terms.cross_entropy).collect(),
            kl: loss.terms.iter().map(|terms| terms.kl).collect(),
            gradient_norm: loss.gradient_norm,
            shared: Some(SharedSets::of(self.network(), trainer.weights())),
            block_seconds: loss.loss_seconds,
            train_loss: loss.shown,
            learning_rate: loss.learning_rate,
            images_per_second: loss.images as f64 / seconds,
            ..EpochMetrics::default()
        };
        let TrainingSettings { epochs, eval_every, .. } = self.config().training;
        if (epoch + 1).is_multiple_of(eval_every.unwrap_or(1)) || epoch + 1 >= epochs {
            self.measure_accuracies(trainer.answering(), &mut metrics);
        }
        metrics
    }

    /// Measures what an epoch that ended with these weights answers.
    pub(super) fn measure_accuracies(&self, weights: &Weights, metrics: &mut EpochMetrics) {
        let measure = |split: &Split| {
            accuracy(self.network(), weights, split, self.config().training.seed, 1).remove(0)
        };
        let test = measure(&self.dataset().test);
        let validation = self.loaded.validation.as_ref().map(measure);
        let usual = self.network().readout();
        let best = |held_out: &Accuracy| Readout::best(usual, |readout| held_out.of(readout));
        let readout = validation.as_ref().map_or(usual, best);
        metrics.validation_accuracy = validation.as_ref().map(|held_out| held_out.chain);
        metrics.validation_accuracy_consensus = validation.as_ref().map(|held_out| held_out.consensus);
        metrics.readout = Some(readout);
        metrics.answer_accuracy = Some(test.of(readout));
        metrics.test_accuracy = Some(test.chain);
        metrics.test_accuracy_per_block = test.per_block;
        metrics.test_accuracy_consensus = Some(test.consensus);
        metrics.test_balanced_accuracy = Some(test.chain_balanced);
        metrics.test_balanced_accuracy_consensus = Some(test.consensus_balanced);
    }

    /// A file of the run that could not be written, when the checkpoint held `saved` epochs and, if it is so, a part of the next.
    pub(super) fn not_written<E>(&self, saved: usize, saved_part: bool) -> impl Fn(E) -> RunError
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        move |error| RunError::NotWritten {
            reason: Box::new(error),
            folder: self.folder.path().to_owned(),
            saved,
            saved_part,
        }
    }

    pub(super) fn conclude(
        &self,
        weights: &Weights,
        metrics: &[EpochMetrics],
        seconds: f64,
        train_rss_bytes: Option<u64>,
    ) -> Result<Summary, RunError> {
        let last = self.model_epoch(metrics).expect("a run has at least one epoch");
        let best_epoch = self.keeps_best().then_some(last.epoch);
        let TrainingSettings { epochs, patience, .. } = self.config().training;
        let summary = Summary {
            test_accuracy: last.test_accuracy.expect("the epoch of the model was measured"),
            test_accuracy_consensus: last.test_accuracy_consensus.expect("with its consensus"),
            test_accuracy_per_block: last.test_accuracy_per_block.clone(),
            test_balanced_accuracy: last.test_balanced_accuracy,
            test_balanced_accuracy_consensus: last.test_balanced_accuracy_consensus,
            readout: last.readout,
            answer_accuracy: last.answer_accuracy,
            epochs: metrics.len(),
            extended_after: self.extensions.iter().map(|extension| extension.finished).collect(),
            best_epoch,
            stopped_early: patience.map(|_| metrics.len() < epochs),
            parameters: weights.len() as u64,
            seconds,
            train_seconds: metrics.iter().map(|epoch| epoch.seconds).sum(),
            peak_rss_bytes: self.loaded.memory.peak(),
            train_rss_bytes,
            precision: self.network().facts().precision.to_string(),
            isa: self.isa().to_string(),
            threads: rayon::current_num_threads(),
            seed: self.config().training.seed,
        };
        let finished = metrics.len();
        let diagnostics = self.diagnose(weights);
        #[cfg(feature = "report")]
        let page = self.report(weights, metrics, &summary, diagnostics.as_ref())?;
        settle(&[&self.folder.metrics(), &self.folder.metrics_table(), &self.folder.model()])
            .map_err(self.not_written(finished, false))?;
        if let Some(diagnostics) = &diagnostics {
            write_diagnostics(&self.folder.diagnostics(), diagnostics)
                .map_err(self.not_written(finished, false))?;
        }
        #[cfg(feature = "report")]
        crate::files::replace_file(&self.folder.report(), page.as_bytes())
            .map_err(self.not_written(finished, false))?;
        write_summary(&self.folder.summary(), &summary).map_err(self.not_written(finished, false))?;
        Ok(summary)
    }

    /// What the blocks do with held-out inputs: the validation images where there are some.
    fn diagnose(&self, weights: &Weights) -> Option<Diagnostics> {
        let (data, on) = match &self.loaded.validation {
            Some(validation) => (validation, HeldOut::Validation),
            None => (&self.dataset().test, HeldOut::Test),
        };
        diagnose(self.network(), weights, data, on, self.config().training.seed, INPUTS)
    }

    #[cfg(feature = "report")]
    fn report(
        &self,
        weights: &Weights,
        metrics: &[EpochMetrics],
        summary: &Summary,
        diagnostics: Option<&Diagnostics>,
    ) -> Result<String, RunError> {
        use crate::report::{Parts, collect, render};
        let parts = Parts {
            config: self.config(),
            network: self.network(),
            weights,
            dataset: self.dataset(),
            metrics,
            summary,
            diagnostics,
        };
        Ok(render(&collect(&parts))?)
    }
}
