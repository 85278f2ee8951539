//! The time of a run, from a few steps on random inputs.

use super::Work;
use crate::config::{RunConfig, TrainingSettings};
use crate::evaluate::{BATCH, accuracy};
use crate::memory::Watch;
use crate::trainer::{Progress, TrainError, Trainer};
use nopropdt_blocks::Method;
use nopropdt_data::Examples;
use nopropdt_tensor::optim::OptimizerError;
use nopropdt_tensor::random::Stream;
use serde::Serialize;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Steps are timed for so long, if there are [`FEW`] of them by then.
const LONG: Duration = Duration::from_millis(1500);
/// Steps that are timed at least, the first of which does not count.
const FEW: usize = 4;
/// Steps that are timed at most.
const MANY: usize = 64;

/// What steps that were timed say of a run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Timing {
    /// Seconds of training an epoch.
    pub train_seconds_per_epoch: f64,
    /// Seconds of testing after an epoch, on test and validation images.
    pub test_seconds_per_epoch: f64,
    /// Seconds of all epochs, without reading images and writing files.
    pub seconds: f64,
    /// What the steps and the test added to the resident memory, in bytes: measured, and without images; none where the system does not
    /// tell.
    pub measured_bytes: Option<u64>,
}

/// Times a few steps of training and of testing with fresh weights on random inputs, on the threads of the pool it is called in. It takes
/// about as many seconds as a batch of training and 200 test images a thread do, and two more.
///
/// # Errors
/// When a setting of the optimiser breaks a rule, or numbers stop being finite ([`TimingError`]).
pub fn timing(config: &RunConfig, network: &dyn Method, work: &Work) -> Result<Timing, TimingError> {
    let watch = Watch::start();
    let batches = work.batches(config);
    let rows = config.training.batch_size.min(work.train);
    let mut in_batches = config.clone();
    in_batches.training.batch_size = rows;
    let mut trainer = Trainer::new(network, &in_batches, batches)?;
    let random = |count| Random { count, shape: &work.input, classes: work.classes };
    let began = Instant::now();
    let times: Mutex<Vec<(usize, Duration)>> = Mutex::default();
    let seen = || times.lock().unwrap_or_else(PoisonError::into_inner);
    let on_step = |done: usize, _: usize, _: f64| seen().push((done, began.elapsed()));
    let stop = || seen().len() >= FEW && began.elapsed() >= LONG;
    match trainer.epoch(&random(rows * MANY), 0, &Progress { on_step: &on_step, stop: &stop }) {
        Ok(_) | Err(TrainError::Interrupted { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    let seen = seen();
    // The first step also takes memory and packs weights.
    let [(first, start), .., (last, end)] = seen[..] else {
        unreachable!("an epoch has at least {MANY} steps")
    };
    let a_block = (end - start).as_secs_f64() / (last - first) as f64;
    let facts = network.facts();
    let train = a_block * (facts.blocks / facts.together.max(1) * batches) as f64;
    let count = work.test.min(BATCH * rayon::current_num_threads());
    let began = Instant::now();
    accuracy(network, trainer.answering(), &random(count), config.training.seed, 1);
    let test = began.elapsed().as_secs_f64() / count as f64 * (work.test + work.validation) as f64;
    let TrainingSettings { epochs, eval_every, .. } = config.training;
    let measured = epochs.div_ceil(eval_every.unwrap_or(1).max(1));
    Ok(Timing {
        train_seconds_per_epoch: train,
        test_seconds_per_epoch: test,
        seconds: train * epochs as f64 + test * measured as f64,
        measured_bytes: watch.added(),
    })
}

/// Why steps could not be timed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TimingError {
    /// The optimiser's settings break a rule.
    #[error(transparent)]
    Optimizer(#[from] OptimizerError),
    /// Training failed on random inputs.
    #[error(transparent)]
    Train(#[from] TrainError),
}

/// Random inputs, and labels in turn.
struct Random<'a> {
    count: usize,
    shape: &'a [usize],
    classes: usize,
}

impl Examples for Random<'_> {
    fn len(&self) -> usize {
        self.count
    }

    fn shape(&self) -> Vec<usize> {
        self.shape.to_vec()
    }

    fn label(&self, index: usize) -> usize {
        index % self.classes
    }

    fn fill(&self, index: usize, input: &mut [f32]) {
        Stream::new(0).purpose("estimate").child(index as u64).fill_uniform(input);
    }
}
