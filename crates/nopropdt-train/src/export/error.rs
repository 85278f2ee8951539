//! Why a network can't be exported.

use nopropdt_tensor::graph::GraphError;

/// Why a network can't be exported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The method answers, but does not say how in the terms of a graph.
    #[error("method {method}: has no form in other programs' files (Method::answer_on)")]
    Method {
        /// The method's name, for people.
        method: String,
    },
    /// An operation has no form, or one for a single batch size.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// The file would be beyond what the format can hold.
    #[error("ONNX: a file holds at most 2 GiB; the network takes {bytes} bytes")]
    TooLarge {
        /// What it takes.
        bytes: usize,
    },
}
