//! Why a configuration can't become a network.

/// A rule that a configuration breaks.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BlocksError {
    /// A number is outside its range.
    #[error("{what}: must be {rule}; found {found}")]
    Range {
        /// The setting.
        what: &'static str,
        /// The range, in words.
        rule: &'static str,
        /// The value found.
        found: String,
    },
    /// Pooling would leave no pixel.
    #[error("block: its {pools} poolings want images of at least {least}×{least} pixels; found {height}×{width}")]
    ImageTooSmall {
        /// Number of 2×2 poolings.
        pools: usize,
        /// Least rows and columns.
        least: usize,
        /// Rows found.
        height: usize,
        /// Columns found.
        width: usize,
    },
    /// The falling schedule makes the paper's posterior variance negative.
    #[error("schedule reference: falls with t, so the paper's sampler has no real coefficients; use --preset reference")]
    FallingSchedule,
}

impl BlocksError {
    pub(crate) fn range(what: &'static str, rule: &'static str, found: impl ToString) -> Self {
        Self::Range { what, rule, found: found.to_string() }
    }
}
