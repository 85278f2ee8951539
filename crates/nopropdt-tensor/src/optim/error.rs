//! What can be wrong with an optimiser's configuration or saved state.

/// Why a configuration or a saved state was refused.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum OptimizerError {
    /// A constant of a configuration is out of its range.
    #[error("{name}: must be {rule}; found {found}")]
    Parameter {
        /// The constant.
        name: &'static str,
        /// What must hold.
        rule: &'static str,
        /// The value given.
        found: f64,
    },
    /// A saved state has the running averages of another update rule.
    #[error("optimizer state: this update rule keeps {expected} running averages; the state has {found}")]
    MomentCount {
        /// Averages kept by this optimiser.
        expected: usize,
        /// Averages in the state.
        found: usize,
    },
    /// A saved state belongs to a network with another number of parameters.
    #[error("optimizer state: network has {expected} parameters; running average {index} has {found} values")]
    MomentLength {
        /// Position of the offending average.
        index: usize,
        /// Parameters of this optimiser.
        expected: usize,
        /// Values in the average.
        found: usize,
    },
}

/// Refuses a constant unless its rule holds. The rule is stated positively, so that NaN fails it.
pub(super) fn require(
    holds: bool,
    name: &'static str,
    rule: &'static str,
    found: f64,
) -> Result<(), OptimizerError> {
    if holds { Ok(()) } else { Err(OptimizerError::Parameter { name, rule, found }) }
}
