//! Which instruction set kernels run with: names, detection, the choice of the user.

use super::bf16::Precision;
use super::{Kernels, detect};
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
    /// variable is read once. Of a set that is asked for no other is looked for: AMX tiles, for one, are found by using them.
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

    /// This instruction set's kernels. It is looked for when it is first asked for.
    ///
    /// # Errors
    /// [`IsaError::Missing`] when this machine has not got it.
    pub fn kernels(self) -> Result<&'static dyn Kernels, IsaError> {
        let found = DETECTED[self as usize].get_or_init(|| detect(self));
        found.as_deref().map(|kernels| kernels as &dyn Kernels).ok_or(IsaError::Missing { asked: self })
    }
}

/// What was found of each instruction set, in the order of [`Isa::ALL`]; empty where nobody has asked yet.
static DETECTED: [OnceLock<Option<Box<dyn Kernels>>>; Isa::ALL.len()] =
    [const { OnceLock::new() }; Isa::ALL.len()];

/// The kernels this machine can run, slowest first: what tests and benchmarks walk.
pub fn available() -> impl Iterator<Item = &'static dyn Kernels> {
    Isa::ALL.into_iter().filter_map(|isa| isa.kernels().ok())
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
    let asked = || std::env::var_os(ISA_VARIABLE).map(|name| name.to_string_lossy().into_owned());
    let isa = SELECTED.get_or_init(|| choose(asked().as_deref(), |isa| isa.kernels().is_ok()));
    isa.clone().and_then(Isa::kernels)
}

/// The instruction set that is asked for, if there is one of that name; else the fastest that `has` finds. Of the former, and of those
/// slower than the latter, nothing is looked for.
fn choose(asked: Option<&str>, has: impl Fn(Isa) -> bool) -> Result<Isa, IsaError> {
    match asked {
        Some(name) => name.parse(),
        None => Ok(Isa::ALL.into_iter().rev().find(|&isa| has(isa)).unwrap_or(Isa::Portable)),
    }
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
    use super::super::gemm::{Gemm, Operand};
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

    #[test]
    fn a_set_that_is_asked_for_is_taken_unseen_and_else_the_fastest_there_is() {
        for isa in Isa::ALL {
            let name = isa.to_string();
            assert_eq!(Isa::ALL[isa as usize], isa);
            assert_eq!(choose(Some(&name), |isa| panic!("looked for {isa}")), Ok(isa));
            let seen = std::cell::RefCell::new(Vec::new());
            let has = |candidate| {
                seen.borrow_mut().push(candidate);
                candidate <= isa
            };
            assert_eq!(choose(None, has), Ok(isa));
            assert_eq!(
                seen.into_inner(),
                Isa::ALL.into_iter().rev().take_while(|&c| c >= isa).collect::<Vec<_>>()
            );
        }
        assert!(matches!(choose(Some("avx9"), |_| true), Err(IsaError::Unknown { .. })));
    }

    /// Set for the process that [`alone`] is the only test of.
    const ALONE: &str = "NOPROPDT_TEST_ALONE";

    /// A process that is asked for one instruction set has looked for no other when it has run kernels.
    #[test]
    fn a_forced_set_looks_for_no_other() {
        for isa in available_names() {
            let this = std::env::current_exe().expect("a test knows its program");
            let output = std::process::Command::new(this)
                .args(["--exact", "kernels::isa::tests::alone", "--nocapture"])
                .env(ISA_VARIABLE, isa.to_string())
                .env(ALONE, "yes")
                .output()
                .expect("a test can start its program again");
            let told = String::from_utf8_lossy(&output.stdout).into_owned()
                + &String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{told}");
            assert!(told.contains(&format!("looked for [{isa:?}]")), "{isa}: {told}");
        }
    }

    /// What [`a_forced_set_looks_for_no_other`] starts; among other tests it has nothing to see.
    #[test]
    fn alone() {
        if std::env::var_os(ALONE).is_none() {
            return;
        }
        let (a, b) = (Operand::plain(&[1.0; 6]), Operand::plain(&[2.0; 12]));
        let mut c = [0.0; 8];
        Gemm { m: 2, n: 4, k: 3, a, b, accumulate: false, precision: Precision::F32 }.run(active(), &mut c);
        assert_eq!(c, [6.0; 8]);
        let looked_for: Vec<Isa> =
            Isa::ALL.into_iter().filter(|&isa| DETECTED[isa as usize].get().is_some()).collect();
        println!("looked for {looked_for:?}");
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
