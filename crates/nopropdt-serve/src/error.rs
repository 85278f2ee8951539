//! Why nothing is served.

use nopropdt_train::model_file::ModelFileError;
use nopropdt_train::predictor::PredictError;
use std::io;

/// Why nothing is served. Each is one line.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// Wrong use: what is named is not there, or a number is out of range.
    #[error("{0}")]
    Usage(String),
    /// The model can't be used.
    #[error(transparent)]
    Model(#[from] PredictError),
    /// The address can't be listened on.
    #[error("{address}: can't be listened on: {reason}; choose another --port or --host")]
    Listen {
        /// Host and port.
        address: String,
        /// The system's answer.
        reason: io::Error,
    },
    /// The system gives no threads, or no signals.
    #[error("the server can't be started: {0}")]
    System(io::Error),
    /// The address can't be printed.
    #[error("standard output can't be written: {0}")]
    Output(io::Error),
}

impl From<ModelFileError> for ServeError {
    fn from(error: ModelFileError) -> Self {
        Self::Model(error.into())
    }
}
