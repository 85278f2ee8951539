//! A noise schedule of one's own, with the whole command line: ᾱ rises with the square root of t, so early blocks are told more of the label.
//!
//! `cargo run --features cli --example own_schedule -- --schedule root --steps 5`

use std::process::ExitCode;

use nopropdt_blocks::{BlocksError, NoiseSchedule};
use nopropdt_train::registry::Registry;

/// ᾱ_t = 0.01 + 0.98·√(t/T).
fn root(steps: usize) -> Result<NoiseSchedule, BlocksError> {
    let level = |t: usize| 0.01 + 0.98 * (t as f64 / steps as f64).sqrt();
    NoiseSchedule::from_levels((0..=steps).map(level).collect::<Vec<_>>())
}

fn main() -> ExitCode {
    nopropdt_train::cli::run(Registry::builtin().schedule("root", "the square root of t", root))
}
