//! How fast this processor is, and how fast the kernels are on it: timing, peaks, and the operations of a block made ready to be
//! called again and again.
//!
//! A rate means little without the limit beside it, so [`peak`] times the arithmetic alone, on the same core in the same minute.
//!
//! ```
//! use nopropdt_kernels::active;
//! use nopropdt_kernels::measure::{Arithmetic, LinearProducts, Times, peak};
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
mod numbers;
mod peak;
mod times;

pub use convolution::ConvolutionPasses;
pub use linear::LinearProducts;
pub use peak::{Arithmetic, peak};
pub use times::Times;
