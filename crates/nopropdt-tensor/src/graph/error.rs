//! Why a computation has no graph.

/// Why a computation has no graph.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GraphError {
    /// An operation does not say what it is in the terms of a graph.
    #[error("operation {operation}: has no form in a graph")]
    NoForm {
        /// The operation's name.
        operation: &'static str,
    },
    /// An operation does something else for another number of rows.
    #[error("operation {operation}: must do the same for any number of rows; it does not")]
    FixedRows {
        /// The operation's name.
        operation: &'static str,
    },
}
