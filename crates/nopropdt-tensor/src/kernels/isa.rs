//! Which instruction set kernels run with: names, detection, the choice of the user.

use super::bf16::Precision;
use super::{KERNELS, Kernels};
use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;

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
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IsaError {
    /// The value names no instruction set this build has kernels for.
    #[error("{ISA_VARIABLE}: wants one of: {}; found {found}", names(&Isa::ALL))]
    Unknown {
        /// The value found.
        found: String,
    },
    /// This processor has not got the instruction set.
    #[error("{ISA_VARIABLE}: this processor has: {}; found {asked}", names(&available_names()))]
    Missing {
        /// The instruction set asked for.
        asked: Isa,
    },
}

impl Isa {
    /// Every instruction set, slowest first.
    pub const ALL: [Self; 5] = [Self::Portable, Self::Avx2, Self::Avx512, Self::Avx512Bf16, Self::Amx];

    /// The instruction set kernels run with: the one [`ISA_VARIABLE`] asks for, else the best this machine has. The
    /// variable is read once.
    ///
    /// # Errors
    /// When the variable holds no name from the list, or that of an instruction set this machine has not got.
    pub fn selected() -> Result<Self, IsaError> {
        selected().map(Kernels::isa)
    }

    /// The precision kernels of this instruction set are fastest in.
    pub fn fastest_precision(self) -> Precision {
        if self >= Self::Avx512Bf16 { Precision::Bf16 } else { Precision::F32 }
    }

    /// This instruction set's kernels.
    ///
    /// # Errors
    /// [`IsaError::Missing`] when this machine has not got it.
    pub fn kernels(self) -> Result<&'static dyn Kernels, IsaError> {
        available().find(|kernels| kernels.isa() == self).ok_or(IsaError::Missing { asked: self })
    }
}

/// The kernels this machine can run, slowest first: what tests and benchmarks walk.
pub fn available() -> impl Iterator<Item = &'static dyn Kernels> {
    KERNELS.iter().map(|kernels| &**kernels as &dyn Kernels)
}

/// The kernels in use; see [`Isa::selected`].
///
/// # Panics
/// When [`ISA_VARIABLE`] asks for what can't be had. Programs call [`Isa::selected`] first and tell their user.
pub fn active() -> &'static dyn Kernels {
    selected().unwrap_or_else(|error| panic!("{error}"))
}

fn selected() -> Result<&'static dyn Kernels, IsaError> {
    static SELECTED: OnceLock<Result<Isa, IsaError>> = OnceLock::new();
    let isa = SELECTED.get_or_init(|| match std::env::var_os(ISA_VARIABLE) {
        Some(name) => name.to_string_lossy().parse::<Isa>(),
        None => Ok(available().map(Kernels::isa).max().unwrap_or(Isa::Portable)),
    });
    isa.clone().and_then(Isa::kernels)
}

fn available_names() -> Vec<Isa> {
    available().map(Kernels::isa).collect()
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
        let error = IsaError::Missing { asked: Isa::Avx512 }.to_string();
        assert!(error.starts_with("NOPROPDT_ISA: this processor has: portable"), "{error}");
        assert!(error.ends_with("; found avx512"), "{error}");
    }

    #[test]
    fn every_machine_has_the_portable_kernels_and_one_of_each() {
        let found = available_names();
        assert_eq!(found[0], Isa::Portable);
        assert!(found.is_sorted_by(|a, b| a < b), "{found:?}");
        found.into_iter().for_each(|isa| assert_eq!(isa.kernels().unwrap().isa(), isa));
    }

    /// What continuous integration asks for is what its tests run on.
    #[test]
    fn the_variable_is_obeyed() {
        match std::env::var(ISA_VARIABLE) {
            Ok(name) => assert_eq!(active().isa().to_string(), name),
            Err(_) => assert_eq!(Some(active().isa()), available_names().into_iter().max()),
        }
    }
}
