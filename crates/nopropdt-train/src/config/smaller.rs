//! A change that makes a network small enough.

use std::fmt;

/// Trainable values of a whole network; each takes 12 bytes with the optimiser's memory.
pub(super) const MOST_PARAMETERS: usize = 1 << 29;

/// A change of one setting that makes a network small enough.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Smaller {
    /// The setting's key in files.
    pub setting: &'static str,
    /// Its new value.
    pub value: String,
    /// Parameters of the network that it brings.
    pub parameters: usize,
}

impl fmt::Display for Smaller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} brings {}", self.setting, self.value, self.parameters)
    }
}

/// The ways in a line.
pub(super) fn told(ways: &[Smaller]) -> String {
    match ways.is_empty() {
        true => "no single setting is enough: lower several, or train on fewer classes".into(),
        false => ways.iter().map(Smaller::to_string).collect::<Vec<_>>().join(", "),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn one_setting_may_not_be_enough() {
        assert_eq!(super::told(&[]), "no single setting is enough: lower several, or train on fewer classes");
    }
}
