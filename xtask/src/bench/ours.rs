//! Our own training and inference, by the functions that `nopropdt-train` runs.

use super::cases::{BATCH, CLASSES, Case, Format, Plan};
use anyhow::{Context, Result};
use nopropdt_blocks::{Method, NoPropDt, Weights};
use nopropdt_data::Split;
use nopropdt_kernels::measure::Times;
use nopropdt_train::config::RunConfig;
use nopropdt_train::evaluate::accuracy;
use nopropdt_train::trainer::{Progress, Trainer, batches_per_epoch};
use rayon::ThreadPool;
use std::sync::Mutex;
use std::time::Instant;

/// Batches an epoch of the training measured.
const BATCHES: usize = 2;
/// Images an evaluation denoises together on a thread.
const EVALUATED: usize = 200;

/// A network to train, and its training images.
pub(super) struct Setup {
    pub(super) format: Format,
    pub(super) config: RunConfig,
    pub(super) network: NoPropDt,
    data: Split,
}

impl Setup {
    pub(super) fn new(case: &Case, format: Format, plan: &Plan) -> Result<Self> {
        let config = case.config(format, plan)?;
        let network = config.dt_network(&case.image.sizes(), CLASSES)?;
        Ok(Self { format, network, data: case.images(BATCHES * BATCH)?, config })
    }
}

/// A training under way, and the time every wave of block steps took.
pub(super) struct Training<'s> {
    setup: &'s Setup,
    trainer: Trainer<'s>,
    epoch: usize,
}

impl<'s> Training<'s> {
    pub(super) fn new(setup: &'s Setup) -> Result<Self> {
        let batches = batches_per_epoch(setup.data.len(), setup.config.training.batch_size);
        let trainer = Trainer::new(&setup.network, &setup.config, batches)?;
        Ok(Self { setup, trainer, epoch: 0 })
    }

    /// Trains an epoch in `pool`: the seconds of a block step, batch by batch.
    pub(super) fn epoch(&mut self, pool: &ThreadPool) -> Result<Vec<f64>> {
        // When the last batch ended, and how many block steps were done by then.
        let last = Mutex::new((Instant::now(), 0, Vec::new()));
        let on_step = |done: usize, _: usize, _: f64| {
            let mut last = last.lock().expect("nothing panics under the lock");
            let (now, steps) = (Instant::now(), done - last.1);
            let seconds = now.duration_since(last.0).as_secs_f64() / steps as f64;
            last.2.push(seconds);
            (last.0, last.1) = (now, done);
        };
        let progress = Progress { on_step: &on_step, stop: &|| false };
        pool.install(|| self.trainer.epoch(&self.setup.data, self.epoch, &progress))?;
        self.epoch += 1;
        Ok(last.into_inner().expect("nothing panics under the lock").2)
    }
}

/// What has been measured of one figure so far: an entry a process.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Seconds spent.
    used: f64,
    processes: Vec<Vec<f64>>,
}

impl Tally {
    /// Measures once more unless the time `due` by now is used up: it takes turns with others, and a slow one may skip a round.
    pub(super) fn measure(
        &mut self,
        due: f64,
        mut once: impl FnMut(f64) -> Result<Vec<Vec<f64>>>,
    ) -> Result<()> {
        while self.used < due {
            let start = Instant::now();
            let found = once(due - self.used)?;
            self.used += start.elapsed().as_secs_f64();
            self.processes.resize(found.len(), Vec::new());
            self.processes.iter_mut().zip(found).for_each(|(all, some)| all.extend(some));
        }
        Ok(())
    }

    /// The times of each process.
    pub(super) fn times(&self, what: &str) -> Result<Vec<Times>> {
        let times: Option<Vec<Times>> = self.processes.iter().cloned().map(Times::from_seconds).collect();
        times
            .filter(|times| !times.is_empty())
            .with_context(|| format!("{what}: times must be above 0 and finite; found {:?}", self.processes))
    }
}

/// As many made-up images as keep `threads` threads equally busy.
pub(super) fn evaluation_images(case: &Case, threads: usize) -> Result<Split> {
    case.images(EVALUATED * threads)
}

/// Evaluates images by all blocks in `pool`: seconds an image.
pub(super) fn infer(network: &NoPropDt, weights: &Weights, images: &Split, pool: &ThreadPool) -> f64 {
    let start = Instant::now();
    let answers = pool.install(|| accuracy(network, weights, images, 0, 1));
    assert_eq!(answers[0].per_block.len(), network.facts().blocks, "every block answers");
    start.elapsed().as_secs_f64() / images.len() as f64
}

/// Images an evaluation denoises together, for peers to do the same.
pub(super) const fn evaluation_batch() -> usize {
    EVALUATED
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_takes_no_more_than_its_share() {
        let mut tally = Tally::default();
        let mut calls = 0;
        let mut once = |_: f64| {
            calls += 1;
            std::thread::sleep(std::time::Duration::from_millis(20));
            Ok(vec![vec![1.0], vec![2.0, 3.0]])
        };
        tally.measure(0.01, &mut once).unwrap();
        tally.measure(0.015, &mut once).unwrap();
        let times = tally.times("test").unwrap();
        assert_eq!((times[0].count(), times[1].count(), times[1].median()), (1, 2, 2.5));
        tally.measure(0.05, &mut once).unwrap();
        assert!(calls > 1);
    }

    #[test]
    fn times_nobody_can_have_are_refused() {
        let mut tally = Tally::default();
        assert!(tally.times("nothing").is_err());
        tally.measure(1e-9, |_| Ok(vec![vec![f64::NAN]])).unwrap();
        assert!(
            tally.times("pytorch").unwrap_err().to_string().starts_with("pytorch: times must be above 0")
        );
    }
}
