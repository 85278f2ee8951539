//! How often a run is saved: after each epoch, unless epochs are so short that saving would take most of the time; and within epochs that
//! are long.

use std::time::{Duration, Instant};

/// Epochs that take longer than this are each saved: no more than this is ever trained again.
const LONGEST: Duration = Duration::from_secs(1);
/// Saving takes at most about a fifth of the time.
const TIMES: u32 = 4;

/// How long at most a run trains within an epoch without being saved, unless somebody wants it otherwise.
pub(super) const WITHIN_EPOCHS: Duration = Duration::from_secs(600);

/// When a run was saved last, how long that took, and what it holds.
#[derive(Debug)]
pub(super) struct Pace {
    /// When it began.
    began: Instant,
    /// How long it trains within an epoch without being saved; none for ever.
    within: Option<Duration>,
    last: Option<(Instant, Duration)>,
    /// Epochs that were saved.
    pub(super) saved: usize,
    /// Whether a part of the epoch after them was saved too.
    pub(super) saved_part: bool,
}

impl Pace {
    /// Of a run that goes on after `saved` epochs and, if it is so, a part of the next.
    pub(super) fn after(saved: usize, saved_part: bool, within: Option<Duration>) -> Self {
        Self { began: Instant::now(), within, last: None, saved, saved_part }
    }

    /// Whether it is time to save within an epoch.
    pub(super) fn is_due_within(&self) -> bool {
        let last = self.last.map_or(self.began, |(ended, _)| ended);
        self.within.is_some_and(|longest| last.elapsed() >= longest)
    }

    /// Whether it is time to save.
    pub(super) fn is_due(&self) -> bool {
        self.last.is_none_or(|(ended, took)| due(ended.elapsed(), took))
    }

    /// Takes down that `epochs`, and perhaps a part of the next, were saved, beginning at `began`.
    pub(super) fn saved(&mut self, epochs: usize, part: bool, began: Instant) {
        (self.saved, self.saved_part) = (epochs, part);
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
        assert!(Pace::after(0, false, None).is_due());
        let milliseconds = Duration::from_millis;
        assert!(!due(milliseconds(79), milliseconds(20)) && due(milliseconds(80), milliseconds(20)));
        // However long saving takes.
        assert!(!due(milliseconds(999), milliseconds(5000)) && due(milliseconds(1000), milliseconds(5000)));
        assert!(due(Duration::ZERO, Duration::ZERO));
    }

    #[test]
    fn what_was_saved_is_known() {
        let mut pace = Pace::after(3, false, None);
        assert_eq!(pace.saved, 3);
        pace.saved(5, false, Instant::now() - Duration::from_secs(2));
        assert_eq!(pace.saved, 5);
        assert!(!pace.is_due());
    }

    #[test]
    fn within_epochs_the_time_since_the_last_saving_counts() {
        let within = |longest| Pace::after(0, false, longest);
        assert!(within(Some(Duration::ZERO)).is_due_within());
        assert!(!within(Some(WITHIN_EPOCHS)).is_due_within() && !within(None).is_due_within());
        let mut pace = within(Some(Duration::from_secs(5)));
        pace.began = Instant::now() - Duration::from_secs(6);
        assert!(pace.is_due_within());
        pace.saved(0, true, Instant::now());
        assert!(pace.saved_part && !pace.is_due_within());
    }
}
