//! Read-outs: rules that read class probabilities from a chain.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Where the answer of a chain is read. Files and flags have it by its name, such as `chain`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Readout {
    /// The paper's: the output head on z_T.
    Chain,
    /// The mean of the class probabilities at all read-outs on the way.
    Consensus,
}

impl Readout {
    /// All of them, the paper's first.
    pub const ALL: [Self; 2] = [Self::Chain, Self::Consensus];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Chain => "chain",
            Self::Consensus => "consensus",
        }
    }

    /// The read-out of the best accuracy; of equals it is `usual`, or else the first of [`Readout::ALL`]. NaN is no accuracy.
    pub fn best(usual: Self, accuracy: impl Fn(Self) -> f64) -> Self {
        Self::ALL.into_iter().fold(
            usual,
            |best, readout| {
                if accuracy(readout) > accuracy(best) { readout } else { best }
            },
        )
    }
}

impl fmt::Display for Readout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_is_the_usual_one_unless_another_is_better() {
        let accuracies =
            |chain, consensus| move |readout| if readout == Readout::Chain { chain } else { consensus };
        for usual in Readout::ALL {
            assert_eq!(Readout::best(usual, accuracies(0.5, 0.5)), usual);
            assert_eq!(Readout::best(usual, accuracies(0.6, 0.5)), Readout::Chain);
            assert_eq!(Readout::best(usual, accuracies(0.5, 0.6)), Readout::Consensus);
            assert_eq!(Readout::best(usual, accuracies(f64::NAN, f64::NAN)), usual);
        }
    }
}
