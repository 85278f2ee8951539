//! Bounded work: so many requests compute, so many wait, and the next is told to come back.

use crate::reply::Refusal;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

/// A kind of work with threads and a queue of its own, so that slow work does not hold up quick work.
#[derive(Debug, Clone)]
pub(crate) struct Lane {
    /// What it does, for messages.
    name: &'static str,
    /// Those that compute and those that wait.
    places: Arc<Semaphore>,
    /// Those that compute.
    workers: Arc<Semaphore>,
    patience: Duration,
    /// Seconds after which one that found no place is to ask again.
    retry_after: u32,
}

/// A place in a lane, which is free again when the work is done or its request is gone.
pub(crate) struct Place<'l> {
    lane: &'l Lane,
    place: OwnedSemaphorePermit,
}

impl Lane {
    /// A lane of `workers` requests at once and `queue` more that wait; each is answered within `patience` or told to come back.
    pub(crate) fn new(
        name: &'static str,
        workers: usize,
        queue: usize,
        patience: Duration,
        retry_after: u32,
    ) -> Self {
        let places = Arc::new(Semaphore::new(workers + queue));
        Self { name, places, workers: Arc::new(Semaphore::new(workers)), patience, retry_after }
    }

    /// A place, if one is free. It is taken before a body is read, so bodies in memory are as many as places.
    pub(crate) fn enter(&self) -> Result<Place<'_>, Refusal> {
        match Arc::clone(&self.places).try_acquire_owned() {
            Ok(place) => Ok(Place { lane: self, place }),
            Err(_) => Err(Refusal::busy(
                format!("{}: all places are taken; ask again", self.name),
                self.retry_after,
            )),
        }
    }
}

impl Place<'_> {
    /// What `job` returns, run on a thread that may block. A request that goes away before its turn costs nothing; a job that has begun is
    /// finished, and keeps its place until then.
    pub(crate) async fn work<T: Send + 'static>(
        self,
        job: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let Self { lane, place } = self;
        let told = async {
            let worker = Arc::clone(&lane.workers).acquire_owned().await;
            let worker = worker.map_err(|_| Refusal::busy("the server is stopping", lane.retry_after))?;
            let held = move || {
                let _held = (place, worker);
                job()
            };
            let done = spawn_blocking(held).await;
            done.unwrap_or_else(|_panic| {
                Err(Refusal::failed(format!("{}: the program failed at it; its output says how", lane.name)))
            })
        };
        let late = || Refusal::busy(format!("{}: not done in time; ask again", lane.name), lane.retry_after);
        timeout(lane.patience, told).await.unwrap_or_else(|_| Err(late()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap()
    }

    #[test]
    fn beyond_workers_and_queue_nobody_is_let_in() {
        let lane = Lane::new("test", 1, 1, Duration::from_secs(60), 3);
        runtime().block_on(async {
            let (begin, wait) = channel::<()>();
            let first = lane.enter().unwrap();
            let second = lane.enter().unwrap();
            assert_eq!(
                lane.enter().err().unwrap(),
                Refusal::busy("test: all places are taken; ask again", 3)
            );
            let waits = first.work(move || wait.recv().map_err(Refusal::failed));
            let (first, ()) = tokio::join!(waits, async { begin.send(()).unwrap() });
            first.unwrap();
            assert_eq!(second.work(|| Ok(7)).await, Ok(7));
            assert!(lane.enter().is_ok());
        });
    }

    #[test]
    fn what_takes_too_long_is_told_and_its_place_is_free_afterwards() {
        let lane = Lane::new("test", 1, 0, Duration::from_millis(50), 1);
        runtime().block_on(async {
            let (begin, wait) = channel::<()>();
            let late = lane.enter().unwrap().work(move || wait.recv().map_err(Refusal::failed)).await;
            assert_eq!(late.unwrap_err().line(), "test: not done in time; ask again");
            assert!(lane.enter().is_err(), "it still computes");
            begin.send(()).unwrap();
            while lane.enter().is_err() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
    }

    #[test]
    fn a_panic_is_told_and_its_place_is_free_afterwards() {
        let lane = Lane::new("test", 1, 0, Duration::from_secs(60), 1);
        runtime().block_on(async {
            let failed = lane.enter().unwrap().work(|| -> Result<(), _> { panic!("on purpose") }).await;
            assert_eq!(failed.unwrap_err().status(), 500);
            assert!(lane.enter().is_ok());
        });
    }
}
