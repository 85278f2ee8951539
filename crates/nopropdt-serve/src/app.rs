//! What all requests share.

use crate::error::ServeError;
use crate::guard::Guard;
use crate::lane::Lane;
use crate::limits::Limits;
use crate::models::{Asked, Kept, Models};
use crate::options::Options;
use crate::reply::Refusal;
use nopropdt_tensor::Isa;
use nopropdt_train::data_folder::DataFolder;
use nopropdt_train::registry::Registry;
use nopropdt_train::runs;
use std::num::NonZero;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::available_parallelism;

/// Requests about runs that may wait; their answers are short work.
const RUNS_QUEUE: usize = 64;
/// Requests for wrong answers that may wait; each may take many seconds.
const MISTAKES_QUEUE: usize = 2;
/// Runs whose wrong answers are kept.
const MISTAKES_KEPT: usize = 4;

/// What all requests share.
pub(crate) struct App {
    pub(crate) registry: Registry,
    pub(crate) limits: Limits,
    pub(crate) guard: Guard,
    /// The model that was named.
    model: Option<Arc<Asked>>,
    models: Models,
    /// Where runs are.
    runs: Option<PathBuf>,
    /// Where datasets are.
    pub(crate) data_dir: PathBuf,
    /// Computes answers.
    pub(crate) pool: rayon::ThreadPool,
    /// Requests for answers.
    pub(crate) answers: Lane,
    /// Requests about runs.
    pub(crate) reading: Lane,
    /// Requests for wrong answers of runs.
    pub(crate) mistakes: Lane,
    /// Wrong answers that were found, as JSON.
    pub(crate) mistakes_kept: Kept<String>,
    workers: usize,
}

impl App {
    pub(crate) fn new(registry: Registry, options: &Options, limits: Limits) -> Result<Self, ServeError> {
        Isa::selected().map_err(|error| ServeError::Usage(error.to_string()))?;
        let threads =
            options.threads.map_or_else(|| available_parallelism().map_or(1, NonZero::get), usize::from);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        let pool = pool.map_err(|error| ServeError::System(std::io::Error::other(error)))?;
        let (file, runs) = (options.model_file()?, options.runs_folder()?);
        let name = |file: &PathBuf| file.display().to_string();
        let load = |file: &PathBuf| pool.install(|| Asked::load(&name(file), file, &registry));
        let model = file.as_ref().map(load).transpose()?.map(Arc::new);
        // Blocks of one image are computed side by side, but decoding and much of a block are the work of one thread.
        let workers = threads.min(8);
        let patience = limits.answer_time;
        Ok(Self {
            model,
            models: Models::none(),
            runs,
            data_dir: DataFolder::find(options.data_dir.as_deref()).path,
            guard: Guard::new(options.host, &options.allow_host),
            answers: Lane::new("answers", workers, options.queue.into(), patience, 1),
            reading: Lane::new("runs", 1, RUNS_QUEUE, patience, 1),
            mistakes: Lane::new("wrong answers", 1, MISTAKES_QUEUE, patience, 5),
            mistakes_kept: Kept::of_at_most(MISTAKES_KEPT),
            registry,
            limits,
            pool,
            workers,
        })
    }

    /// Threads that may block at once: those of all lanes.
    pub(crate) fn blocking_threads(&self) -> usize {
        self.workers + 2
    }

    /// Whether a model was named, and whether there are runs.
    pub(crate) fn has(&self) -> (bool, bool) {
        (self.model.is_some(), self.runs.is_some())
    }

    /// The model of a run, or else the one that was named. It may have to be read: not for threads that must not block.
    pub(crate) fn model(&self, run: Option<&str>) -> Result<Arc<Asked>, Refusal> {
        match (run, &self.model) {
            (Some(run), _) => {
                let file = runs::model_file(&self.run_folder(run)?);
                self.pool.install(|| self.models.of_run(run, &file, &self.registry))
            }
            (None, Some(model)) => Ok(Arc::clone(model)),
            (None, None) => Err(Refusal::absent("model: none was named at the start; say whose by run=NAME")),
        }
    }

    /// Where runs are.
    pub(crate) fn runs(&self) -> Result<&PathBuf, Refusal> {
        self.runs.as_ref().ok_or_else(|| {
            Refusal::absent("runs: no folder was named at the start, and there is none called runs")
        })
    }

    /// The folder of the run called `name`.
    pub(crate) fn run_folder(&self, name: &str) -> Result<PathBuf, Refusal> {
        runs::named(self.runs()?, name)
            .ok_or_else(|| Refusal::absent(format!("run {name:?}: there is no such run")))
    }
}
