//! The processor's limits for each number of threads, measured on the spot.

use super::cases::Plan;
use anyhow::Result;
use nopropdt_kernels::measure::{Arithmetic, peak};
use nopropdt_tensor::Isa;
use rayon::{ThreadPool, ThreadPoolBuilder};

/// A number of threads to measure with.
pub(super) struct Team {
    pub(super) threads: usize,
    pub(super) pool: ThreadPool,
}

/// One thread, and all of them.
pub(super) fn teams(threads: usize) -> Result<Vec<Team>> {
    let mut sizes = vec![1, threads];
    sizes.dedup();
    let team = |threads| Ok(Team { threads, pool: ThreadPoolBuilder::new().num_threads(threads).build()? });
    sizes.into_iter().map(team).collect()
}

/// Peaks in GFLOP/s by arithmetic and number of threads.
pub(super) struct Peaks(Vec<(Arithmetic, usize, Option<f64>)>);

impl Peaks {
    /// Measures each arithmetic on each team; what threads reach at the same time is added up.
    pub(super) fn measure(arithmetics: &[Arithmetic], isa: Isa, teams: &[Team], plan: &Plan) -> Self {
        let mut found = Vec::new();
        for &arithmetic in arithmetics {
            for team in teams {
                let rates = team.pool.broadcast(|_| peak(arithmetic, isa, plan.op_limit()));
                found.push((arithmetic, team.threads, rates.into_iter().sum()));
            }
        }
        Self(found)
    }

    pub(super) fn of(&self, arithmetic: Arithmetic, threads: usize) -> Option<f64> {
        self.0.iter().find(|(kind, count, _)| (*kind, *count) == (arithmetic, threads))?.2
    }
}
