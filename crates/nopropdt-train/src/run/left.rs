//! How long the rest of a run will take, by the pace of this process alone.

use std::time::{Duration, Instant};

/// When this process began with a run, how far that was, and what it has taken since for other things than training.
#[derive(Debug, Clone, Copy)]
pub(super) struct Left {
    began: Instant,
    /// Epochs that were done then; a part of one counts as such.
    before: f64,
    /// Epochs that the run is to have.
    epochs: usize,
    /// One in so many is measured, and the last.
    every: usize,
    /// Epochs that this process has measured.
    measured: usize,
    /// What measuring and saving them took.
    between: Duration,
}

impl Left {
    /// Of a run of so many epochs, of which one in `every` is measured, that goes on now.
    pub(super) fn new(before: f64, epochs: usize, every: usize) -> Self {
        Self { began: Instant::now(), before, epochs, every, measured: 0, between: Duration::ZERO }
    }

    /// Takes down what came after the training of an epoch.
    pub(super) fn add_between(&mut self, took: Duration, is_measured: bool) {
        self.between += took;
        self.measured += usize::from(is_measured);
    }

    /// The time that is left when so many epochs are done; none before this process has done anything.
    pub(super) fn when(&self, done: f64) -> Option<Duration> {
        self.after(self.began.elapsed(), done)
    }

    fn after(&self, elapsed: Duration, done: f64) -> Option<Duration> {
        let here = done - self.before;
        let training = elapsed.saturating_sub(self.between).as_secs_f64() / here;
        let between = self.between.as_secs_f64() / self.measured.max(1) as f64;
        let left =
            (self.epochs as f64 - done).max(0.0) * training + self.measures_left(done) as f64 * between;
        (here > 0.0).then(|| Duration::try_from_secs_f64(left).ok()).flatten()
    }

    /// Epochs that are still to be measured.
    fn measures_left(&self, done: f64) -> usize {
        let finished = (done as usize).min(self.epochs);
        let last = usize::from(finished < self.epochs && !self.epochs.is_multiple_of(self.every));
        self.epochs / self.every - finished / self.every + last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn the_time_left_follows_the_pace_so_far() {
        let mut left = Left::new(0.0, 10, 1);
        assert_eq!(left.after(seconds(0), 0.0), None);
        assert_eq!(left.after(seconds(30), 0.5), Some(seconds(570)));
        left.add_between(seconds(6), true);
        // Nine epochs of 60 seconds, each measured in 6.
        assert_eq!(left.after(seconds(66), 1.0), Some(seconds(9 * 66)));
        assert_eq!(left.after(seconds(66 + 30), 1.5), Some(seconds(8 * 60 + 30 + 9 * 6)));
        assert_eq!(left.after(seconds(660), 10.0), Some(seconds(0)));
        assert_eq!(left.after(seconds(660), 11.0), Some(seconds(0)));
    }

    #[test]
    fn what_other_processes_did_took_this_one_no_time() {
        // Three quarters of the eighth epoch of ten.
        let mut left = Left::new(7.75, 10, 1);
        assert_eq!(left.after(seconds(1), 7.75), None);
        assert_eq!(left.after(seconds(25), 8.0), Some(seconds(200)));
        left.add_between(seconds(50), true);
        assert_eq!(left.after(seconds(75), 8.0), Some(seconds(300)));
        assert_eq!(left.after(seconds(375), 10.0), Some(seconds(0)));
    }

    #[test]
    fn only_some_epochs_are_measured() {
        let left = Left::new(0.0, 10, 4);
        let measures_left = [0.0, 3.5, 4.0, 7.9, 8.0, 9.9, 10.0].map(|done| left.measures_left(done));
        assert_eq!(measures_left, [3, 3, 2, 2, 1, 1, 0]);
        assert_eq!(Left::new(0.0, 8, 4).measures_left(3.0), 2);
    }
}
