//! Instruction sets by name.

use crate::precision::Precision;
use std::fmt;
use std::str::FromStr;

/// The environment variable that forces an instruction set.
pub const ISA_VARIABLE: &str = "NOPROPDT_ISA";

/// The instruction sets there are kernels for, slowest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Isa {
    /// Safe Rust, with matrixmultiply's own detection for the matrix products.
    Portable,
    /// 256-bit vectors with fused multiply-add.
    Avx2,
    /// 512-bit vectors.
    Avx512,
    /// 512-bit vectors, and products of bf16 pairs in one instruction.
    Avx512Bf16,
    /// The same, and AMX tiles for bf16 products.
    Amx,
}

/// [`ISA_VARIABLE`] asks for what can't be had.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum IsaError {
    /// The value names no instruction set this build has kernels for.
    Unknown {
        /// The value found.
        found: String,
    },
    /// This processor has not got the instruction set.
    Missing {
        /// The instruction set asked for.
        asked: Isa,
        /// Those it has.
        available: Vec<Isa>,
    },
}

impl fmt::Display for IsaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { found } => {
                write!(f, "{ISA_VARIABLE}: wants one of: {}; found {found}", names(&Isa::ALL))
            }
            Self::Missing { asked, available } => {
                write!(f, "{ISA_VARIABLE}: this processor has: {}; found {asked}", names(available))
            }
        }
    }
}

impl std::error::Error for IsaError {}

impl Isa {
    /// Every instruction set, slowest first.
    pub const ALL: [Self; 5] = [Self::Portable, Self::Avx2, Self::Avx512, Self::Avx512Bf16, Self::Amx];

    /// The precision kernels of this instruction set are fastest in.
    pub fn fastest_precision(self) -> Precision {
        if self >= Self::Avx512Bf16 { Precision::Bf16 } else { Precision::F32 }
    }
}

fn names(list: &[Isa]) -> String {
    list.iter().map(Isa::to_string).collect::<Vec<_>>().join(", ")
}

impl FromStr for Isa {
    type Err = IsaError;

    fn from_str(name: &str) -> Result<Self, IsaError> {
        let found = || IsaError::Unknown { found: name.to_owned() };
        Self::ALL.into_iter().find(|isa| isa.to_string() == name).ok_or_else(found)
    }
}

impl fmt::Display for Isa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Portable => "portable",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
            Self::Avx512Bf16 => "avx512bf16",
            Self::Amx => "amx",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_parse_and_print_the_same() {
        for isa in Isa::ALL {
            assert_eq!(isa.to_string().parse::<Isa>().unwrap(), isa);
        }
        let error = "avx9".parse::<Isa>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "NOPROPDT_ISA: wants one of: portable, avx2, avx512, avx512bf16, amx; found avx9"
        );
    }

    #[test]
    fn a_missing_instruction_set_is_named_beside_those_there_are() {
        let error = IsaError::Missing { asked: Isa::Avx512, available: vec![Isa::Portable, Isa::Avx2] };
        assert_eq!(error.to_string(), "NOPROPDT_ISA: this processor has: portable, avx2; found avx512");
    }
}
