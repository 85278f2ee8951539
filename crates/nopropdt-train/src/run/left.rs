//! How long the rest of a run will take, by the pace of this process alone.

use std::time::{Duration, Instant};

/// When this process began with a run, and how far that was.
#[derive(Debug, Clone, Copy)]
pub(super) struct Left {
    began: Instant,
    /// Epochs that were done then; a part of one counts as such.
    before: f64,
    /// Epochs that the run is to have.
    epochs: f64,
}

impl Left {
    pub(super) fn new(began: Instant, before: f64, epochs: usize) -> Self {
        Self { began, before, epochs: epochs as f64 }
    }

    /// The time that is left when so many epochs are done; none before this process has done anything.
    pub(super) fn when(&self, done: f64) -> Option<Duration> {
        self.after(self.began.elapsed(), done)
    }

    fn after(&self, elapsed: Duration, done: f64) -> Option<Duration> {
        let here = done - self.before;
        let left = (self.epochs - done).max(0.0) / here * elapsed.as_secs_f64();
        (here > 0.0).then(|| Duration::try_from_secs_f64(left).ok()).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_left_follows_the_pace_so_far() {
        let left = Left::new(Instant::now(), 0.0, 10);
        let seconds = Duration::from_secs;
        assert_eq!(left.after(seconds(0), 0.0), None);
        assert_eq!(left.after(seconds(30), 0.5), Some(seconds(570)));
        assert_eq!(left.after(seconds(600), 10.0), Some(seconds(0)));
        assert_eq!(left.after(seconds(660), 11.0), Some(seconds(0)));
    }

    #[test]
    fn what_other_processes_did_took_this_one_no_time() {
        // Three quarters of the eighth epoch of ten.
        let left = Left::new(Instant::now(), 7.75, 10);
        let seconds = Duration::from_secs;
        assert_eq!(left.after(seconds(1), 7.75), None);
        assert_eq!(left.after(seconds(25), 8.0), Some(seconds(200)));
        assert_eq!(left.after(seconds(225), 10.0), Some(seconds(0)));
    }
}
