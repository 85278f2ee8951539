//! A trained network as files of other programs: ONNX, and PyTorch with safetensors.
//!
//! A whole answer is laid on a tape that traces, twice, with two and with three rows, so that a batch of any size can be told from what is
//! fixed. Steps that do the same become a loop, layouts that cancel go, and what is left is written.

mod error;
mod example;
mod fold;
pub mod onnx;
pub mod pytorch;
mod simplify;
mod trace;
mod weights;

pub use error::ExportError;
pub use example::example;
#[cfg(test)]
mod tests;

pub use trace::{CONSENSUS, IMAGE, INPUT, NOISE, PROBABILITIES, START, graph_of};
