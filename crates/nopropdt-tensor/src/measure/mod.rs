//! How fast this processor is, and how fast the kernels are on it: timing, peaks, and the operations of a block made ready to be
//! called again and again.
//!
//! A rate means little without the limit beside it, so [`peak`] times the arithmetic alone, on the same core in the same minute.
//!
//! ```
//! use nopropdt_tensor::kernels::{Isa, active};
//! use nopropdt_tensor::measure::{Arithmetic, LinearProducts, Times, peak};
//! use std::time::Duration;
//!
//! let limit = Duration::from_millis(10);
//! let mut layer = LinearProducts::new(active(), 32, 64, 16);
//! let gflops = layer.flop() / Times::of(limit, || layer.forward()).median() / 1e9;
//! if let Some(peak) = peak(Arithmetic::F32, active().isa(), limit) {
//!     println!("{gflops:.1} of {peak:.1} GFLOP/s");
//! }
//! ```

mod convolution;
mod linear;
mod peak;
mod times;

pub use convolution::ConvolutionPasses;
pub use linear::LinearProducts;
pub use peak::{Arithmetic, peak};
pub use times::Times;

use crate::random::Stream;

/// Numbers of U(−½, ½) that depend on `tag` alone.
fn uniform(length: usize, tag: u64) -> Vec<f32> {
    let mut values = vec![0.0; length];
    Stream::new(1).child(tag).fill_uniform(&mut values);
    values.iter_mut().for_each(|value| *value -= 0.5);
    values
}
