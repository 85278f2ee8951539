//! What activations are stored and multiplied in.

use std::fmt;

/// In what numbers activations are stored and multiplied; sums, weights, statistics and optimisers are f32 in both.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Precision {
    /// 24 significant bits.
    #[default]
    F32,
    /// 8 significant bits: half the memory, and products that processors with bf16 instructions do two or more at a time.
    Bf16,
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
        })
    }
}
