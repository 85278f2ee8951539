//! Why settings are refused.

use super::smaller::{Smaller, told};
use nopropdt_blocks::BlocksError;
use nopropdt_tensor::optim::OptimizerError;

/// A setting breaks a rule.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A number is outside its range.
    #[error("{setting}: must be {rule}; found {found}")]
    Range {
        /// Its key in files.
        setting: &'static str,
        /// The range, in words.
        rule: String,
        /// Value found.
        found: String,
    },
    /// The network has more values than any machine this is for can train.
    #[error("network: must have at most {most} parameters; found {found}; {}", told(ways))]
    TooLarge {
        /// Parameters of the network.
        found: usize,
        /// The most allowed.
        most: usize,
        /// Changes of one setting each that would be enough; none when it takes several.
        ways: Vec<Smaller>,
    },
    /// Something the network refuses.
    #[error(transparent)]
    Network(#[from] BlocksError),
    /// Something the optimiser refuses.
    #[error(transparent)]
    Optimizer(#[from] OptimizerError),
    /// A configuration file can't be used.
    #[error("{file}: {problem}")]
    File {
        /// The file.
        file: String,
        /// What is wrong, with the line where there is one.
        problem: String,
    },
}
