//! Why settings are refused.

use super::smaller::{Smaller, told};
use nopropdt_blocks::BlocksError;
use nopropdt_data::DatasetNameError;
use nopropdt_tensor::optim::OptimizerError;

/// A setting breaks a rule.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A number is outside its range.
    #[error("{setting}: must be {rule}; found {found}")]
    Range {
        /// Its key in files.
        setting: String,
        /// The range, in words.
        rule: String,
        /// Value found.
        found: String,
    },
    /// A value is not of its setting's kind.
    #[error("{setting}: {problem}")]
    Value {
        /// Its name: the flag, or section and key of one without a flag.
        setting: String,
        /// What is wrong, and what was found.
        problem: String,
    },
    /// A setting that judges epochs, without the images for it.
    #[error("{setting}: needs images for validation; none are held out")]
    NoValidation {
        /// Its name.
        setting: String,
    },
    /// A dataset that there is not.
    #[error(transparent)]
    Dataset(#[from] DatasetNameError),
    /// A setting that means nothing to the method or the block.
    #[error("{setting}: must be left out: {kind} {name} has no such setting; it has {}", known.join(", "))]
    NoSuchSetting {
        /// Its name: the flag, or section and key of one without a flag.
        setting: String,
        /// `method` or `block`.
        kind: &'static str,
        /// Which one.
        name: String,
        /// The settings that it has.
        known: Vec<String>,
    },
    /// The settings of a method or a block can't be read.
    #[error("{kind} {name}: {problem}")]
    Component {
        /// `method` or `block`.
        kind: &'static str,
        /// Which one.
        name: String,
        /// What is wrong.
        problem: String,
    },
    /// A setting that nothing has.
    #[error("unknown setting `{setting}`")]
    Unknown {
        /// Its name.
        setting: String,
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
