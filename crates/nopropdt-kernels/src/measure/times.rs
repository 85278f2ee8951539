//! Repeated timing of a call.

use std::time::{Duration, Instant};

/// How long each of several calls took, in seconds; at least one.
#[derive(Debug, Clone, PartialEq)]
pub struct Times {
    /// In ascending order.
    sorted: Vec<f64>,
}

impl Times {
    /// Calls once to warm up, then until `limit` has passed, at least once.
    pub fn of(limit: Duration, mut call: impl FnMut()) -> Self {
        call();
        let (start, mut sorted) = (Instant::now(), Vec::new());
        while sorted.is_empty() || start.elapsed() < limit {
            let begin = Instant::now();
            call();
            sorted.push(begin.elapsed().as_secs_f64());
        }
        sorted.sort_by(f64::total_cmp);
        Self { sorted }
    }

    /// Times taken elsewhere. None unless there is at least one and each is above 0 and finite.
    pub fn from_seconds(mut seconds: Vec<f64>) -> Option<Self> {
        seconds.sort_by(f64::total_cmp);
        let sound = !seconds.is_empty() && seconds.iter().all(|time| *time > 0.0 && time.is_finite());
        sound.then_some(Self { sorted: seconds })
    }

    /// Number of calls.
    pub fn count(&self) -> usize {
        self.sorted.len()
    }

    /// The shortest time: what an undisturbed core does.
    pub fn fastest(&self) -> f64 {
        self.sorted[0]
    }

    /// The time in the middle; of an even number the mean of both.
    pub fn median(&self) -> f64 {
        let half = self.sorted.len() / 2;
        if self.sorted.len() % 2 == 1 {
            self.sorted[half]
        } else {
            0.5 * (self.sorted[half - 1] + self.sorted[half])
        }
    }

    /// The longest time.
    pub fn slowest(&self) -> f64 {
        self.sorted[self.sorted.len() - 1]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_statistics_of_known_times() {
        let times = Times::from_seconds(vec![3.0, 1.0, 8.0, 2.0]).unwrap();
        assert_eq!((times.fastest(), times.median(), times.slowest(), times.count()), (1.0, 2.5, 8.0, 4));
        assert_eq!(Times::from_seconds(vec![3.0, 1.0, 8.0]).unwrap().median(), 3.0);
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for bad in [vec![], vec![1.0, 0.0], vec![1.0, -1.0], vec![f64::NAN], vec![1.0, f64::INFINITY]] {
            assert_eq!(Times::from_seconds(bad.clone()), None, "{bad:?}");
        }
    }

    #[test]
    fn a_call_is_warmed_up_and_timed_even_without_time() {
        let mut calls = 0;
        let times = Times::of(Duration::ZERO, || {
            calls += 1;
            std::thread::sleep(Duration::from_millis(2));
        });
        assert_eq!((calls, times.count()), (2, 1));
        assert!(times.fastest() >= 0.002);
    }
}
