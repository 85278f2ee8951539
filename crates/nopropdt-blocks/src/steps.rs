//! The steps of a network that is one for all times, and where it is read out on the way.

use crate::batch::SLICES;
use crate::error::BlocksError;
use crate::method::Facts;

/// Most steps an answer is reached in.
const MOST_STEPS: usize = 100_000;
/// Read-outs of a network that is run in many steps.
const MOST_READOUTS: usize = 10;

/// The steps of a network that is one for all times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Steps(pub(crate) usize);

impl Steps {
    pub(crate) fn new(steps: usize) -> Result<Self, BlocksError> {
        BlocksError::check_size("steps", 1, MOST_STEPS, steps)?;
        Ok(Self(steps))
    }

    /// The facts of a method whose one network runs in these steps, on batches that are cut into slices.
    pub(crate) fn facts(self, of_network: Facts<'_>) -> Facts<'_> {
        Facts { steps: self.0, slices: SLICES, readouts: self.readouts(), ..of_network }
    }

    /// Number of read-outs.
    pub(crate) fn readouts(self) -> usize {
        self.0.min(MOST_READOUTS)
    }

    /// The time in 0..1 at which step `step` (from 0) begins.
    pub(crate) fn time(self, step: usize) -> f64 {
        step as f64 / self.0 as f64
    }

    /// The step (from 0) that read-out `readout` (from 0) reads.
    pub(crate) fn of_readout(self, readout: usize) -> usize {
        // The first step with (step + 1)·count ≥ (readout + 1)·steps.
        ((readout + 1) * self.0).div_ceil(self.readouts()) - 1
    }

    /// Whether the estimate of step `step` (from 0) is read out: ten evenly spaced ones, the last among them.
    pub(crate) fn is_read(self, step: usize) -> bool {
        let count = self.readouts();
        (step + 1) * count / self.0 > step * count / self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn read_outs_are_evenly_spaced_and_end_with_the_last_step() {
        for steps in [1, 7, 10, 23, 1000] {
            let steps = Steps::new(steps).unwrap();
            let read: Vec<usize> = (0..steps.0).filter(|&step| steps.is_read(step)).collect();
            let told: Vec<usize> = (0..steps.readouts()).map(|readout| steps.of_readout(readout)).collect();
            assert_eq!(read, told, "{steps:?}");
            assert_eq!(read.last(), Some(&(steps.0 - 1)), "{steps:?}");
            let gaps = read.windows(2).map(|pair| pair[1] - pair[0]);
            assert!(gaps.clone().max() <= gaps.min().map(|least| least + 1), "{steps:?}: {read:?}");
        }
        assert!(Steps::new(0).is_err());
    }
}
