//! The arithmetic itself, on slices and sizes: nothing here knows a [`Tensor`](crate::Tensor).
//!
//! This module is the only place of the workspace where `unsafe` is allowed. One folder an instruction set:
//! [`portable`] is the meaning of every kernel and the oracle the others are tested against.

pub mod portable;

use std::fmt;
use std::str::FromStr;

/// The environment variable that forces an instruction set.
pub const ISA_VARIABLE: &str = "NOPROPDT_ISA";

/// The instruction sets there are kernels for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Isa {
    /// Safe Rust, with matrixmultiply's own detection for the matrix products.
    Portable,
}

/// The value of [`ISA_VARIABLE`] names no instruction set this build has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{ISA_VARIABLE}: wants one of: portable; found {found}")]
pub struct UnknownIsa {
    /// The value found.
    pub found: String,
}

impl Isa {
    /// The instruction set kernels run with: the one [`ISA_VARIABLE`] asks for, else the best this machine has.
    ///
    /// # Errors
    /// [`UnknownIsa`] when the variable holds anything but a name from the list.
    pub fn selected() -> Result<Self, UnknownIsa> {
        match std::env::var(ISA_VARIABLE) {
            Ok(name) => name.parse(),
            Err(std::env::VarError::NotPresent) => Ok(Self::Portable),
            Err(std::env::VarError::NotUnicode(raw)) => {
                Err(UnknownIsa { found: raw.to_string_lossy().into_owned() })
            }
        }
    }
}

impl FromStr for Isa {
    type Err = UnknownIsa;

    fn from_str(name: &str) -> Result<Self, UnknownIsa> {
        match name {
            "portable" => Ok(Self::Portable),
            _ => Err(UnknownIsa { found: name.to_owned() }),
        }
    }
}

impl fmt::Display for Isa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Portable => "portable",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_parse_and_print_the_same() {
        assert_eq!("portable".parse::<Isa>().unwrap().to_string(), "portable");
        let error = "avx9".parse::<Isa>().unwrap_err();
        assert_eq!(error.to_string(), "NOPROPDT_ISA: wants one of: portable; found avx9");
    }
}
