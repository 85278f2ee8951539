//! Every case of `ops.safetensors` and `optimizers.safetensors`, computed by PyTorch in f64, against this crate.
//!
//! Each tensor of a file has to be taken by a test, so a case that nobody looks at fails.

mod file;
mod operations;
mod optimizers;
