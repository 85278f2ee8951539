//! The instruction set every machine has.

/// Kernels in safe Rust, which are also what the others are tested against.
pub(crate) struct Portable;
