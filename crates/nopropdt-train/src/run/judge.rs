//! Which epoch of a run is the best, and when a run has waited long enough for a better one. All of it is a function of what was measured, so
//! nothing but the best weights has to be saved.

use crate::checkpoint::Extension;
use crate::metrics::EpochMetrics;
use nopropdt_blocks::Readout;

/// What an epoch is judged by: the accuracy on the validation images of the read-out that these chose. None of an epoch where it was not
/// measured.
pub fn judged(epoch: &EpochMetrics) -> Option<f64> {
    match epoch.chosen_readout() {
        Some(Readout::Consensus) => epoch.validation_accuracy_consensus,
        _ => epoch.validation_accuracy,
    }
}

/// The best of these epochs, the earliest of equal ones; none when none can be judged.
pub fn best_of(epochs: &[EpochMetrics]) -> Option<&EpochMetrics> {
    let mut best: Option<(&EpochMetrics, f64)> = None;
    for epoch in epochs {
        let Some(number) = judged(epoch) else { continue };
        if best.is_none_or(|(_, highest)| number > highest) {
            best = Some((epoch, number));
        }
    }
    best.map(|(epoch, _)| epoch)
}

/// Whether `patience` epochs have brought none that is better than the best before them. Where a run whose patience had run out was
/// given other epochs, it counts anew from there.
pub(super) fn has_run_out(
    epochs: &[EpochMetrics],
    patience: Option<usize>,
    extensions: &[Extension],
) -> bool {
    let Some(patience) = patience else { return false };
    let since = |from: usize, epochs: &[EpochMetrics]| match (epochs.last(), best_of(epochs)) {
        (Some(last), Some(best)) if judged(last).is_some() => last.epoch.saturating_sub(from.max(best.epoch)),
        _ => 0,
    };
    let mut from = 0;
    for extension in extensions {
        let then = &epochs[..extension.finished.min(epochs.len())];
        if since(from, then) >= patience {
            from = extension.finished;
        }
    }
    since(from, epochs) >= patience
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epochs(accuracies: &[Option<f64>]) -> Vec<EpochMetrics> {
        let numbered = accuracies.iter().zip(1..);
        numbered
            .map(|(&validation_accuracy, epoch)| EpochMetrics {
                epoch,
                validation_accuracy,
                ..EpochMetrics::default()
            })
            .collect()
    }

    #[test]
    fn the_best_is_the_earliest_of_equals() {
        let best = |accuracies: &[Option<f64>]| best_of(&epochs(accuracies)).map(|best| best.epoch);
        assert_eq!(best(&[]), None);
        assert_eq!(best(&[None, None]), None);
        assert_eq!(best(&[Some(0.5), None, Some(0.7), Some(0.7), Some(0.6)]), Some(3));
        assert_eq!(best(&[Some(0.0), Some(0.0)]), Some(1));
    }

    #[test]
    fn patience_counts_epochs_since_the_best() {
        let out =
            |patience, accuracies: &[Option<f64>]| has_run_out(&epochs(accuracies), Some(patience), &[]);
        let fall = [Some(0.5), Some(0.7), Some(0.7), Some(0.6)];
        assert_eq!([1, 2, 3].map(|patience| out(patience, &fall)), [true, true, false]);
        assert!(!out(1, &[]) && !out(1, &[None, None, None]) && !out(1, &[Some(0.1), Some(0.2)]));
        // Only an epoch that is judged ends a run.
        assert!(!out(1, &[Some(0.5), None, None]));
        assert!(out(1, &[Some(0.5), None, Some(0.5)]));
        assert!(!has_run_out(&epochs(&fall), None, &[]));
    }

    #[test]
    fn patience_counts_anew_where_a_run_that_had_ended_was_extended() {
        let extended = |finished| [Extension { finished, before: 9 }];
        let fall = [Some(0.7), Some(0.6), Some(0.6), Some(0.6), Some(0.6)];
        let out = |count: usize, finished| has_run_out(&epochs(&fall[..count]), Some(2), &extended(finished));
        // It had ended after epoch 3.
        assert_eq!([3, 4, 5].map(|count| out(count, 3)), [false, false, true]);
        // It had not ended after epoch 2: nothing is another than in a run of so many epochs from the start.
        assert_eq!([2, 3].map(|count| out(count, 2)), [false, true]);
    }
}
