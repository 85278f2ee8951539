//! Random numbers without state, and a generator of them for the distributions of the `rand` crates.

mod rng;

pub use nopropdt_kernels::random::Stream;
pub use rng::StreamRng;
