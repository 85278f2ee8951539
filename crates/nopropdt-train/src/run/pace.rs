//! How often a run is saved: after each epoch, unless epochs are so short that saving would take most of the time.

use std::time::{Duration, Instant};

/// Epochs that take longer than this are each saved: no more than this is ever trained again.
const LONGEST: Duration = Duration::from_secs(1);
/// Saving takes at most about a fifth of the time.
const TIMES: u32 = 4;

/// When a run was saved last, how long that took, and what it holds.
#[derive(Debug, Default)]
pub(super) struct Pace {
    last: Option<(Instant, Duration)>,
    /// Epochs that were saved.
    pub(super) saved: usize,
}

impl Pace {
    /// Of a run that goes on after `saved` epochs.
    pub(super) fn after(saved: usize) -> Self {
        Self { last: None, saved }
    }

    /// Whether it is time to save.
    pub(super) fn is_due(&self) -> bool {
        self.last.is_none_or(|(ended, took)| due(ended.elapsed(), took))
    }

    /// Takes down that `epochs` were saved, beginning at `began`.
    pub(super) fn saved(&mut self, epochs: usize, began: Instant) {
        self.saved = epochs;
        self.last = Some((Instant::now(), began.elapsed()));
    }
}

fn due(since: Duration, took: Duration) -> bool {
    since >= (took * TIMES).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_epoch_is_saved_and_long_ones_are() {
        assert!(Pace::default().is_due());
        let milliseconds = Duration::from_millis;
        assert!(!due(milliseconds(79), milliseconds(20)) && due(milliseconds(80), milliseconds(20)));
        // However long saving takes.
        assert!(!due(milliseconds(999), milliseconds(5000)) && due(milliseconds(1000), milliseconds(5000)));
        assert!(due(Duration::ZERO, Duration::ZERO));
    }

    #[test]
    fn what_was_saved_is_known() {
        let mut pace = Pace::after(3);
        assert_eq!(pace.saved, 3);
        pace.saved(5, Instant::now() - Duration::from_secs(2));
        assert_eq!(pace.saved, 5);
        assert!(!pace.is_due());
    }
}
